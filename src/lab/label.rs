//! What every patch of a rendered scene shows: auxiliary supervision for the vision tower.
//!
//! A scene and its owner map go in; one class for each patch and head comes out. A patch belongs to the
//! object that owns most of its pixels that are not background, and says where that object's centre is and what
//! its whole text reads, so that comparing and reading start from what one patch knows. Left out: relations.

use super::generate::WORDS;
use super::layout::{Bounds, character_width};
use super::render::{CHARACTERS, Rendered, text_origin};
use super::scene::{
    Action, Color, Country, Emotion, Garment, Item, Kind, Object, Pictogram, SIDE, Scene, Shape, Size,
    Surface, Weather,
};

/// The target of a head that does not apply to a patch.
pub const IGNORE: i64 = -100;

/// The share of a patch's pixels that makes it an object's patch.
const SHARE: f32 = 0.12;

/// Nouns beyond the background (class 0): ten shapes, then clock, flag, board, sign, person.
const KINDS: usize = 1 + Shape::ALL.len() + 5;

/// Bins of a centre's place along an axis: 6 pixels each, finer than what questions ask about.
pub const BINS: usize = 16;

/// Name and number of classes of every head, in the order of [`labels`].
pub const HEADS: &[(&str, usize)] = &[
    ("kind", KINDS),
    ("color", Color::ALL.len()),
    ("surface", Surface::ALL.len()),
    ("size", Size::ALL.len()),
    ("across", BINS),
    ("down", BINS),
    // Whether the object's centre lies in this patch: each thing is counted once.
    ("centre", 2),
    ("country", Country::ALL.len()),
    ("pictogram", Pictogram::ALL.len()),
    ("action", Action::ALL.len()),
    ("emotion", Emotion::ALL.len()),
    ("holds", 1 + Item::ALL.len()),
    ("wears", 1 + Garment::ALL.len()),
    ("hour", 12),
    ("minute", 12),
    // The characters under the middles of a patch's left and right half; class 0 is none.
    ("left_character", 1 + CHARACTERS.len()),
    ("right_character", 1 + CHARACTERS.len()),
    // The whole text of a board: a number's two digits or the word; a number's head is silent on words.
    ("tens", 10),
    ("ones", 10),
    ("word", WORDS.len()),
    ("weather", Weather::ALL.len()),
];

/// The classes of all patches, row by row: `[patches × HEADS.len()]`, [`IGNORE`] where a head does not
/// apply. `patch` is the side of a patch in pixels; a rest at the right and bottom is left out.
///
/// # Panics
/// Where `patch` is 0.
#[must_use]
pub fn labels(scene: &Scene, rendered: &Rendered, patch: u32) -> Vec<i64> {
    let across = SIDE / patch;
    let mut labels = Vec::with_capacity((across * across) as usize * HEADS.len());
    for row in 0..across {
        for column in 0..across {
            let (left, top) = (column * patch, row * patch);
            let owner = owner(&rendered.owner, scene.objects.len(), left, top, patch);
            let start = labels.len();
            match owner {
                Some(index) => object_labels(&scene.objects[index], left, top, patch, &mut labels),
                None => labels.push(0),
            }
            labels.resize(start + HEADS.len() - 1, IGNORE);
            labels.push(scene.weather as i64);
        }
    }
    labels
}

/// The object that owns most of a patch, if it owns enough.
fn owner(owners: &[u8], objects: usize, left: u32, top: u32, patch: u32) -> Option<usize> {
    let mut pixels = vec![0_u32; objects + 1];
    for y in top..top + patch {
        for &owner in &owners[(y * SIDE + left) as usize..(y * SIDE + left + patch) as usize] {
            pixels[usize::from(owner)] += 1;
        }
    }
    let (index, &most) = pixels[1..]
        .iter()
        .enumerate()
        .max_by_key(|&(index, count)| (*count, std::cmp::Reverse(index)))?;
    (most as f32 >= SHARE * (patch * patch) as f32).then_some(index)
}

/// The bin of a centre's coordinate.
fn bin(coordinate: f32) -> i64 {
    (coordinate * BINS as f32 / SIDE as f32).clamp(0.0, BINS as f32 - 1.0) as i64
}

/// All heads of an object's patch but the last, the weather.
fn object_labels(object: &Object, left: u32, top: u32, patch: u32, labels: &mut Vec<i64>) {
    let shapes = Shape::ALL.len() as i64;
    let color = object.color as i64;
    let structured = |kind: i64, color: i64| [1 + shapes + kind, color, IGNORE, object.size as i64];
    let first = match &object.kind {
        Kind::Shape(shape) => [
            1 + *shape as i64,
            color,
            object.surface as i64,
            object.size as i64,
        ],
        Kind::Clock { .. } => structured(0, color),
        Kind::Flag(_) => structured(1, IGNORE),
        Kind::Board(_) => structured(2, color),
        Kind::Sign(_) => structured(3, IGNORE),
        Kind::Person(_) => structured(4, color),
    };
    labels.extend(first);
    let inside = |centre: f32, start: u32| (start as f32..(start + patch) as f32).contains(&centre);
    let centred = inside(object.x, left) && inside(object.y, top);
    labels.extend([bin(object.x), bin(object.y), i64::from(centred)]);
    let mut rest = [IGNORE; HEADS_OF_KINDS];
    match &object.kind {
        Kind::Shape(_) => {}
        Kind::Flag(country) => rest[0] = *country as i64,
        Kind::Sign(pictogram) => rest[1] = *pictogram as i64,
        Kind::Person(person) => {
            rest[2] = person.action as i64;
            rest[3] = person.emotion as i64;
            rest[4] = person.holds.map_or(0, |item| 1 + item as i64);
            rest[5] = person.wears.map_or(0, |garment| 1 + garment as i64);
        }
        Kind::Clock { hour, minute } => {
            rest[6] = i64::from(hour % 12);
            rest[7] = i64::from(minute / 5 % 12);
        }
        Kind::Board(text) => {
            for (half, label) in rest[8..10].iter_mut().enumerate() {
                let x = left + patch / 4 + half as u32 * patch / 2;
                *label = character(object, text, x as i32, top as i32, patch as i32);
            }
            if let Ok(number @ 10..100) = text.parse::<i64>() {
                [rest[10], rest[11]] = [number / 10, number % 10];
            } else if let Some(word) = WORDS.iter().position(|word| word == text) {
                rest[12] = word as i64;
            }
        }
    }
    labels.extend(rest);
}

/// The heads between the seven that all objects share and the weather.
const HEADS_OF_KINDS: usize = 13;

/// The class of the character in column `x` of a patch; 0 where the patch shows none of the text's lines.
fn character(object: &Object, text: &str, x: i32, top: i32, patch: i32) -> i64 {
    let (left, text_top) = text_origin(object);
    let text_bottom = Bounds::of(object).bottom as i32 - 4;
    // A patch that shows less than a third of the line's height cannot be read.
    let visible = (top + patch).min(text_bottom) - top.max(text_top);
    if 3 * visible < text_bottom - text_top || x < left {
        return 0;
    }
    let at = (x - left) as usize / character_width(object.size) as usize;
    let Some(character) = text.chars().nth(at) else {
        return 0;
    };
    let character = character.to_ascii_uppercase();
    let class = CHARACTERS
        .chars()
        .position(|each| each == character)
        .unwrap_or(CHARACTERS.len() - 1);
    1 + class as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::generate::{Split, World};
    use crate::lab::render::render;

    fn head(labels: &[i64], name: &str) -> Vec<i64> {
        let at = HEADS.iter().position(|(head, _)| *head == name).unwrap();
        labels.iter().skip(at).step_by(HEADS.len()).copied().collect()
    }

    #[test]
    fn labels_are_classes_of_their_heads() {
        for (patch, patches) in [(12, 64), (16, 36)] {
            for difficulty in 0..4 {
                let world = World {
                    seed: 1,
                    difficulty,
                    split: Split::Train,
                };
                for index in 0..100 {
                    let scene = world.scene(index);
                    let labels = labels(&scene, &render(&scene), patch);
                    assert_eq!(labels.len(), patches * HEADS.len());
                    for (at, &label) in labels.iter().enumerate() {
                        let (name, classes) = HEADS[at % HEADS.len()];
                        assert!(
                            label == IGNORE || (0..classes as i64).contains(&label),
                            "{name}: {label}"
                        );
                    }
                    assert!(head(&labels, "kind").iter().all(|label| *label != IGNORE));
                    assert!(
                        head(&labels, "weather")
                            .iter()
                            .all(|label| *label == scene.weather as i64)
                    );
                }
            }
        }
    }

    #[test]
    fn most_things_have_a_patch_and_words_are_read_in_order() {
        let (mut things, mut shown, mut boards, mut read) = (0, 0, 0, 0);
        for index in 0..300 {
            let scene = World::new(4).scene(index);
            let labels = labels(&scene, &render(&scene), 12);
            let kinds = head(&labels, "kind");
            for object in &scene.objects {
                let class = match &object.kind {
                    Kind::Shape(shape) => 1 + *shape as i64,
                    Kind::Clock { .. } => 11,
                    Kind::Flag(_) => 12,
                    Kind::Board(_) => 13,
                    Kind::Sign(_) => 14,
                    Kind::Person(_) => 15,
                };
                things += 1;
                shown += usize::from(kinds.contains(&class));
                if let Kind::Board(text) = &object.kind {
                    let halves = head(&labels, "left_character")
                        .into_iter()
                        .zip(head(&labels, "right_character"));
                    let mut line: Vec<i64> = halves
                        .flat_map(|(left, right)| [left, right])
                        .filter(|each| *each > 0)
                        .collect();
                    line.sort_unstable();
                    line.dedup();
                    let mut wanted: Vec<i64> = (text.to_uppercase().chars())
                        .map(|each| 1 + CHARACTERS.chars().position(|other| other == each).unwrap() as i64)
                        .collect();
                    wanted.sort_unstable();
                    wanted.dedup();
                    boards += 1;
                    read += usize::from(wanted.iter().all(|each| line.contains(each)));
                }
            }
        }
        assert!(shown * 100 >= things * 98, "{shown} of {things}");
        assert!(read * 100 >= boards * 90, "{read} of {boards}");
    }
}
