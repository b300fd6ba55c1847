//! A painter on the scene graph: carries out instructions and draws described scenes.
//!
//! A scene and a sentence go in; another scene comes out, or the reason in words why not: what was not
//! understood, not found, ambiguous or without room. Left out: pronouns, and several edits in a sentence.

mod caption;
mod change;
mod compose;
mod propose;

pub use caption::{caption, generate};
pub use propose::propose_edit;

use super::describe::{Description, shown, words};
use super::layout;
use super::refer::find_words;
use super::scene::{Kind, Scene};
use change::Change;
use compose::{Place, build, insert};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// More things than this are not drawn into a scene.
pub const MOST_OBJECTS: usize = 24;

/// Carries out one instruction: "replace the red circle with a green star", "make the clock larger",
/// "move the person to the left", "set the clock to 3:25", "make it snowy". The seed decides what the
/// instruction leaves open.
///
/// # Errors
/// Why it cannot be carried out.
pub fn edit(scene: &Scene, instruction: &str, seed: u64) -> Result<Scene, String> {
    let words = words(instruction);
    let words: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "please")
        .collect();
    let mut scene = scene.clone();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let [verb, rest @ ..] = &words[..] else {
        return Err("the instruction is empty".to_owned());
    };
    match *verb {
        "replace" | "swap" | "exchange" => {
            let (old, new) = cut(rest, &["with", "by", "for"])?;
            replace(&mut scene, old, new, &mut rng)?;
        }
        "add" | "draw" | "insert" | "put" | "place" => add(&mut scene, rest, &mut rng)?,
        "remove" | "delete" | "erase" => {
            let index = find_words(&scene, rest)?;
            layout::remove(&mut scene.objects, index);
        }
        "move" | "shift" => {
            let (what, place) = Place::split(&scene, rest)?;
            let place =
                place.ok_or_else(|| format!("where to? `{}` names no place", shown(&rest.join(" "))))?;
            let index = find_words(&scene, what)?;
            place.put(&mut scene, index, &mut rng)?;
        }
        "make" | "turn" | "paint" | "color" | "colour" | "recolor" | "recolour" | "let" => {
            let (index, change) = Change::split(&scene, rest)?;
            change.apply(&mut scene, index, &mut rng)?;
        }
        "set" | "change" => {
            let (what, value) = cut(rest, &["to", "into"])?;
            set(&mut scene, what, value, &mut rng)?;
        }
        other => return Err(format!("I do not know how to `{}`", shown(other))),
    }
    compose::settle(&mut scene);
    Ok(scene)
}

/// The words before and after the last of the separators.
fn cut<'a, 'w>(words: &'a [&'w str], separators: &[&str]) -> Result<(&'a [&'w str], &'a [&'w str]), String> {
    let at = words
        .iter()
        .rposition(|word| separators.contains(word))
        .ok_or_else(|| format!("`{}` lacks a `{}`", shown(&words.join(" ")), separators[0]))?;
    Ok((&words[..at], &words[at + 1..]))
}

fn replace(scene: &mut Scene, old: &[&str], new: &[&str], rng: &mut ChaCha8Rng) -> Result<(), String> {
    let index = find_words(scene, old)?;
    let mut said = Description::parse(new)?;
    let before = &scene.objects[index];
    said.size = said.size.or(Some(before.size));
    let (x, y) = (before.x, before.y);
    let mut object = build(&said, rng)?;
    (object.x, object.y) = (x, y);
    scene.objects[index] = object;
    Place::Near(x, y).put(scene, index, rng)
}

fn add(scene: &mut Scene, words: &[&str], rng: &mut ChaCha8Rng) -> Result<(), String> {
    let (what, place) = Place::split(scene, words)?;
    let object = build(&Description::parse(what)?, rng)?;
    insert(scene, object, place, rng)
}

/// "change X to Y": a new value of an attribute, or another thing.
fn set(scene: &mut Scene, what: &[&str], value: &[&str], rng: &mut ChaCha8Rng) -> Result<(), String> {
    let what = match what {
        ["the", rest @ ..] => rest,
        all => all,
    };
    let index = match what {
        ["weather" | "sky" | "it" | "scene"] => None,
        ["text" | "word" | "number"] => Some(only(scene, "board", |kind| matches!(kind, Kind::Board(_)))?),
        ["time"] => Some(only(scene, "clock", |kind| matches!(kind, Kind::Clock { .. }))?),
        [
            "text" | "word" | "number" | "time" | "color" | "colour" | "size" | "surface" | "material",
            "of" | "on",
            rest @ ..,
        ] => Some(find_words(scene, rest)?),
        other => Some(find_words(scene, other)?),
    };
    match (Change::parse(value), index) {
        (Ok(change), _) => change.apply(scene, index, rng),
        (Err(_), Some(_)) if Description::parse(value).is_ok() => replace(scene, what, value, rng),
        (Err(problem), _) => Err(problem),
    }
}

/// The only object of a kind.
fn only(scene: &Scene, noun: &str, is: impl Fn(&Kind) -> bool) -> Result<usize, String> {
    let all: Vec<usize> = (0..scene.objects.len())
        .filter(|&at| is(&scene.objects[at].kind))
        .collect();
    match all[..] {
        [index] => Ok(index),
        [] => Err(format!("there is no {noun}")),
        _ => Err(format!("there are {} {noun}s", all.len())),
    }
}

#[cfg(test)]
mod tests;
