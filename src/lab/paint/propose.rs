//! Random instructions that can be carried out on a scene.

use super::edit;
use crate::lab::describe::with_article;
use crate::lab::generate::WORDS;
use crate::lab::refer::phrase;
use crate::lab::scene::{
    Action, Color, Country, Emotion, Garment, Item, Kind, Pictogram, Scene, Shape, Size, Surface, Weather,
};
use rand::Rng;
use rand::seq::IndexedRandom;

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
    format!("make it {}", any(&others, rng).name())
}

fn any<T: Copy>(all: &[T], rng: &mut impl Rng) -> T {
    *all.choose(rng).expect("closed sets are not empty")
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
            let place = any(&["left of", "right of", "above", "below"], rng);
            format!("add {} {place} {what}", new_thing(rng))
        }
        3 => format!(
            "move {what} to the {}",
            any(&["left", "right", "top", "bottom"], rng)
        ),
        4 => format!("make {what} {}", any(&["larger", "smaller"], rng)),
        5 => format!("make it {}", any(Weather::ALL, rng).name()),
        6 => format!("make {what} {}", any(Color::ALL, rng).name()),
        _ => inner(&scene.objects[index].kind, &what, rng),
    }
}

/// A change of what only this kind of thing has.
fn inner(kind: &Kind, what: &str, rng: &mut impl Rng) -> String {
    match kind {
        Kind::Shape(_) => format!("make {what} {}", any(Surface::ALL, rng).name()),
        Kind::Clock { .. } => {
            format!(
                "set {what} to {}:{:02}",
                rng.random_range(1..=12),
                5 * rng.random_range(0..12)
            )
        }
        Kind::Flag(_) => format!("change {what} to {}", any(Country::ALL, rng).name()),
        Kind::Sign(_) => format!("change {what} to {}", any(Pictogram::ALL, rng).name()),
        Kind::Board(_) if rng.random_bool(0.5) => format!("change {what} to {}", any(WORDS, rng)),
        Kind::Board(_) => format!("change {what} to {}", rng.random_range(10..100)),
        Kind::Person(_) => match rng.random_range(0..4) {
            0 => format!("make {what} hold {}", with_article(any(Item::ALL, rng).name())),
            1 => format!("make {what} wear {}", with_article(any(Garment::ALL, rng).name())),
            2 => format!("make {what} {}", any(Emotion::ALL, rng).name()),
            _ => format!("make {what} {}", any(Action::ALL, rng).name()),
        },
    }
}

fn new_thing(rng: &mut impl Rng) -> String {
    let size = any(&Size::ALL[1..], rng).name();
    let color = any(Color::ALL, rng).name();
    let thing = match rng.random_range(0..8) {
        0 => format!("{color} clock"),
        1 => format!("flag of {}", any(Country::ALL, rng).name()),
        2 => format!("{} sign", any(Pictogram::ALL, rng).name()),
        3 => format!("{} person in {color}", any(Action::ALL, rng).name()),
        _ => {
            let surface = any(Surface::ALL, rng).name();
            format!("{size} {surface} {color} {}", any(Shape::ALL, rng).name())
        }
    };
    with_article(&thing)
}
