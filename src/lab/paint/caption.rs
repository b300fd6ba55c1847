//! Captions: "an image of a large red star and a person in blue wearing a hat on a snowy day".

use super::MOST_OBJECTS;
use super::compose::{Place, build, settle};
use crate::lab::describe::{Description, shown, with_article, words};
use crate::lab::generate::{arrange, pick};
use crate::lab::layout::{anywhere, extent};
use crate::lab::refer::{find_words, phrase};
use crate::lab::scene::{Action, Kind, Object, Scene, Surface, Weather};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Says all that a scene shows, but where things stand. A touch is told where a phrase tells what is
/// touched from everything else.
#[must_use]
pub fn caption(scene: &Scene) -> String {
    let things: Vec<String> = scene
        .objects
        .iter()
        .map(|object| {
            let mut said = Description::of(object);
            // What is not said to have a surface is plain.
            said.surface = said.surface.filter(|surface| *surface != Surface::Plain);
            let thing = with_article(&said.to_string());
            let touched = match &object.kind {
                Kind::Person(person) => person.touches.and_then(|other| phrase(scene, other)),
                _ => None,
            };
            touched.map_or(thing.clone(), |touched| format!("{thing} touching {touched}"))
        })
        .collect();
    let things = match &things[..] {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    let weather = match scene.weather {
        Weather::Night => "at night".to_owned(),
        other => format!("on a {} day", other.name()),
    };
    format!("an image of {things} {weather}")
}

/// Draws a described scene. The seed decides places and what the caption leaves open.
///
/// # Errors
/// What was not understood, or that there are too many things.
pub fn generate(caption: &str, seed: u64) -> Result<Scene, String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let spaced = caption.replace(',', " and ");
    let words = words(&spaced);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (things, weather) = cut_weather(opening(&words));
    let weather = weather.unwrap_or_else(|| pick(Weather::ALL, &mut rng));
    let mut objects = Vec::new();
    let mut touches = Vec::new();
    for thing in things
        .split(|word| *word == "and")
        .filter(|thing| !thing.is_empty())
    {
        if thing == ["nothing"] {
            continue;
        }
        let (what, touched) = match thing.iter().position(|word| *word == "touching") {
            Some(at) => (&thing[..at], Some(&thing[at + 1..])),
            None => (thing, None),
        };
        let (count, what) = counted(what);
        let what: Vec<&str> = what.iter().map(String::as_str).collect();
        let said = Description::parse(&what)?;
        if objects.len() + count > MOST_OBJECTS {
            return Err(format!("a scene has at most {MOST_OBJECTS} things"));
        }
        for _ in 0..count {
            touches.extend(touched.map(|touched| (objects.len(), touched)));
            objects.push(build(&said, &mut rng)?);
        }
    }
    if objects.is_empty() && !things.contains(&"nothing") {
        return Err(format!("`{}` names no thing", shown(caption)));
    }
    let mut scene = Scene { weather, objects };
    for (index, touched) in touches {
        let other = find_words(&scene, touched)?;
        touch(&mut scene.objects, index, other)?;
    }
    lay_out(&mut scene, &mut rng)?;
    Ok(scene)
}

/// The caption without its opening: "an image of …".
fn opening<'a, 'w>(words: &'a [&'w str]) -> &'a [&'w str] {
    match words {
        [
            "a" | "an" | "the",
            "image" | "picture" | "photo" | "drawing" | "scene",
            "of" | "with" | "showing",
            rest @ ..,
        ]
        | [
            "image" | "picture" | "photo" | "drawing" | "scene",
            "of" | "with" | "showing",
            rest @ ..,
        ] => rest,
        other => other,
    }
}

/// Takes the weather off the end.
fn cut_weather<'a, 'w>(words: &'a [&'w str]) -> (&'a [&'w str], Option<Weather>) {
    match words {
        [rest @ .., "at", "night"] => (rest, Some(Weather::Night)),
        [rest @ .., "in", "the", "rain"] => (rest, Some(Weather::Rainy)),
        [rest @ .., "in", "the", "snow"] => (rest, Some(Weather::Snowy)),
        [rest @ .., "on" | "under", "a", weather, "day" | "sky"] => match Weather::parse(weather) {
            Some(weather) => (rest, Some(weather)),
            None => (words, None),
        },
        _ => (words, None),
    }
}

/// "two red stars" is two times a "red star".
fn counted(words: &[&str]) -> (usize, Vec<String>) {
    const NUMBERS: [&str; 11] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let count = words.first().and_then(|word| {
        NUMBERS
            .iter()
            .position(|number| number == word)
            .or_else(|| word.parse().ok().filter(|count| *count <= MOST_OBJECTS))
    });
    match count {
        Some(count) => (count, words[1..].iter().map(|word| singular(word)).collect()),
        None => (1, words.iter().map(|word| (*word).to_owned()).collect()),
    }
}

fn singular(word: &str) -> String {
    match word {
        "crosses" => "cross",
        "people" => "person",
        "cross" => word,
        other => other.strip_suffix('s').unwrap_or(other),
    }
    .to_owned()
}

fn touch(objects: &mut [Object], index: usize, other: usize) -> Result<(), String> {
    match &mut objects[index].kind {
        _ if index == other => Err("nobody touches themselves here".to_owned()),
        Kind::Person(person) if person.action != Action::Lying => {
            person.touches = Some(other);
            Ok(())
        }
        _ => Err("only a person who is upright can touch".to_owned()),
    }
}

/// Apart if possible, else overlapping a little, else wherever it fits best.
fn lay_out(scene: &mut Scene, rng: &mut ChaCha8Rng) -> Result<(), String> {
    for difficulty in [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2] {
        if arrange(&mut scene.objects, difficulty, rng) {
            settle(scene);
            return Ok(());
        }
    }
    for index in 0..scene.objects.len() {
        let (x, y) = anywhere(extent(&scene.objects[index]), rng);
        Place::Near(x, y).put(scene, index, rng)?;
    }
    settle(scene);
    Ok(())
}
