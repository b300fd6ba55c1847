//! Making things from descriptions and finding room for them.

use super::MOST_OBJECTS;
use crate::lab::describe::{Description, Noun, with_article};
use crate::lab::generate::{WORDS, pick};
use crate::lab::layout::{Bounds, anywhere, extent, keep_inside, overlap, touching_side};
use crate::lab::refer::find_words;
use crate::lab::scene::{
    Action, Color, Country, Emotion, Kind, Object, Person, Pictogram, SIDE, Scene, Size, Surface,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Makes what is described; what is left open is drawn at random.
pub(super) fn build(said: &Description, rng: &mut ChaCha8Rng) -> Result<Object, String> {
    let noun = said.noun.ok_or("`object` does not say what to draw")?;
    refuse_misfits(said, noun)?;
    let kind = match noun {
        Noun::Shape(shape) => Kind::Shape(shape),
        Noun::Clock => {
            let (hour, minute) = said
                .time
                .unwrap_or_else(|| (rng.random_range(1..=12), 5 * rng.random_range(0..12)));
            Kind::Clock { hour, minute }
        }
        Noun::Flag => Kind::Flag(open(said.country, Country::ALL, rng)),
        Noun::Board => Kind::Board(
            said.text
                .clone()
                .unwrap_or_else(|| open(None, WORDS, rng).to_owned()),
        ),
        Noun::Sign => Kind::Sign(open(said.pictogram, Pictogram::ALL, rng)),
        Noun::Person => Kind::Person(Person {
            action: said.action.unwrap_or(Action::Standing),
            emotion: open(said.emotion, Emotion::ALL, rng),
            holds: said.holds,
            wears: said.wears,
            touches: None,
        }),
    };
    Ok(Object {
        kind,
        color: open(said.color, Color::ALL, rng),
        surface: said.surface.unwrap_or(Surface::Plain),
        size: said.size.unwrap_or(Size::Medium),
        x: SIDE as f32 / 2.0,
        y: SIDE as f32 / 2.0,
    })
}

/// What was said, or any of all.
fn open<T: Copy>(said: Option<T>, all: &[T], rng: &mut ChaCha8Rng) -> T {
    said.unwrap_or_else(|| pick(all, rng))
}

/// Says which attribute the noun cannot have.
fn refuse_misfits(said: &Description, noun: Noun) -> Result<(), String> {
    let bare = Description {
        noun: Some(noun),
        ..Description::default()
    };
    let shape = matches!(noun, Noun::Shape(_));
    let person = noun == Noun::Person;
    let wrong = [
        (
            said.color.is_some() && matches!(noun, Noun::Flag | Noun::Sign),
            "colour of one's choice",
        ),
        (said.surface.is_some() && !shape, "surface"),
        (said.time.is_some() && noun != Noun::Clock, "time"),
        (said.text.is_some() && noun != Noun::Board, "text"),
        (said.country.is_some() && noun != Noun::Flag, "country"),
        (said.pictogram.is_some() && noun != Noun::Sign, "pictogram"),
        (said.action.is_some() && !person, "pose"),
        (said.emotion.is_some() && !person, "face"),
        (said.holds.is_some() && !person, "hand"),
        (said.wears.is_some() && !person, "clothes"),
    ];
    match wrong.into_iter().find(|(wrong, _)| *wrong) {
        Some((_, attribute)) => Err(format!("{} has no {attribute}", with_article(&bare.to_string()))),
        None => Ok(()),
    }
}

/// Where a thing is to stand.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// As near as possible to a point.
    Near(f32, f32),
    /// At a side of the picture.
    Edge(Side),
    /// Beside another thing.
    Beside(Side, usize),
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
    Above,
    Below,
}

impl Side {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "left" => Some(Self::Left),
            "right" => Some(Self::Right),
            "above" | "top" => Some(Self::Above),
            "below" | "under" | "bottom" => Some(Self::Below),
            _ => None,
        }
    }
}

impl Place {
    /// Cuts a place off the end of a phrase: "a star left of the clock", "the cup to the top".
    pub(super) fn split<'a, 'w>(
        scene: &Scene,
        words: &'a [&'w str],
    ) -> Result<(&'a [&'w str], Option<Self>), String> {
        let Some(at) = words.iter().position(|word| {
            Side::parse(word).is_some() || matches!(*word, "middle" | "center" | "centre" | "next" | "beside")
        }) else {
            return Ok((words, None));
        };
        // "turn left sign": the side is part of the noun.
        if at > 0 && words[at - 1] == "turn" {
            let (_, place) = Self::split(scene, &words[at + 1..])?;
            let rest = &words[at + 1..];
            let kept = Self::split(scene, rest)?.0.len();
            return Ok((&words[..=at + kept], place));
        }
        let mut what = &words[..at];
        while let [rest @ .., "to" | "in" | "on" | "at" | "the"] = what {
            what = rest;
        }
        let mut other = &words[at + 1..];
        while let ["of" | "to" | "side" | "edge" | "corner", rest @ ..] = other {
            other = rest;
        }
        let side = Side::parse(words[at]);
        let whole = other.is_empty() || matches!(other, ["the", "picture" | "image" | "scene"]);
        let place = match (side, whole) {
            (Some(side), true) => Self::Edge(side),
            (None, true) => Self::Near(SIDE as f32 / 2.0, SIDE as f32 / 2.0),
            (side, false) => Self::Beside(side.unwrap_or(Side::Right), find_words(scene, other)?),
        };
        Ok((what, Some(place)))
    }

    /// Gives an object its place: free of others, if there is such a place.
    pub(super) fn put(self, scene: &mut Scene, index: usize, rng: &mut ChaCha8Rng) -> Result<(), String> {
        let mut object = scene.objects[index].clone();
        keep_inside(&mut object);
        let side = SIDE as f32;
        let reach = extent(&object);
        let (wanted, other) = match self {
            Self::Near(x, y) => ((x, y), None),
            Self::Edge(Side::Left) => ((0.0, object.y), None),
            Self::Edge(Side::Right) => ((side, object.y), None),
            Self::Edge(Side::Above) => ((object.x, 0.0), None),
            Self::Edge(Side::Below) => ((object.x, side), None),
            Self::Beside(_, other) if other == index => return Err("nothing stands beside itself".to_owned()),
            Self::Beside(_, other) => {
                let other = &scene.objects[other];
                ((other.x, other.y), Some(Bounds::of(other)))
            }
        };
        let mut best: Option<(f32, (f32, f32))> = None;
        for row in 0..=32_u8 {
            for column in 0..=32_u8 {
                let mut moved = Object {
                    x: f32::from(column) * 3.0,
                    y: f32::from(row) * 3.0,
                    ..object.clone()
                };
                keep_inside(&mut moved);
                let bounds = Bounds::around(moved.x, moved.y, reach);
                if !self.allows(&bounds, other.as_ref()) {
                    continue;
                }
                let covered: f32 = (scene.objects.iter().enumerate())
                    .filter(|(at, _)| *at != index)
                    .map(|(_, each)| overlap(&bounds.grown(1.0), &Bounds::of(each)))
                    .sum();
                let away = (moved.x - wanted.0).hypot(moved.y - wanted.1);
                let cost = covered * 200.0 + away + rng.random::<f32>() * 0.01;
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, (moved.x, moved.y)));
                }
            }
        }
        let (_, (x, y)) = best.ok_or("there is no room there")?;
        let object = &mut scene.objects[index];
        (object.x, object.y) = (x, y);
        Ok(())
    }

    fn allows(self, bounds: &Bounds, other: Option<&Bounds>) -> bool {
        let third = SIDE as f32 / 3.0;
        let (x, y) = (
            f32::midpoint(bounds.left, bounds.right),
            f32::midpoint(bounds.top, bounds.bottom),
        );
        match (self, other) {
            (Self::Near(..), _) => true,
            (Self::Edge(Side::Left), _) => x <= third || bounds.left <= 3.0,
            (Self::Edge(Side::Right), _) => x >= 2.0 * third || bounds.right >= 3.0 * third - 3.0,
            (Self::Edge(Side::Above), _) => y <= third || bounds.top <= 3.0,
            (Self::Edge(Side::Below), _) => y >= 2.0 * third || bounds.bottom >= 3.0 * third - 3.0,
            (Self::Beside(Side::Left, _), Some(other)) => bounds.right <= other.left,
            (Self::Beside(Side::Right, _), Some(other)) => bounds.left >= other.right,
            (Self::Beside(Side::Above, _), Some(other)) => bounds.bottom <= other.top,
            (Self::Beside(Side::Below, _), Some(other)) => bounds.top >= other.bottom,
            (Self::Beside(..), None) => false,
        }
    }
}

/// Puts a new object into the scene, anywhere free if no place is named.
pub(super) fn insert(
    scene: &mut Scene,
    object: Object,
    place: Option<Place>,
    rng: &mut ChaCha8Rng,
) -> Result<(), String> {
    if scene.objects.len() >= MOST_OBJECTS {
        return Err(format!(
            "the scene is full: it has {} things",
            scene.objects.len()
        ));
    }
    let (x, y) = anywhere(extent(&object), rng);
    scene.objects.push(object);
    place
        .unwrap_or(Place::Near(x, y))
        .put(scene, scene.objects.len() - 1, rng)
}

/// Lets go of what no longer stands beside the one who touched it.
pub(super) fn settle(scene: &mut Scene) {
    for index in 0..scene.objects.len() {
        let Kind::Person(person) = &scene.objects[index].kind else {
            continue;
        };
        let holds_on = person.touches.is_none_or(|other| {
            other != index
                && scene
                    .objects
                    .get(other)
                    .is_some_and(|other| touching_side(&scene.objects[index], other).is_some())
        });
        if !holds_on && let Kind::Person(person) = &mut scene.objects[index].kind {
            person.touches = None;
        }
    }
}
