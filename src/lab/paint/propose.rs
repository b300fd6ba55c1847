//! Random instructions that can be carried out on a scene.

use super::edit;
use crate::lab::describe::with_article;
use crate::lab::generate::{WORDS, pick};
use crate::lab::refer::phrase;
use crate::lab::scene::{
    Action, Color, Country, Emotion, Garment, Item, Kind, Pictogram, Scene, Shape, Size, Surface, Weather,
};
use rand::Rng;

/// A random instruction that [`edit`] carries out on this scene.
pub fn propose_edit(scene: &Scene, rng: &mut impl Rng) -> String {
    for _ in 0..8 {
        let instruction = propose(scene, rng);
        if edit(scene, &instruction, 0).is_ok_and(|edited| edited != *scene) {
            return instruction;
        }
    }
    let others: Vec<Weather> = Weather::ALL
        .iter()
        .copied()
        .filter(|each| *each != scene.weather)
        .collect();
    format!("make it {}", pick(&others, rng).name())
}

fn propose(scene: &Scene, rng: &mut impl Rng) -> String {
    let index = rng.random_range(0..scene.objects.len().max(1));
    let Some(what) = phrase(scene, index) else {
        return format!("add {}", new_thing(rng));
    };
    match rng.random_range(0..8) {
        0 => format!("replace {what} with {}", new_thing(rng)),
        1 => format!("remove {what}"),
        2 => {
            let place = pick(&["left of", "right of", "above", "below"], rng);
            format!("add {} {place} {what}", new_thing(rng))
        }
        3 => format!(
            "move {what} to the {}",
            pick(&["left", "right", "top", "bottom"], rng)
        ),
        4 => format!("make {what} {}", pick(&["larger", "smaller"], rng)),
        5 => format!("make it {}", pick(Weather::ALL, rng).name()),
        6 => format!("make {what} {}", pick(Color::ALL, rng).name()),
        _ => inner(&scene.objects[index].kind, &what, rng),
    }
}

/// A change of what only this kind of thing has.
fn inner(kind: &Kind, what: &str, rng: &mut impl Rng) -> String {
    match kind {
        Kind::Shape(_) => format!("make {what} {}", pick(Surface::ALL, rng).name()),
        Kind::Clock { .. } => {
            format!(
                "set {what} to {}:{:02}",
                rng.random_range(1..=12),
                5 * rng.random_range(0..12)
            )
        }
        Kind::Flag(_) => format!("change {what} to {}", pick(Country::ALL, rng).name()),
        Kind::Sign(_) => format!("change {what} to {}", pick(Pictogram::ALL, rng).name()),
        Kind::Board(_) if rng.random_bool(0.5) => format!("change {what} to {}", pick(WORDS, rng)),
        Kind::Board(_) => format!("change {what} to {}", rng.random_range(10..100)),
        Kind::Person(_) => match rng.random_range(0..4) {
            0 => format!("make {what} hold {}", with_article(pick(Item::ALL, rng).name())),
            1 => format!(
                "make {what} wear {}",
                with_article(pick(Garment::ALL, rng).name())
            ),
            2 => format!("make {what} {}", pick(Emotion::ALL, rng).name()),
            _ => format!("make {what} {}", pick(Action::ALL, rng).name()),
        },
    }
}

fn new_thing(rng: &mut impl Rng) -> String {
    let size = pick(&Size::ALL[1..], rng).name();
    let color = pick(Color::ALL, rng).name();
    let thing = match rng.random_range(0..8) {
        0 => format!("{color} clock"),
        1 => format!("flag of {}", pick(Country::ALL, rng).name()),
        2 => format!("{} sign", pick(Pictogram::ALL, rng).name()),
        3 => format!("{} person in {color}", pick(Action::ALL, rng).name()),
        _ => {
            let surface = pick(Surface::ALL, rng).name();
            format!("{size} {surface} {color} {}", pick(Shape::ALL, rng).name())
        }
    };
    with_article(&thing)
}
