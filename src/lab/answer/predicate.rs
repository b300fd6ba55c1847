//! Predicates: what follows "is", and clauses after nouns.

use super::grammar::{Parser, Readings, Rule};
use super::query::{Direction, Predicate};
use crate::lab::scene::{Action, Color, Country, Emotion, Pictogram, Size, Surface};

const RULES: &[Rule<Predicate>] = &[
    Rule { pattern: "ADJECTIVE", build: |parts| parts.predicate() },
    Rule { pattern: "ADJECTIVE in color", build: |parts| parts.predicate() },
    Rule { pattern: "made|built of|from ADJECTIVE", build: |parts| parts.predicate() },
    Rule { pattern: "in ADJECTIVE", build: |parts| parts.predicate() },
    Rule { pattern: "look|feeling ADJECTIVE", build: |parts| parts.predicate() },
    Rule { pattern: "have the ATTRIBUTE ADJECTIVE", build: |parts| { parts.attribute(); parts.predicate() } },
    Rule { pattern: "here", build: |_| Predicate::Here },
    Rule { pattern: "left of NP", build: |parts| Predicate::Beside(Direction::Left, parts.boxed()) },
    Rule { pattern: "right of NP", build: |parts| Predicate::Beside(Direction::Right, parts.boxed()) },
    Rule { pattern: "to|on the left side? of NP", build: |parts| Predicate::Beside(Direction::Left, parts.boxed()) },
    Rule { pattern: "to|on the right side? of NP", build: |parts| Predicate::Beside(Direction::Right, parts.boxed()) },
    Rule { pattern: "above NP", build: |parts| Predicate::Beside(Direction::Above, parts.boxed()) },
    Rule { pattern: "below NP", build: |parts| Predicate::Beside(Direction::Below, parts.boxed()) },
    Rule { pattern: "in|on|at the left half|side", build: |_| Predicate::Half(Direction::Left) },
    Rule { pattern: "in|on|at the right half|side", build: |_| Predicate::Half(Direction::Right) },
    Rule { pattern: "in|on|at the top half|side?", build: |_| Predicate::Half(Direction::Above) },
    Rule { pattern: "in|on|at the bottom half|side?", build: |_| Predicate::Half(Direction::Below) },
    Rule { pattern: "in|on|at the left half|side? of the image", build: |_| Predicate::Half(Direction::Left) },
    Rule { pattern: "in|on|at the right half|side? of the image", build: |_| Predicate::Half(Direction::Right) },
    Rule { pattern: "in|on|at the top half|side? of the image", build: |_| Predicate::Half(Direction::Above) },
    Rule { pattern: "in|on|at the bottom half|side? of the image", build: |_| Predicate::Half(Direction::Below) },
    Rule { pattern: "larger than NP", build: |parts| Predicate::Larger(parts.boxed()) },
    Rule { pattern: "smaller than NP", build: |parts| Predicate::Smaller(parts.boxed()) },
    Rule { pattern: "the same ATTRIBUTE as NP", build: |parts| Predicate::Same(parts.attribute(), parts.boxed()) },
    Rule { pattern: "have the same ATTRIBUTE as NP", build: |parts| Predicate::Same(parts.attribute(), parts.boxed()) },
    Rule { pattern: "holding NP", build: |parts| Predicate::Holds(parts.boxed()) },
    Rule { pattern: "wearing NP", build: |parts| Predicate::Wears(parts.boxed()) },
    Rule { pattern: "have|has NP", build: |parts| Predicate::Has(parts.boxed()) },
    Rule { pattern: "touching NP", build: |parts| Predicate::Touches(parts.boxed()) },
    Rule { pattern: "touched by NP", build: |parts| Predicate::TouchedBy(parts.boxed()) },
    Rule { pattern: "saying|meaning NAME", build: |parts| Predicate::Says(parts.word()) },
    Rule { pattern: "saying WORD", build: |parts| Predicate::Says(parts.word()) },
    Rule { pattern: "belong to NAME", build: |parts| Predicate::Says(parts.word()) },
    Rule { pattern: "from NAME", build: |parts| Predicate::Says(parts.word()) },
    Rule { pattern: "not PRED", build: |parts| Predicate::Not(Box::new(parts.predicate())) },
    Rule { pattern: "NP", build: |parts| Predicate::Is(parts.boxed()) },
];

/// All predicates from a position on.
pub(super) fn read(parser: &Parser, start: usize) -> Readings<Predicate> {
    let mut readings = parser.apply(RULES, start);
    let mut joined = vec![];
    for (first, end) in &readings {
        if parser.is(*end, &["and"]) {
            for (second, end) in parser.predicates(end + 1).iter() {
                joined.push((Predicate::Both(Box::new(first.clone()), Box::new(second.clone())), *end));
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
    let country = parser.word(at).and_then(Country::parse).map(|country| (country.name(), at + 1));
    country.or_else(|| {
        let names = Pictogram::ALL.iter().map(|pictogram| pictogram.name());
        names.map(|name| (name, at + name.split(' ').count())).find(|(name, end)| {
            *end <= parser.tokens.len() && name.split(' ').zip(at..).all(|(word, at)| parser.is(at, &[word]))
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
            let words = phrase.words.split_once(' ').filter(|(article, _)| ["a", "an", "the"].contains(article));
            words.map_or(phrase.words.clone(), |(_, rest)| rest.to_owned())
        }
        Predicate::Here => "here".to_owned(),
        Predicate::Same(..) => "the same".to_owned(),
        Predicate::Not(inner) => format!("not {}", answer(inner)),
        Predicate::Both(one, other) => format!("{} and {}", answer(one), answer(other)),
    }
}
