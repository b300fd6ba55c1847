//! How far two answers are apart, by typed rules.
//!
//! In: two answers as the models gave them, and the options of a multiple-choice question. Out: a
//! [`Distance`]: 0 the same, 1 different, between for graded measures; `None` where rules cannot tell
//! and a judge must. Soft measures are forced to 1 on a conflict of number, negation, colour or
//! left/right: F1("not a dog", "a dog") is 0.67 and ANLS("305", "3105") 0.75, and neither is a likeness.

use super::measure::{anls, token_f1};
use super::normalize::normalize;
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// An answer with more words than this is long text: a judge's business.
const SHORT_WORDS: usize = 8;

/// How far two answers are apart, and which rule said so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// 0 the same, 1 different; `None` when only a judge can tell.
    pub score: Option<f64>,
    /// The rule, a word for the column `reason`.
    pub rule: &'static str,
}

impl Distance {
    pub(super) const fn new(rule: &'static str, score: f64) -> Self {
        Self {
            score: Some(score),
            rule,
        }
    }

    /// What only a judge can tell.
    pub(super) const fn unknown(rule: &'static str) -> Self {
        Self { score: None, rule }
    }

    fn equal(rule: &'static str, same: bool) -> Self {
        Self::new(rule, if same { 0.0 } else { 1.0 })
    }

    /// Whether the answers mean the same: `None` when only a judge can tell.
    #[must_use]
    pub fn same(self) -> Option<bool> {
        self.score.map(|score| score < 0.5)
    }
}

/// What kind of answer a text is.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    YesNo(bool),
    Number(f64),
    Letter(usize),
    Box([f64; 4]),
    Text(String),
}

/// Compares two answers. `number_tolerance` is relative: 0 for counting, 0.05 for charts.
#[must_use]
pub fn distance(a: &str, b: &str, choices: &[String], number_tolerance: f64) -> Distance {
    use Answer::{Box, Letter, Number, Text, YesNo};
    match (kind(a, choices), kind(b, choices)) {
        (YesNo(a), YesNo(b)) => Distance::equal("yes_no", a == b),
        (Letter(a), Letter(b)) => Distance::equal("letter", a == b),
        // A percent sign on one side only is a unit left out, not another number.
        (Number(a), Number(b)) => number_distance(a, b, number_tolerance),
        (Number(number), Text(text)) | (Text(text), Number(number)) => match only_number(&text) {
            Some(other) => number_distance(number, other, number_tolerance),
            None => text_distance(&number.to_string(), &text),
        },
        (Box(a), Box(b)) => Distance::new("box", 1.0 - intersection_over_union(a, b)),
        (Text(a), Text(b)) => text_distance(&a, &b),
        (a, b) => text_distance(&plain(&a), &plain(&b)),
    }
}

/// The form of an answer, a word for the column `answer_type`.
#[must_use]
pub fn answer_type(answer: &str, choices: &[String]) -> &'static str {
    match kind(answer, choices) {
        Answer::YesNo(_) => "yes_no",
        Answer::Number(_) => "number",
        Answer::Letter(_) => "choice",
        Answer::Box(_) => "box",
        Answer::Text(text) if is_long(&text) => "long_text",
        Answer::Text(_) => "short_text",
    }
}

fn plain(answer: &Answer) -> String {
    match answer {
        Answer::YesNo(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Answer::Number(value) => value.to_string(),
        Answer::Letter(index) => char::from(b'a' + *index as u8).to_string(),
        Answer::Box(corners) => format!("{corners:?}"),
        Answer::Text(text) => text.clone(),
    }
}

fn number_distance(a: f64, b: f64, tolerance: f64) -> Distance {
    Distance::equal("number", (a - b).abs() <= tolerance * a.abs().max(b.abs()))
}

/// The number of a sentence that has exactly one ("there are 3 dogs").
fn only_number(text: &str) -> Option<f64> {
    let mut numbers = text
        .split(' ')
        .filter(|word| word.bytes().any(|byte| byte.is_ascii_digit()))
        .map(|word| word.trim_end_matches('%').parse::<f64>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(only), None) => only,
        _ => None,
    }
}

fn text_distance(a: &str, b: &str) -> Distance {
    if a == b {
        return Distance::new("equal", 0.0);
    }
    if a.is_empty() || b.is_empty() {
        return Distance::new("empty", 1.0);
    }
    if is_long(a) || is_long(b) {
        return Distance::unknown("long_text");
    }
    if conflict(a, b) {
        return Distance::new("conflict", 1.0);
    }
    Distance::new("likeness", 1.0 - token_f1(a, b).max(anls(a, b)))
}

fn kind(answer: &str, choices: &[String]) -> Answer {
    static LETTER: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^(?i)(?:answer:? *)?\(?([a-z])\)?(?:[.:)].*)?$"));
    let trimmed = answer.trim();
    let text = normalize(trimmed);
    if !choices.is_empty() {
        if let Some(index) = choices.iter().position(|choice| normalize(choice) == text) {
            return Answer::Letter(index);
        }
        if let Some(letter) = LETTER.captures(trimmed).and_then(|found| found[1].bytes().next()) {
            let index = usize::from(letter.to_ascii_lowercase() - b'a');
            if index < choices.len() {
                return Answer::Letter(index);
            }
        }
    }
    if let Some(corners) = box_corners(trimmed) {
        return Answer::Box(corners);
    }
    match text.split(' ').next() {
        Some("yes" | "yeah" | "yep") => return Answer::YesNo(true),
        // "no one" became "no 1": a count or a person, not a denial.
        Some("no" | "nope") if !text.starts_with("no 1") => return Answer::YesNo(false),
        _ => {}
    }
    let number = text.trim_start_matches(['$', '€', '£']);
    let number = number.strip_suffix('%').unwrap_or(number);
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() && number.bytes().any(|b| b.is_ascii_digit()) => Answer::Number(value),
        _ => Answer::Text(text),
    }
}

/// Corners as x1, y1, x2, y2 in a common unit, from `<loc…>` tokens or a bracketed list of four.
fn box_corners(answer: &str) -> Option<[f64; 4]> {
    static LOCATIONS: LazyLock<Regex> = LazyLock::new(|| pattern(r"<loc(\d{4})>"));
    static LIST: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^\[\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*\]$"));
    let parse = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
    if let Some(found) = LIST.captures(answer) {
        return Some([
            parse(&found[1])?,
            parse(&found[2])?,
            parse(&found[3])?,
            parse(&found[4])?,
        ]);
    }
    let found: Vec<f64> = LOCATIONS
        .captures_iter(answer)
        .take(4)
        .filter_map(|found| parse(&found[1]))
        .collect();
    match found[..] {
        [y1, x1, y2, x2] => Some([x1, y1, x2, y2]),
        _ => None,
    }
}

fn intersection_over_union(a: [f64; 4], b: [f64; 4]) -> f64 {
    let area = |r: [f64; 4]| (r[2] - r[0]).max(0.0) * (r[3] - r[1]).max(0.0);
    let overlap = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    let union = area(a) + area(b) - overlap;
    // Two boxes without area are the same when they are at the same place.
    let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>();
    if union > 0.0 {
        overlap / union
    } else {
        f64::from(u8::from(apart <= 0.0))
    }
}

/// Whether a normalised text is a judge's business, or a model of sentences'.
pub(super) fn is_long(text: &str) -> bool {
    text.split(' ').count() > SHORT_WORDS
}

/// Whether the texts name different numbers, colours or sides, or only one of them denies.
pub(super) fn conflict(a: &str, b: &str) -> bool {
    const COLORS: [&str; 16] = [
        "red", "orange", "yellow", "green", "blue", "purple", "pink", "black", "white", "gray", "grey",
        "brown", "gold", "silver", "tan", "beige",
    ];
    const SIDES: [&str; 10] = [
        "left", "right", "above", "below", "up", "down", "top", "bottom", "front", "behind",
    ];
    const DENIALS: [&str; 9] = [
        "not", "no", "never", "without", "neither", "nor", "nobody", "nothing", "cannot",
    ];
    let said = |text: &str, wanted: &dyn Fn(&str) -> bool| -> BTreeSet<String> {
        text.split(' ')
            .map(|word| if word == "grey" { "gray" } else { word })
            .filter(|word| wanted(word))
            .map(str::to_owned)
            .collect()
    };
    let number = |word: &str| {
        word.trim_end_matches('%').parse::<f64>().is_ok() || word.bytes().any(|c| c.is_ascii_digit())
    };
    let color = |word: &str| COLORS.contains(&word);
    let side = |word: &str| SIDES.contains(&word);
    let denies = |text: &str| {
        text.split(' ')
            .any(|word| DENIALS.contains(&word) || word.ends_with("n't"))
    };
    // A word that only one text has is detail; two different words of a kind are a conflict.
    let differ = |wanted: &dyn Fn(&str) -> bool| {
        let (a, b) = (said(a, wanted), said(b, wanted));
        a != b && !a.is_empty() && !b.is_empty()
    };
    differ(&number) || differ(&color) || differ(&side) || denies(a) != denies(b)
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(a: &str, b: &str) -> Option<f64> {
        distance(a, b, &[], 0.0).score
    }

    #[test]
    fn typed_answers() {
        for (a, b, expected) in [
            ("Yes.", "yes, there is one", 0.0),
            ("yes", "no", 1.0),
            ("three", "3", 0.0),
            ("3", "4", 1.0),
            ("305", "3105", 1.0),
            ("1,000", "1000", 0.0),
            ("50%", "fifty percent", 0.0),
            ("The red car", "red car", 0.0),
            ("not a dog", "a dog", 1.0),
            ("left of the tree", "right of the tree", 1.0),
            ("a red ball", "a blue ball", 1.0),
            ("platform 9", "platform 7", 1.0),
            ("3", "there are three dogs in the picture", 0.0),
            ("4", "there are three dogs", 1.0),
            ("", "cat", 1.0),
            ("3:25", "3:35", 1.0),
            ("[0, 0, 10, 10]", "[0, 0, 10, 10]", 0.0),
            (
                "<loc0000><loc0000><loc0010><loc0010>",
                "<loc0000><loc0000><loc0010><loc0020>",
                0.5,
            ),
        ] {
            assert_eq!(score(a, b), Some(expected), "{a:?} against {b:?}");
            assert_eq!(score(b, a), Some(expected), "{b:?} against {a:?}");
        }
    }

    #[test]
    fn near_spellings_are_graded_and_long_text_is_left_to_a_judge() {
        let near = score("colgate", "colgat").unwrap();
        assert!(near > 0.0 && near < 0.5, "{near}");
        let long = "a man with a hat walks along the beach while the sun goes down slowly";
        assert_eq!(score(long, "a man"), None);
        assert_eq!(distance("95", "100", &[], 0.05).score, Some(0.0));
    }

    #[test]
    fn options_by_letter_or_text() {
        let choices = ["A cat".to_owned(), "a dog".to_owned()];
        for (a, b, expected) in [
            ("A", "cat", 0.0),
            ("(b)", "B. a dog", 0.0),
            ("A", "B", 1.0),
            ("answer: a", "the dog", 1.0),
        ] {
            assert_eq!(
                distance(a, b, &choices, 0.0).score,
                Some(expected),
                "{a:?} against {b:?}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn symmetric_and_bounded(a in "\\PC{0,80}", b in "\\PC{0,80}") {
            let (there, back) = (score(&a, &b), score(&b, &a));
            proptest::prop_assert_eq!(there, back);
            proptest::prop_assert!(there.is_none_or(|d| (0.0..=1.0).contains(&d)));
            proptest::prop_assert!(score(&a, &a).is_none_or(|d| d == 0.0));
        }
    }
}
