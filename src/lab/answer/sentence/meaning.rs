//! What sentence rules mean: the parts that their slots took, put together as queries.

use crate::lab::answer::grammar::Parts;
use crate::lab::answer::query::{Attribute, Determiner, Direction, Noun, Phrase, Predicate, Query};

pub(super) fn the(noun: Noun) -> Phrase {
    let words = format!(
        "the {}",
        if noun == Noun::Clock {
            "clock"
        } else if noun == Noun::Flag {
            "flag"
        } else {
            "sign"
        }
    );
    Phrase {
        determiner: Determiner::The,
        extreme: None,
        noun,
        filters: vec![],
        words,
    }
}

pub(super) fn rule(says: &'static str, positive: bool) -> Query {
    Query::Rule {
        sign: the(Noun::Sign),
        says,
        positive,
    }
}

pub(super) fn ask(attribute: Attribute, parts: &mut Parts) -> Query {
    Query::Attribute(attribute, parts.phrase())
}

pub(super) fn attribute(parts: &mut Parts) -> Query {
    Query::Attribute(parts.attribute(), parts.phrase())
}

pub(super) fn flipped(parts: &mut Parts) -> Query {
    let phrase = parts.phrase();
    Query::Attribute(parts.attribute(), phrase)
}

pub(super) fn side(parts: &mut Parts) -> Query {
    ask(Attribute::Side, parts)
}

pub(super) fn text_kind(parts: &mut Parts) -> Query {
    ask(Attribute::TextKind, parts)
}

pub(super) fn is(parts: &mut Parts) -> Query {
    Query::Is(parts.phrase(), parts.predicate())
}

pub(super) fn same(parts: &mut Parts) -> Query {
    let (one, other) = (parts.phrase(), parts.boxed());
    Query::Is(one, Predicate::Same(parts.attribute(), other))
}

pub(super) fn says(parts: &mut Parts) -> Query {
    let word = parts.word();
    Query::Is(parts.phrase(), Predicate::Says(word))
}

pub(super) fn count(parts: &mut Parts) -> Query {
    Query::Count(parts.phrase())
}

pub(super) fn count_that(parts: &mut Parts) -> Query {
    Query::Count(such(parts))
}

pub(super) fn count_is(parts: &mut Parts) -> Query {
    let number = parts.number();
    Query::CountIs(parts.phrase(), number)
}

pub(super) fn more(parts: &mut Parts) -> Query {
    Query::More(parts.phrase(), parts.phrase())
}

pub(super) fn fewer(parts: &mut Parts) -> Query {
    let one = parts.phrase();
    Query::More(parts.phrase(), one)
}

pub(super) fn identify(parts: &mut Parts) -> Query {
    Query::Attribute(Attribute::Kind, definite(parts.phrase()))
}

pub(super) fn identify_such(parts: &mut Parts) -> Query {
    Query::Attribute(Attribute::Kind, definite(such(parts)))
}

pub(super) fn identify_that(parts: &mut Parts) -> Query {
    let mut phrase = the(Noun::Thing);
    "such a thing".clone_into(&mut phrase.words);
    phrase.filters.push(parts.predicate());
    Query::Attribute(Attribute::Kind, phrase)
}

/// A phrase with one more thing that is true of it.
pub(super) fn such(parts: &mut Parts) -> Phrase {
    let mut phrase = parts.phrase();
    match parts.predicate() {
        // "which shape is the largest": of the shapes.
        Predicate::Is(what)
            if what.noun == Noun::Thing && what.filters.is_empty() && what.extreme.is_some() =>
        {
            phrase.extreme = what.extreme;
        }
        predicate => phrase.filters.push(predicate),
    }
    phrase
}

/// Questions for what something is take for granted that there is just one.
pub(super) fn definite(phrase: Phrase) -> Phrase {
    Phrase {
        determiner: Determiner::The,
        ..phrase
    }
}

pub(super) fn either(parts: &mut Parts) -> Query {
    let phrase = parts.phrase();
    let mut option = || {
        let predicate = parts.predicate();
        let word = crate::lab::answer::predicate::answer(&predicate);
        (predicate, word)
    };
    Query::Either(phrase, [option(), option()])
}

pub(super) fn left_or_right(parts: &mut Parts) -> Query {
    beside(parts, [Direction::Left, Direction::Right])
}

pub(super) fn above_or_below(parts: &mut Parts) -> Query {
    beside(parts, [Direction::Above, Direction::Below])
}

pub(super) fn beside(parts: &mut Parts, directions: [Direction; 2]) -> Query {
    let (phrase, anchor) = (parts.phrase(), parts.boxed());
    Query::Either(
        phrase,
        directions.map(|direction| {
            (
                Predicate::Beside(direction, anchor.clone()),
                direction.name().to_owned(),
            )
        }),
    )
}
