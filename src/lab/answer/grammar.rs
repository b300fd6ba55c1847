//! The engine under the grammar: rules with slots, matched against tokens in every possible way.
//!
//! A rule's pattern is a row of words; `a|b` takes either, `a?` may be missing, capitals are slots for
//! phrases, predicates and word classes. Each position is parsed once and keeps a bounded number of
//! readings, so that no text takes long.

use super::query::{Attribute, Phrase, Predicate};
use super::token::Token;
use crate::lab::scene::Weather;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// More readings of one position than this are dropped.
const MOST_READINGS: usize = 24;

/// Ways to read tokens from one position: what was read, and where it ends.
pub(super) type Readings<T> = Vec<(T, usize)>;

/// What a slot took.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Phrase(Phrase),
    Predicate(Predicate),
    Attribute(Attribute),
    Weather(Weather),
    Number(usize),
    /// The word as written.
    Word(String),
}

/// What a rule's slots took, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts(VecDeque<Part>);

/// A row of words and slots, and what it means.
pub(super) type Rule<T> = (&'static str, fn(&mut Parts) -> T);

macro_rules! takes {
    ($($name:ident -> $variant:ident($type:ty)),+ $(,)?) => {
        $(pub(super) fn $name(&mut self) -> $type {
            match self.0.pop_front() {
                Some(Part::$variant(value)) => value,
                other => unreachable!("the pattern of the rule has another slot here: {other:?}"),
            }
        })+
    };
}

impl Parts {
    takes! {
        phrase -> Phrase(Phrase), predicate -> Predicate(Predicate), attribute -> Attribute(Attribute),
        weather -> Weather(Weather), number -> Number(usize), word -> Word(String),
    }

    pub(super) fn boxed(&mut self) -> Box<Phrase> {
        Box::new(self.phrase())
    }
}

type Memory<T> = RefCell<HashMap<usize, Rc<Readings<T>>>>;

/// The tokens of one sentence and what is known about them.
pub(super) struct Parser<'a> {
    pub(super) tokens: &'a [Token],
    /// The farthest token that some rule wanted to be another.
    farthest: Cell<usize>,
    phrases: Memory<Phrase>,
    predicates: Memory<Predicate>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(tokens: &'a [Token]) -> Self {
        Self {
            tokens,
            farthest: Cell::new(0),
            phrases: RefCell::default(),
            predicates: RefCell::default(),
        }
    }

    /// The word at a position.
    pub(super) fn word(&self, at: usize) -> Option<&'a str> {
        self.farthest.set(self.farthest.get().max(at));
        self.tokens.get(at).map(|token| token.word.as_str())
    }

    /// Whether one of these words stands there.
    pub(super) fn is(&self, at: usize, words: &[&str]) -> bool {
        self.word(at).is_some_and(|word| words.contains(&word))
    }

    /// The text from one position to another, as written.
    pub(super) fn written(&self, from: usize, to: usize) -> String {
        let words: Vec<&str> = self.tokens[from..to]
            .iter()
            .map(|token| token.written.as_str())
            .collect();
        words.join(" ")
    }

    /// The word that no rule had a use for, as written.
    pub(super) fn stumbled_at(&self) -> Option<&'a str> {
        self.tokens
            .get(self.farthest.get())
            .map(|token| token.written.as_str())
    }

    pub(super) fn phrases(&self, at: usize) -> Rc<Readings<Phrase>> {
        Self::remember(&self.phrases, at, || super::phrase::read(self, at))
    }

    pub(super) fn predicates(&self, at: usize) -> Rc<Readings<Predicate>> {
        Self::remember(&self.predicates, at, || super::predicate::read(self, at))
    }

    fn remember<T>(memory: &Memory<T>, at: usize, read: impl FnOnce() -> Readings<T>) -> Rc<Readings<T>> {
        if let Some(known) = memory.borrow().get(&at) {
            return Rc::clone(known);
        }
        let mut readings = read();
        readings.truncate(MOST_READINGS);
        let readings = Rc::new(readings);
        memory.borrow_mut().insert(at, Rc::clone(&readings));
        readings
    }

    /// All ways in which the rules fit from a position on.
    pub(super) fn apply<T>(&self, rules: &[Rule<T>], at: usize) -> Readings<T> {
        let mut readings = vec![];
        for (pattern, build) in rules {
            for (mut parts, end) in self.expand(pattern, at) {
                readings.push((build(&mut parts), end));
            }
        }
        readings
    }

    /// Where a pattern without slots can end.
    pub(super) fn skip(&self, pattern: &str, at: usize) -> Vec<usize> {
        self.expand(pattern, at).into_iter().map(|(_, end)| end).collect()
    }

    fn expand(&self, pattern: &str, at: usize) -> Readings<Parts> {
        let mut readings = vec![(Parts::default(), at)];
        for piece in pattern.split(' ') {
            let mut longer: Readings<Parts> = vec![];
            for (parts, at) in readings {
                if piece.starts_with(|first: char| first.is_ascii_uppercase()) {
                    for (part, end) in self.slot(piece, at) {
                        let mut parts = parts.clone();
                        parts.0.push_back(part);
                        longer.push((parts, end));
                    }
                    continue;
                }
                let (words, optional) = piece
                    .strip_suffix('?')
                    .map_or((piece, false), |words| (words, true));
                if self
                    .word(at)
                    .is_some_and(|word| words.split('|').any(|each| each == word))
                {
                    longer.push((parts.clone(), at + 1));
                }
                if optional {
                    longer.push((parts, at));
                }
            }
            readings = longer;
            readings.truncate(MOST_READINGS);
            if readings.is_empty() {
                break;
            }
        }
        readings
    }

    fn slot(&self, slot: &str, at: usize) -> Readings<Part> {
        let one = |part: Option<Part>| part.map(|part| (part, at + 1)).into_iter().collect();
        match slot {
            "NP" => self
                .phrases(at)
                .iter()
                .map(|(phrase, end)| (Part::Phrase(phrase.clone()), *end))
                .collect(),
            "PRED" => self
                .predicates(at)
                .iter()
                .map(|(each, end)| (Part::Predicate(each.clone()), *end))
                .collect(),
            "ATTRIBUTE" => one(match self.word(at) {
                Some("color") => Some(Part::Attribute(Attribute::Color)),
                Some("size") => Some(Part::Attribute(Attribute::Size)),
                Some("surface") => Some(Part::Attribute(Attribute::Surface)),
                _ => None,
            }),
            "WEATHER" => one(self.word(at).and_then(Weather::parse).map(Part::Weather)),
            "NUMBER" => one(self.word(at).and_then(number).map(Part::Number)),
            "ADJECTIVE" => one(self
                .word(at)
                .and_then(super::predicate::adjective)
                .map(Part::Predicate)),
            "WORD" => one(self.tokens.get(at).map(|token| Part::Word(token.written.clone()))),
            "NAME" => super::predicate::name(self, at)
                .map(|(name, end)| (Part::Word(name.to_owned()), end))
                .into_iter()
                .collect(),
            other => unreachable!("no slot is called {other}"),
        }
    }
}

/// A number in digits or in words.
fn number(word: &str) -> Option<usize> {
    const WORDS: [&str; 11] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    WORDS
        .iter()
        .position(|each| *each == word)
        .or_else(|| word.parse().ok())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::lab::answer::query::{Determiner, Noun};

    /// Holds every rule against its slots: what it takes is what its pattern gives.
    pub(in crate::lab::answer) fn check<T>(rules: &[Rule<T>]) {
        for (pattern, build) in rules {
            let slots = pattern
                .split(' ')
                .filter(|piece| piece.starts_with(|c: char| c.is_ascii_uppercase()));
            let mut parts = Parts(slots.map(part).collect());
            build(&mut parts);
            assert!(parts.0.is_empty(), "the rule \"{pattern}\" leaves a slot unused");
        }
    }

    fn part(slot: &str) -> Part {
        let noun = Noun::Clock;
        let filters = vec![];
        match slot {
            "NP" => Part::Phrase(Phrase {
                determiner: Determiner::The,
                extreme: None,
                noun,
                filters,
                words: slot.into(),
            }),
            "PRED" | "ADJECTIVE" => Part::Predicate(Predicate::Here),
            "ATTRIBUTE" => Part::Attribute(Attribute::Color),
            "WEATHER" => Part::Weather(Weather::Sunny),
            "NUMBER" => Part::Number(1),
            "WORD" | "NAME" => Part::Word(slot.to_owned()),
            other => panic!("no slot is called {other}"),
        }
    }
}
