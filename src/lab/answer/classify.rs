//! Which category a question belongs to, by its meaning.

use super::query::{Attribute, Extreme, Noun, Phrase, Predicate, Query};
use crate::lab::scene::Size;
use crate::row::Category;

/// The category of one reading; none where the question tests nothing in particular.
pub(super) fn classify(query: &Query) -> Option<Category> {
    Some(match query {
        Query::Exists(phrase) => by_people(&phrase.filters)
            .or_else(|| tiny(phrase))
            .unwrap_or(Category::HallucinationAvoidance),
        Query::Count(phrase) | Query::CountIs(phrase, _) => tiny(phrase).unwrap_or(Category::Counting),
        Query::More(..) => Category::Counting,
        Query::Is(phrase, predicate) | Query::Either(phrase, [(predicate, _), _]) => {
            by_predicate(phrase, predicate)?
        }
        Query::Attribute(attribute, phrase) => by_attribute(*attribute, phrase)?,
        Query::Larger(_) | Query::Smaller(_) => Category::SizeComparison,
        Query::PastHalf(_) => Category::ClockReading,
        Query::Weather | Query::WeatherIs(_) | Query::DayOrNight | Query::IsDay => Category::Atmosphere,
        Query::Rule { .. } => Category::SignUnderstanding,
    })
}

fn tiny(phrase: &Phrase) -> Option<Category> {
    let is_tiny = phrase.filters.contains(&Predicate::Size(Size::Tiny));
    is_tiny.then_some(Category::SmallObjectDetection)
}

fn by_people(filters: &[Predicate]) -> Option<Category> {
    filters.iter().find_map(|filter| match filter {
        Predicate::Acts(_) => Some(Category::ActionRecognition),
        Predicate::Feels(_) => Some(Category::Atmosphere),
        Predicate::Holds(_)
        | Predicate::Wears(_)
        | Predicate::Has(_)
        | Predicate::Touches(_)
        | Predicate::TouchedBy(_) => Some(Category::ObjectRelationship),
        _ => None,
    })
}

fn by_predicate(phrase: &Phrase, predicate: &Predicate) -> Option<Category> {
    Some(match predicate {
        Predicate::Here => return classify(&Query::Exists(phrase.clone())),
        Predicate::Color(_) | Predicate::Same(Attribute::Color, _) => Category::ColorRecognition,
        Predicate::Surface(_) | Predicate::Same(Attribute::Surface, _) => Category::MaterialRecognition,
        Predicate::Size(_) | Predicate::Larger(_) | Predicate::Smaller(_) | Predicate::Same(..) => {
            Category::SizeComparison
        }
        Predicate::Beside(..) | Predicate::Half(_) => Category::SpatialRelationship,
        Predicate::Says(_) => by_message(phrase.noun)?,
        Predicate::Is(what) => match (what.extreme, what.noun) {
            (Some(extreme), _) => by_extreme(extreme),
            (None, noun) => tiny(what)
                .or_else(|| by_message(noun))
                .unwrap_or(Category::HallucinationAvoidance),
        },
        Predicate::Not(inner) => by_predicate(phrase, inner)?,
        Predicate::Both(one, _) => by_predicate(phrase, one)?,
        people => by_people(std::slice::from_ref(people))?,
    })
}

fn by_extreme(extreme: Extreme) -> Category {
    match extreme {
        Extreme::Largest | Extreme::Smallest => Category::SizeComparison,
        Extreme::Farthest(_) => Category::SpatialRelationship,
    }
}

fn by_message(noun: Noun) -> Option<Category> {
    Some(match noun {
        Noun::Clock => Category::ClockReading,
        Noun::Board => Category::SmallTextRecognition,
        Noun::Sign => Category::SignUnderstanding,
        Noun::Flag => Category::WorldKnowledge,
        _ => return None,
    })
}

fn by_attribute(attribute: Attribute, phrase: &Phrase) -> Option<Category> {
    // A noun that needs more words to be understood has look-alikes.
    let distracted = || {
        let alone = phrase.filters.is_empty() && phrase.extreme.is_none();
        (!alone && !matches!(phrase.noun, Noun::Thing)).then_some(Category::DistractionAvoidance)
    };
    Some(match attribute {
        Attribute::Color | Attribute::Surface | Attribute::Size => by_people(&phrase.filters)
            .or_else(|| tiny(phrase))
            .or_else(distracted)
            .unwrap_or(match attribute {
                Attribute::Color => Category::ColorRecognition,
                Attribute::Surface => Category::MaterialRecognition,
                _ => Category::SizeComparison,
            }),
        Attribute::Kind => {
            let all = &phrase.filters;
            let told = all.iter().rev().find_map(|each| by_predicate(phrase, each));
            phrase.extreme.map(by_extreme).or_else(|| tiny(phrase)).or(told)?
        }
        Attribute::Action => Category::ActionRecognition,
        Attribute::Emotion => Category::Atmosphere,
        Attribute::Holds | Attribute::Wears | Attribute::Touches => Category::ObjectRelationship,
        Attribute::Hour | Attribute::Minutes | Attribute::Time => Category::ClockReading,
        Attribute::Message => by_message(phrase.noun)?,
        Attribute::TextKind => Category::SmallTextRecognition,
        Attribute::Country => Category::WorldKnowledge,
        Attribute::Side => Category::SpatialRelationship,
    })
}
