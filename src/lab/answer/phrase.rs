//! Noun phrases: [determiner] [extreme] [adjectives] noun [clauses].

use super::grammar::{Parser, Parts, Readings, Rule};
use super::predicate::{adjective, name};
use super::query::{Determiner, Direction, Extreme, Noun, Phrase, Predicate};
use crate::lab::scene::{Garment, Item, Shape};

/// More clauses than this after one noun are not read.
const MOST_CLAUSES: usize = 3;
/// Evaluation takes a scene's number of things to this power.
const MOST_NESTED: usize = 4;

/// What may follow a noun. "and" is not among them: it joins predicates.
#[rustfmt::skip] // one rule a line
const CLAUSES: &[Rule<Predicate>] = &[
    ("that|which|who is PRED", Parts::predicate),
    ("that|which|who? PRED", Parts::predicate),
    ("with NP", |parts| Predicate::Has(parts.boxed())),
    ("with a ADJECTIVE shirt", Parts::predicate),
    ("in a ADJECTIVE shirt", Parts::predicate),
    ("in ADJECTIVE", Parts::predicate),
    ("of NAME", |parts| Predicate::Says(parts.word())),
    ("for NAME", |parts| Predicate::Says(parts.word())),
];

/// Whether this word is a noun of the lab.
pub(super) fn is_noun(word: &str) -> bool {
    noun(word).is_some()
}

fn noun(word: &str) -> Option<Noun> {
    Some(match word {
        "thing" => Noun::Thing,
        "shape" => Noun::AnyShape,
        "clock" => Noun::Clock,
        "flag" => Noun::Flag,
        "board" => Noun::Board,
        "sign" => Noun::Sign,
        "person" => Noun::Person,
        word => {
            let shape = Shape::parse(word).map(Noun::Shape);
            shape
                .or_else(|| Item::parse(word).map(Noun::Item))
                .or_else(|| Garment::parse(word).map(Noun::Garment))?
        }
    })
}

/// All noun phrases from a position on, the longest first.
pub(super) fn read(parser: &Parser, start: usize) -> Readings<Phrase> {
    // The shirt's colour is the person's.
    if parser.is(start, &["the"]) && parser.is(start + 1, &["shirt"]) && parser.is(start + 2, &["of"]) {
        return parser.phrases(start + 3).as_ref().clone();
    }
    let Some((phrase, end)) = core(parser, start) else {
        return vec![];
    };
    if parser.is(end, &["'s"]) && parser.is(end + 1, &["shirt"]) {
        return vec![(phrase, end + 2)];
    }
    let mut readings = vec![(phrase, end)];
    let mut newest = 0;
    for _ in 0..MOST_CLAUSES {
        let mut longer = vec![];
        for (phrase, end) in &readings[newest..] {
            for (clause, clause_end) in clauses(parser, *end) {
                let mut phrase = phrase.clone();
                phrase.filters.push(clause);
                longer.push((phrase, clause_end));
            }
        }
        newest = readings.len();
        readings.extend(longer);
    }
    readings.retain(|(phrase, _)| phrase.depth() <= MOST_NESTED);
    for (phrase, end) in &mut readings {
        phrase.words = parser.written(start, *end);
    }
    readings.sort_by_key(|(_, end)| std::cmp::Reverse(*end));
    readings
}

fn clauses(parser: &Parser, at: usize) -> Readings<Predicate> {
    let mut readings = parser.apply(CLAUSES, at);
    // A phrase is no clause of another: "the star the clock" is two.
    readings.retain(|(predicate, _)| !matches!(predicate, Predicate::Is(_)));
    readings
}

fn core(parser: &Parser, start: usize) -> Option<(Phrase, usize)> {
    let mut at = start;
    let determiner = match parser.word(at)? {
        "anyone" => return Some((any(Noun::Person), at + 1)),
        "anything" => return Some((any(Noun::Thing), at + 1)),
        "the" | "this" | "that" => Some(Determiner::The),
        "a" | "any" | "some" => Some(Determiner::Any),
        "all" | "every" | "each" | "both" => Some(Determiner::All),
        _ => None,
    };
    at += usize::from(determiner.is_some());
    // "all the stars", "all of the stars".
    if determiner == Some(Determiner::All) {
        at += usize::from(parser.is(at, &["of"]));
        at += usize::from(parser.is(at, &["the"]));
    }
    let extreme = match parser.word(at)? {
        "largest" => Some(Extreme::Largest),
        "smallest" => Some(Extreme::Smallest),
        "leftmost" => Some(Extreme::Farthest(Direction::Left)),
        "rightmost" => Some(Extreme::Farthest(Direction::Right)),
        "topmost" => Some(Extreme::Farthest(Direction::Above)),
        "lowest" => Some(Extreme::Farthest(Direction::Below)),
        _ => None,
    };
    at += usize::from(extreme.is_some());
    let mut filters = vec![];
    loop {
        // "stop sign", "japan 's flag": a name before its noun.
        if let Some((name, end)) = name(parser, at) {
            let end = end + usize::from(parser.is(end, &["'s"]));
            if let Some(noun @ (Noun::Sign | Noun::Flag)) = parser.word(end).and_then(noun) {
                filters.push(Predicate::Says(name.to_owned()));
                return Some((finish(determiner, extreme, noun, filters), end + 1));
            }
        }
        let word = parser.word(at);
        if let Some(filter) = word.and_then(adjective) {
            filters.push(filter);
            at += 1;
        } else if let Some(noun) = word.and_then(noun) {
            return Some((finish(determiner, extreme, noun, filters), at + 1));
        } else {
            // "the largest": of all things.
            let bare = extreme.is_some() && filters.is_empty();
            return bare.then(|| (finish(determiner, extreme, Noun::Thing, filters), at));
        }
    }
}

fn any(noun: Noun) -> Phrase {
    finish(None, None, noun, vec![])
}

/// Without a determiner a phrase means any.
fn finish(
    determiner: Option<Determiner>,
    extreme: Option<Extreme>,
    noun: Noun,
    filters: Vec<Predicate>,
) -> Phrase {
    let determiner = determiner.unwrap_or(Determiner::Any);
    Phrase {
        determiner,
        extreme,
        noun,
        filters,
        words: String::new(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn rules_take_what_their_patterns_give() {
        super::super::grammar::tests::check(super::CLAUSES);
    }
}
