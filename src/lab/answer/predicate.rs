//! Predicates: what follows "is", and clauses after nouns.

use super::grammar::{Parser, Parts, Readings, Rule};
use super::query::{Direction, Predicate};
use crate::lab::scene::{Action, Color, Country, Emotion, Pictogram, Size, Surface};

#[rustfmt::skip] // one rule a line
const RULES: &[Rule<Predicate>] = &[
    ("ADJECTIVE", Parts::predicate),
    ("ADJECTIVE in color", Parts::predicate),
    ("made|built of|from ADJECTIVE", Parts::predicate),
    ("in ADJECTIVE", Parts::predicate),
    ("look|feeling ADJECTIVE", Parts::predicate),
    ("have the ATTRIBUTE ADJECTIVE", |parts| { parts.attribute(); parts.predicate() }),
    ("here", |_| Predicate::Here),
    ("left of NP", |parts| Predicate::Beside(Direction::Left, parts.boxed())),
    ("right of NP", |parts| Predicate::Beside(Direction::Right, parts.boxed())),
    ("to|on the left side? of NP", |parts| Predicate::Beside(Direction::Left, parts.boxed())),
    ("to|on the right side? of NP", |parts| Predicate::Beside(Direction::Right, parts.boxed())),
    ("above NP", |parts| Predicate::Beside(Direction::Above, parts.boxed())),
    ("below NP", |parts| Predicate::Beside(Direction::Below, parts.boxed())),
    ("in|on|at the left half|side? of? the? image?", |_| Predicate::Half(Direction::Left)),
    ("in|on|at the right half|side? of? the? image?", |_| Predicate::Half(Direction::Right)),
    ("in|on|at the top half|side? of? the? image?", |_| Predicate::Half(Direction::Above)),
    ("in|on|at the bottom half|side? of? the? image?", |_| Predicate::Half(Direction::Below)),
    ("larger than NP", |parts| Predicate::Larger(parts.boxed())),
    ("smaller than NP", |parts| Predicate::Smaller(parts.boxed())),
    ("the same ATTRIBUTE as NP", |parts| Predicate::Same(parts.attribute(), parts.boxed())),
    ("have the same ATTRIBUTE as NP", |parts| Predicate::Same(parts.attribute(), parts.boxed())),
    ("holding NP", |parts| Predicate::Holds(parts.boxed())),
    ("wearing NP", |parts| Predicate::Wears(parts.boxed())),
    ("have|has NP", |parts| Predicate::Has(parts.boxed())),
    ("touching NP", |parts| Predicate::Touches(parts.boxed())),
    ("touched by NP", |parts| Predicate::TouchedBy(parts.boxed())),
    ("saying|meaning NAME", |parts| Predicate::Says(parts.word())),
    ("saying WORD", |parts| Predicate::Says(parts.word())),
    ("NAME", |parts| Predicate::Says(parts.word())),
    ("belong to NAME", |parts| Predicate::Says(parts.word())),
    ("from NAME", |parts| Predicate::Says(parts.word())),
    ("not PRED", |parts| Predicate::Not(Box::new(parts.predicate()))),
    ("NP", |parts| Predicate::Is(parts.boxed())),
];

/// All predicates from a position on.
pub(super) fn read(parser: &Parser, start: usize) -> Readings<Predicate> {
    let mut readings = parser.apply(RULES, start);
    let mut joined = vec![];
    for (first, end) in &readings {
        if parser.is(*end, &["and"]) {
            for (second, end) in parser.predicates(end + 1).iter() {
                joined.push((
                    Predicate::Both(Box::new(first.clone()), Box::new(second.clone())),
                    *end,
                ));
            }
        }
    }
    readings.extend(joined);
    readings
}

/// A single word that is true of a thing.
pub(super) fn adjective(word: &str) -> Option<Predicate> {
    None.or_else(|| Color::parse(word).map(Predicate::Color))
        .or_else(|| Surface::parse(word).map(Predicate::Surface))
        .or_else(|| Size::parse(word).map(Predicate::Size))
        .or_else(|| Action::parse(word).map(Predicate::Acts))
        .or_else(|| Emotion::parse(word).map(Predicate::Feels))
}

/// The name of a country or of a sign, and where it ends.
pub(super) fn name(parser: &Parser, at: usize) -> Option<(&'static str, usize)> {
    let country = parser
        .word(at)
        .and_then(Country::parse)
        .map(|country| (country.name(), at + 1));
    country.or_else(|| {
        let names = Pictogram::ALL.iter().map(|pictogram| pictogram.name());
        names
            .map(|name| (name, at + name.split(' ').count()))
            .find(|(name, end)| {
                *end <= parser.tokens.len()
                    && name.split(' ').zip(at..).all(|(word, at)| parser.is(at, &[word]))
            })
    })
}

/// The word that answers when this is the true one of two predicates.
pub(super) fn answer(predicate: &Predicate) -> String {
    match predicate {
        Predicate::Color(color) => color.name().to_owned(),
        Predicate::Surface(surface) => surface.name().to_owned(),
        Predicate::Size(size) => size.name().to_owned(),
        Predicate::Acts(action) => action.name().to_owned(),
        Predicate::Feels(emotion) => emotion.name().to_owned(),
        Predicate::Says(text) => text.clone(),
        Predicate::Beside(direction, _) | Predicate::Half(direction) => direction.name().to_owned(),
        Predicate::Larger(_) => "larger".to_owned(),
        Predicate::Smaller(_) => "smaller".to_owned(),
        Predicate::Is(phrase)
        | Predicate::Holds(phrase)
        | Predicate::Wears(phrase)
        | Predicate::Has(phrase)
        | Predicate::Touches(phrase)
        | Predicate::TouchedBy(phrase) => {
            let words = phrase
                .words
                .split_once(' ')
                .filter(|(article, _)| ["a", "an", "the"].contains(article));
            words.map_or(phrase.words.clone(), |(_, rest)| rest.to_owned())
        }
        Predicate::Here => "here".to_owned(),
        Predicate::Same(..) => "the same".to_owned(),
        Predicate::Not(inner) => format!("not {}", answer(inner)),
        Predicate::Both(one, other) => format!("{} and {}", answer(one), answer(other)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn rules_take_what_their_patterns_give() {
        super::super::grammar::tests::check(super::RULES);
    }
}
