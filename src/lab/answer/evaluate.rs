//! What phrases stand for in a scene, and what is true of it.

use super::Unanswerable;
use super::query::{Attribute, Determiner, Direction, Extreme, Noun, Phrase, Predicate};
use crate::lab::scene::{Kind, Object, Person, SIDE, Scene};

/// Two positions closer than this, in pixels, are too close to tell which is farther left.
const MARGIN: f32 = 3.0;

/// Something that a phrase can stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entity {
    /// The object with this index.
    Object(usize),
    /// What the person with this index holds.
    Held(usize),
    /// What the person with this index wears.
    Worn(usize),
}

/// True, false, or `None` where the predicate makes no sense for the thing.
type Truth = Result<Option<bool>, Unanswerable>;

/// The one thing that a phrase stands for.
pub(super) fn refer(scene: &Scene, phrase: &Phrase) -> Result<Entity, Unanswerable> {
    match matching(scene, phrase)?[..] {
        [one] => Ok(one),
        [] => Err(Unanswerable::Absent(format!(
            "nothing here is \"{}\"",
            phrase.words
        ))),
        ref several => Err(Unanswerable::Ambiguous(format!(
            "{} things here are \"{}\"",
            several.len(),
            phrase.words
        ))),
    }
}

/// The one object that a phrase stands for.
pub(super) fn refer_object<'a>(scene: &'a Scene, phrase: &Phrase) -> Result<&'a Object, Unanswerable> {
    match refer(scene, phrase)? {
        Entity::Object(index) => Ok(&scene.objects[index]),
        _ => Err(Unanswerable::Nonsense(format!(
            "\"{}\" is no thing of its own",
            phrase.words
        ))),
    }
}

/// Everything that a phrase fits.
pub(super) fn matching(scene: &Scene, phrase: &Phrase) -> Result<Vec<Entity>, Unanswerable> {
    let mut found: Vec<Entity> = everything(scene)
        .filter(|&each| is_a(scene, each, phrase.noun))
        .collect();
    for filter in &phrase.filters {
        let mut kept = vec![];
        for entity in found {
            if holds(scene, entity, filter)? == Some(true) {
                kept.push(entity);
            }
        }
        found = kept;
    }
    match phrase.extreme {
        Some(extreme) => farthest(scene, &found, extreme, &phrase.words),
        None => Ok(found),
    }
}

fn everything(scene: &Scene) -> impl Iterator<Item = Entity> {
    let carried = scene.objects.iter().enumerate().flat_map(|(index, object)| {
        let person = person(object);
        let held = person
            .and_then(|person| person.holds)
            .map(|_| Entity::Held(index));
        held.into_iter().chain(
            person
                .and_then(|person| person.wears)
                .map(|_| Entity::Worn(index)),
        )
    });
    (0..scene.objects.len()).map(Entity::Object).chain(carried)
}

pub(super) fn person(object: &Object) -> Option<&Person> {
    if let Kind::Person(person) = &object.kind {
        Some(person)
    } else {
        None
    }
}

fn is_a(scene: &Scene, entity: Entity, noun: Noun) -> bool {
    match entity {
        Entity::Held(index) => {
            let held = person(&scene.objects[index]).and_then(|person| person.holds);
            held.is_some_and(|held| noun == Noun::Item(held))
        }
        Entity::Worn(index) => {
            let worn = person(&scene.objects[index]).and_then(|person| person.wears);
            worn.is_some_and(|worn| noun == Noun::Garment(worn))
        }
        Entity::Object(index) => match (&scene.objects[index].kind, noun) {
            (_, Noun::Thing)
            | (Kind::Shape(_), Noun::AnyShape)
            | (Kind::Clock { .. }, Noun::Clock)
            | (Kind::Flag(_), Noun::Flag)
            | (Kind::Board(_), Noun::Board)
            | (Kind::Sign(_), Noun::Sign)
            | (Kind::Person(_), Noun::Person) => true,
            (Kind::Shape(shape), Noun::Shape(asked)) => *shape == asked,
            _ => false,
        },
    }
}

fn farthest(
    scene: &Scene,
    among: &[Entity],
    extreme: Extreme,
    words: &str,
) -> Result<Vec<Entity>, Unanswerable> {
    let measure = |entity: &Entity| match entity {
        Entity::Object(index) => {
            let object = &scene.objects[*index];
            Some(match extreme {
                Extreme::Largest => object.size as u8 as f32,
                Extreme::Smallest => -(object.size as u8 as f32),
                Extreme::Farthest(direction) => direction.towards(object),
            })
        }
        _ => None,
    };
    let close = if matches!(extreme, Extreme::Farthest(_)) {
        MARGIN
    } else {
        0.5
    };
    let mut measured: Vec<(f32, Entity)> = among
        .iter()
        .filter_map(|each| Some((measure(each)?, *each)))
        .collect();
    measured.sort_by(|one, other| other.0.total_cmp(&one.0));
    match measured[..] {
        [] => Ok(vec![]),
        [first, second, ..] if first.0 - second.0 < close => Err(Unanswerable::Ambiguous(format!(
            "more than one thing could be \"{words}\""
        ))),
        [first, ..] => Ok(vec![first.1]),
    }
}

/// Whether a predicate is true of a thing.
pub(super) fn holds(scene: &Scene, entity: Entity, predicate: &Predicate) -> Truth {
    match predicate {
        Predicate::Here => return Ok(Some(true)),
        Predicate::Is(phrase) => return Ok(Some(matching(scene, phrase)?.contains(&entity))),
        Predicate::Not(inner) => return Ok(holds(scene, entity, inner)?.map(|truth| !truth)),
        Predicate::Both(one, other) => {
            let both = holds(scene, entity, one)?.zip(holds(scene, entity, other)?);
            return Ok(both.map(|(one, other)| one && other));
        }
        _ => {}
    }
    let Entity::Object(index) = entity else {
        return Ok(None);
    };
    let object = &scene.objects[index];
    let person = person(object);
    Ok(match predicate {
        Predicate::Color(color) => has_color(object).then_some(object.color == *color),
        Predicate::Surface(surface) => is_shape(object).then_some(object.surface == *surface),
        Predicate::Size(size) => Some(object.size == *size),
        Predicate::Acts(action) => person.map(|person| person.action == *action),
        Predicate::Feels(emotion) => person.map(|person| person.emotion == *emotion),
        Predicate::Says(text) => message(object).map(|message| message == *text),
        Predicate::Half(direction) => {
            let centre = Object {
                x: SIDE as f32 / 2.0,
                y: SIDE as f32 / 2.0,
                ..object.clone()
            };
            Some(is_beside(object, &centre, *direction)?)
        }
        Predicate::Beside(direction, anchor) => related(
            scene,
            anchor,
            |other| other != index,
            |other| is_beside(object, other, *direction),
        )?,
        Predicate::Larger(than) => related(scene, than, |_| true, |other| Ok(object.size > other.size))?,
        Predicate::Smaller(than) => related(scene, than, |_| true, |other| Ok(object.size < other.size))?,
        Predicate::Same(attribute, other) => same(scene, object, *attribute, other)?,
        Predicate::Holds(what) => person
            .map(|_| carries(scene, &[Entity::Held(index)], what))
            .transpose()?,
        Predicate::Wears(what) => person
            .map(|_| carries(scene, &[Entity::Worn(index)], what))
            .transpose()?,
        Predicate::Has(what) => {
            let both = [Entity::Held(index), Entity::Worn(index)];
            person.map(|_| carries(scene, &both, what)).transpose()?
        }
        Predicate::Touches(what) => {
            let touched = person.and_then(|person| person.touches).map(Entity::Object);
            let targets = resolve(scene, what)?;
            person.map(|_| touched.is_some_and(|touched| targets.contains(&touched)))
        }
        Predicate::TouchedBy(who) => {
            let touches = |each: &Entity| matches!(each, Entity::Object(at) if self::person(&scene.objects[*at]).is_some_and(|person| person.touches == Some(index)));
            Some(resolve(scene, who)?.iter().any(touches))
        }
        Predicate::Here | Predicate::Is(_) | Predicate::Not(_) | Predicate::Both(..) => None,
    })
}

/// What a phrase inside a predicate stands for; a definite one must stand for one thing.
fn resolve(scene: &Scene, phrase: &Phrase) -> Result<Vec<Entity>, Unanswerable> {
    match phrase.determiner {
        Determiner::The => refer(scene, phrase).map(|one| vec![one]),
        Determiner::Any | Determiner::All => matching(scene, phrase),
    }
}

/// Whether a relation holds to what a phrase stands for: to all of it after "all", else to any. Where one
/// case decides, it does not matter that another is hard to tell.
fn related(
    scene: &Scene,
    phrase: &Phrase,
    eligible: impl Fn(usize) -> bool,
    relation: impl Fn(&Object) -> Result<bool, Unanswerable>,
) -> Truth {
    let all = phrase.determiner == Determiner::All;
    let mut refusal = None;
    let mut cases = 0;
    for entity in resolve(scene, phrase)? {
        let Entity::Object(index) = entity else { continue };
        if !eligible(index) {
            continue;
        }
        cases += 1;
        match relation(&scene.objects[index]) {
            Ok(truth) if truth != all => return Ok(Some(truth)),
            Ok(_) => {}
            Err(reason) => refusal = Some(reason),
        }
    }
    refusal.map_or(Ok(Some(all && cases > 0)), Err)
}

fn carries(scene: &Scene, carried: &[Entity], what: &Phrase) -> Result<bool, Unanswerable> {
    // "holding anything"
    if what.noun == Noun::Thing && what.filters.is_empty() {
        return Ok(everything(scene).any(|each| carried.contains(&each)));
    }
    Ok(matching(scene, what)?.iter().any(|each| carried.contains(each)))
}

fn same(scene: &Scene, object: &Object, attribute: Attribute, other: &Phrase) -> Truth {
    related(
        scene,
        other,
        |_| true,
        |other| {
            let able = |object: &Object| match attribute {
                Attribute::Color => has_color(object),
                Attribute::Surface => is_shape(object),
                _ => true,
            };
            if !able(object) || !able(other) {
                return Err(Unanswerable::Nonsense(
                    "one of them has no such attribute of its own".to_owned(),
                ));
            }
            Ok(match attribute {
                Attribute::Color => object.color == other.color,
                Attribute::Surface => object.surface == other.surface,
                _ => object.size == other.size,
            })
        },
    )
}

fn is_beside(object: &Object, anchor: &Object, direction: Direction) -> Result<bool, Unanswerable> {
    let distance = direction.towards(object) - direction.towards(anchor);
    if distance.abs() < MARGIN {
        let noun = object.kind.noun();
        return Err(Unanswerable::Ambiguous(format!(
            "the {noun} is too close to the line to tell"
        )));
    }
    Ok(distance > 0.0)
}

/// Flags and signs have colours of their own.
pub(super) fn has_color(object: &Object) -> bool {
    !matches!(object.kind, Kind::Flag(_) | Kind::Sign(_))
}

/// Only shapes show a surface.
pub(super) fn is_shape(object: &Object) -> bool {
    matches!(object.kind, Kind::Shape(_))
}

/// What a clock, board, sign or flag tells.
pub(super) fn message(object: &Object) -> Option<String> {
    match &object.kind {
        Kind::Clock { hour, minute } => Some(format!("{hour}:{minute:02}")),
        Kind::Board(text) => Some(text.to_lowercase()),
        Kind::Sign(pictogram) => Some(pictogram.name().to_owned()),
        Kind::Flag(country) => Some(country.name().to_owned()),
        Kind::Shape(_) | Kind::Person(_) => None,
    }
}

impl Direction {
    /// How far an object is in this direction, in pixels.
    fn towards(self, object: &Object) -> f32 {
        match self {
            Self::Left => -object.x,
            Self::Right => object.x,
            Self::Above => -object.y,
            Self::Below => object.y,
        }
    }

    /// The word that answers.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Above => "above",
            Self::Below => "below",
        }
    }
}
