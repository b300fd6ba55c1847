//! The answer to a query: evaluates it and puts the result in words.

use super::Unanswerable;
use super::evaluate::{Entity, has_color, holds, is_shape, matching, message, person, refer, refer_object};
use super::query::{Attribute, Determiner, Direction, Phrase, Predicate, Query};
use crate::lab::scene::{Garment, Item, Kind, Object, Scene, Size, Weather};

/// Answers one reading of a question.
pub(super) fn reply(scene: &Scene, query: &Query) -> Result<String, Unanswerable> {
    let count = |phrase: &Phrase| matching(scene, phrase).map(|found| found.len());
    Ok(match query {
        Query::Exists(phrase) => yes_or_no(count(phrase)? > 0),
        Query::Count(phrase) => count(phrase)?.to_string(),
        Query::CountIs(phrase, number) => yes_or_no(count(phrase)? == *number),
        Query::More(one, other) => yes_or_no(count(one)? > count(other)?),
        Query::Is(phrase, predicate) => yes_or_no(is(scene, phrase, predicate)?),
        Query::Either(phrase, options) => {
            let mut fitting = vec![];
            for (predicate, word) in options {
                if is(scene, phrase, predicate)? {
                    fitting.push(word.clone());
                }
            }
            match &fitting[..] {
                [one] => one.clone(),
                [] => {
                    return Err(Unanswerable::Absent(format!(
                        "neither is true of \"{}\"",
                        phrase.words
                    )));
                }
                _ => {
                    return Err(Unanswerable::Ambiguous(format!(
                        "both are true of \"{}\"",
                        phrase.words
                    )));
                }
            }
        }
        Query::Attribute(attribute, phrase) => ask(scene, *attribute, phrase)?,
        Query::Larger(phrases) => compare(scene, phrases, |one, other| one > other)?,
        Query::Smaller(phrases) => compare(scene, phrases, |one, other| one < other)?,
        Query::PastHalf(phrase) => match refer_object(scene, phrase)?.kind {
            Kind::Clock { minute: 0 | 30, .. } => {
                return Err(Unanswerable::Ambiguous(
                    "the long hand is just between".to_owned(),
                ));
            }
            Kind::Clock { minute, .. } => yes_or_no(minute > 30),
            _ => return Err(lacks(phrase, "a time")),
        },
        Query::Weather => scene.weather.name().to_owned(),
        Query::WeatherIs(weather) => yes_or_no(scene.weather == *weather),
        Query::DayOrNight => if scene.weather == Weather::Night {
            "night"
        } else {
            "day"
        }
        .to_owned(),
        Query::IsDay => yes_or_no(scene.weather != Weather::Night),
        Query::Rule { sign, says, positive } => {
            let object = refer_object(scene, sign)?;
            if !matches!(object.kind, Kind::Sign(_)) {
                return Err(lacks(sign, "a rule"));
            }
            yes_or_no((message(object).as_deref() == Some(says)) == *positive)
        }
    })
}

fn yes_or_no(truth: bool) -> String {
    if truth { "yes" } else { "no" }.to_owned()
}

fn lacks(phrase: &Phrase, what: &str) -> Unanswerable {
    Unanswerable::Nonsense(format!(
        "\"{}\" has no {what} of its own",
        phrase.words.trim_start_matches("a ")
    ))
}

/// Whether a predicate is true of what a phrase stands for.
fn is(scene: &Scene, phrase: &Phrase, predicate: &Predicate) -> Result<bool, Unanswerable> {
    let subjects = match phrase.determiner {
        Determiner::The => vec![refer(scene, phrase)?],
        Determiner::Any | Determiner::All => matching(scene, phrase)?,
    };
    if subjects.is_empty() && phrase.determiner == Determiner::All {
        return Err(Unanswerable::Absent(format!(
            "nothing here is \"{}\"",
            phrase.words
        )));
    }
    let mut truths = vec![];
    for subject in subjects {
        truths.push(holds(scene, subject, predicate)?);
    }
    if !truths.is_empty() && truths.iter().all(Option::is_none) {
        return Err(Unanswerable::Nonsense(format!(
            "nothing of that kind can be said of \"{}\"",
            phrase.words
        )));
    }
    Ok(match phrase.determiner {
        Determiner::All => truths.iter().all(|truth| *truth == Some(true)),
        _ => truths.contains(&Some(true)),
    })
}

fn compare(
    scene: &Scene,
    phrases: &[Phrase; 2],
    wins: impl Fn(Size, Size) -> bool,
) -> Result<String, Unanswerable> {
    let [one, other] = [
        refer_object(scene, &phrases[0])?,
        refer_object(scene, &phrases[1])?,
    ];
    let winner = if wins(one.size, other.size) {
        one
    } else if wins(other.size, one.size) {
        other
    } else {
        return Err(Unanswerable::Ambiguous("both are of the same size".to_owned()));
    };
    // Two stars are told apart by colour.
    let (noun, color) = (winner.kind.noun(), winner.color.name());
    Ok(if one.kind.noun() != other.kind.noun() {
        noun.to_owned()
    } else if one.color != other.color && has_color(one) {
        format!("{color} {noun}")
    } else {
        return Err(Unanswerable::Ambiguous(
            "no short answer tells the two apart".to_owned(),
        ));
    })
}

fn ask(scene: &Scene, attribute: Attribute, phrase: &Phrase) -> Result<String, Unanswerable> {
    let object = match refer(scene, phrase)? {
        Entity::Object(index) => &scene.objects[index],
        Entity::Held(_) | Entity::Worn(_) => {
            return Err(Unanswerable::Nonsense(format!(
                "\"{}\" has nothing of its own to tell",
                phrase.words
            )));
        }
    };
    let person = || person(object).ok_or_else(|| lacks(phrase, "deeds or feelings"));
    let nothing = || "nothing".to_owned();
    Ok(match attribute {
        Attribute::Color if has_color(object) => object.color.name().to_owned(),
        Attribute::Color => return Err(lacks(phrase, "single color")),
        Attribute::Surface if is_shape(object) => object.surface.name().to_owned(),
        Attribute::Surface => return Err(lacks(phrase, "surface")),
        Attribute::Size => object.size.name().to_owned(),
        Attribute::Kind => object.kind.noun().to_owned(),
        Attribute::Action => person()?.action.name().to_owned(),
        Attribute::Emotion => person()?.emotion.name().to_owned(),
        Attribute::Holds => person()?
            .holds
            .map_or_else(nothing, |item| Item::name(item).to_owned()),
        Attribute::Wears => person()?
            .wears
            .map_or_else(nothing, |worn| Garment::name(worn).to_owned()),
        Attribute::Touches => {
            let touched = person()?.touches.and_then(|index| scene.objects.get(index));
            touched.map_or_else(nothing, |touched| touched.kind.noun().to_owned())
        }
        Attribute::Hour | Attribute::Minutes | Attribute::Time => match object.kind {
            Kind::Clock { hour, .. } if attribute == Attribute::Hour => hour.to_string(),
            Kind::Clock { minute, .. } if attribute == Attribute::Minutes => minute.to_string(),
            Kind::Clock { hour, minute } => format!("{hour}:{minute:02}"),
            _ => return Err(lacks(phrase, "time")),
        },
        Attribute::Message => message(object).ok_or_else(|| lacks(phrase, "message"))?,
        Attribute::TextKind => match &object.kind {
            Kind::Board(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => "number".to_owned(),
            Kind::Board(_) => "word".to_owned(),
            _ => return Err(lacks(phrase, "text")),
        },
        Attribute::Country => match object.kind {
            Kind::Flag(country) => country.name().to_owned(),
            _ => return Err(lacks(phrase, "country")),
        },
        Attribute::Side => side(scene, object)?,
    })
}

fn side(scene: &Scene, object: &Object) -> Result<String, Unanswerable> {
    let index = scene
        .objects
        .iter()
        .position(|each| std::ptr::eq(each, object))
        .expect("it is in the scene");
    let left = holds(scene, Entity::Object(index), &Predicate::Half(Direction::Left))?;
    Ok(if left == Some(true) { "left" } else { "right" }.to_owned())
}
