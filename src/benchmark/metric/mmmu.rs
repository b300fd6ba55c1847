//! MMMU: multiple choice in the official order of parsing, and open answers.
//!
//! Open: the ends of sentences after "is", "so", "=" and the like, and every number in them; numbers match when equal
//! after rounding to two places, texts when the answer occurs in them. Where the official code guesses at random there
//! is no letter here: the question counts as wrong, and the report counts the guesses.

use super::Variant;
use super::letter::Options;
use super::mmt::{last, stripped};
use crate::benchmark::python::{self, digit, float, round_2};
use regex::Regex;
use std::sync::LazyLock;

/// Whose rules for letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mmmu {
    /// The benchmark's own.
    #[default]
    Official,
    /// lmms-eval: a letter before a blank or a stop counts, too.
    Lmms,
}

impl Variant for Mmmu {
    const ALL: &'static [(&'static str, Self)] = &[("official", Self::Official), ("lmms", Self::Lmms)];
}

impl Mmmu {
    /// The letter, or none where the official code would guess.
    #[must_use]
    pub fn extract(self, prediction: &str, options: &Options) -> Option<char> {
        let text = format!(" {} ", stripped(prediction));
        let having = |form: &dyn Fn(char) -> String| -> Vec<char> {
            let letters = options.iter().map(|(letter, _)| *letter);
            letters.filter(|letter| text.contains(&form(*letter))).collect()
        };
        let named = having(&|letter| format!("({letter})"));
        if !named.is_empty() {
            return last(&named, |letter| text.rfind(&format!("({letter})")));
        }
        let mut named = match self {
            Self::Official => having(&|letter| format!(" {letter} ")),
            Self::Lmms => having(&|letter| format!("{letter} ")),
        };
        if named.is_empty() && self == Self::Lmms {
            named = having(&|letter| format!("{letter}."));
        }
        if !named.is_empty() {
            return last(&named, |letter| text.rfind(&format!(" {letter} ")));
        }
        if text.split_whitespace().count() <= 5 {
            return None;
        }
        let lower = text.to_lowercase();
        let found = options
            .iter()
            .filter_map(|(letter, option)| Some((lower.rfind(&option.to_lowercase())?, *letter)));
        found
            .reduce(|best, next| if next.0 > best.0 { next } else { best })
            .map(|(_, letter)| letter)
    }
}

/// A normalised answer.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(f64),
    Text(String),
}

/// Whether an open answer is right: one of the accepted answers is among what it says.
#[must_use]
pub fn open_right(prediction: &str, answers: &[String]) -> bool {
    let accepted: Vec<Value> = answers.iter().flat_map(|answer| normalized(answer)).collect();
    said(prediction).iter().any(|said| match said {
        Value::Number(_) => accepted.contains(said),
        Value::Text(text) => accepted.iter().any(|answer| match answer {
            Value::Text(answer) => text.contains(answer.as_str()),
            Value::Number(_) => false,
        }),
    })
}

/// The gold answers of an open question: one, or a list written as Python would.
#[must_use]
pub fn open_answers(answer: &str) -> Vec<String> {
    let list = answer
        .trim_start()
        .starts_with('[')
        .then(|| python::list(answer).ok())
        .flatten();
    list.unwrap_or_else(|| vec![answer.to_owned()])
}

fn said(prediction: &str) -> Vec<Value> {
    let parts = key_parts(prediction);
    let numbers: Vec<String> = parts.iter().flat_map(|part| numbers(part)).collect();
    parts
        .iter()
        .chain(&numbers)
        .flat_map(|text| normalized(text))
        .collect()
}

/// The ends of the lines in which an answer is announced; the whole text, without stops around it, if there are none.
fn key_parts(prediction: &str) -> Vec<String> {
    const ANNOUNCING: [&str; 8] = [
        "could be ",
        "so ",
        "is ",
        "thus ",
        "therefore ",
        "final ",
        "answer ",
        "result ",
    ];
    let lower = prediction.trim().trim_matches('.').to_lowercase();
    let lines: Vec<&str> = lower.split('\n').collect();
    let mut parts = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let last_line = index + 1 == lines.len();
        let mut shortest = "";
        for word in ANNOUNCING.iter().chain(last_line.then_some(&"=")) {
            if let Some((_, end)) = line.rsplit_once(word) {
                let end = end.trim();
                if shortest.is_empty() || end.chars().count() < shortest.chars().count() {
                    shortest = end;
                }
            }
        }
        if !matches!(shortest, "" | ":" | "," | "." | "!" | "?" | ";" | "'") {
            parts.push(shortest.to_owned());
        }
    }
    if parts.is_empty() { vec![lower] } else { parts }
}

fn normalized(text: &str) -> Vec<Value> {
    let text = text.trim();
    if let Some(number) = float(&text.replace(',', "")) {
        return vec![Value::Number(round_2(number))];
    }
    let lower = text.to_lowercase();
    if lower.chars().count() == 1 {
        // One letter alone would be found in every text.
        return vec![Value::Text(format!(" {lower}")), Value::Text(format!("{lower} "))];
    }
    vec![Value::Text(lower)]
}

static WITH_COMMAS: LazyLock<Regex> = LazyLock::new(|| pattern(r"-?\b\d{1,3}(?:,\d{3})+\b"));
static SCIENTIFIC: LazyLock<Regex> = LazyLock::new(|| pattern(r"-?\d+(?:\.\d+)?[eE][+-]?\d+"));
static EXPONENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[eE][+-]?\d+"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// All numbers of a text: with thousands separators, scientific, plain.
fn numbers(text: &str) -> Vec<String> {
    let found = |pattern: &Regex| -> Vec<String> {
        pattern
            .find_iter(text)
            .map(|found| found.as_str().to_owned())
            .collect()
    };
    let mut all = found(&WITH_COMMAS);
    all.extend(found(&SCIENTIFIC));
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if let Some(length) = plain_number(rest) {
            all.push(rest[..length].to_owned());
            at += length;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    all
}

/// The length of the plain number at the start of a text: no exponent, comma or letter may follow.
fn plain_number(text: &str) -> Option<usize> {
    let sign = usize::from(text.starts_with('-'));
    let digits = |text: &str| text.find(|c| digit(c).is_none()).unwrap_or(text.len());
    let body = &text[sign..];
    let whole = digits(body);
    let ends = |length: usize| {
        let after = &body[length..];
        !after.starts_with(',') && !EXPONENT.is_match(after)
    };
    if let Some(fraction) = body[whole..].strip_prefix('.') {
        let places = digits(fraction);
        let length = whole + 1 + places;
        if places > 0 && ends(length) {
            return Some(sign + length);
        }
    }
    let word_goes_on = body[whole..]
        .chars()
        .next()
        .is_some_and(|c| c.is_alphanumeric() || c == '_');
    (whole > 0 && !word_goes_on && ends(whole)).then_some(sign + whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_text() {
        for (text, expected) in [
            (
                "1,234 and -5.5, 2e3 or 7kg",
                vec!["1,234", "2e3", "234", "-5", "3"],
            ),
            ("x=.5;12%", vec![".5", "12"]),
            ("3.14.15", vec!["3.14", ".15"]),
            ("1.5e3", vec!["1.5e3", "1", "3"]),
        ] {
            let mut found = numbers(text);
            let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn gold_lists_are_parsed_and_code_stays_text() {
        assert_eq!(open_answers("['paris', \"Lutetia\"]"), ["paris", "Lutetia"]);
        assert_eq!(open_answers("[exit()]"), ["[exit()]"]);
        assert!(!open_right("so nan", &["nan".to_owned()]), "nan equals nothing");
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_scored(text in "\\PC{0,80}", gold in "\\PC{0,20}") {
            let _ = open_right(&text, &[gold]);
            let options = [('A', text.clone()), ('B', "b".to_owned())];
            let _ = Mmmu::Official.extract(&text, &options);
            let _ = Mmmu::Lmms.extract(&text, &options);
        }
    }
}
