//! The letter of the option that an answer chooses.
//!
//! Three extractors in use; they disagree about letters in prose, so each is kept as it is. `Z` is VLMEvalKit's letter
//! for a refusal.

use super::Variant;

/// Options by letter.
pub type Options = [(char, String)];

/// Whose rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Letter {
    /// VLMEvalKit: a single letter among the last words, else the only option whose text occurs.
    #[default]
    VlmEvalKit,
    /// lmms-eval on MMStar and RealWorldQA: the most telling form wins, of the same form the last.
    LmmsExtract,
    /// lmms-eval on MMBench.
    LmmsMmBench,
}

impl Variant for Letter {
    const ALL: &'static [(&'static str, Self)] = &[
        ("vlmevalkit", Self::VlmEvalKit),
        ("lmms_extract_mcq", Self::LmmsExtract),
        ("lmms_mmbench", Self::LmmsMmBench),
    ];
}

impl Letter {
    /// The letter, if the answer has one.
    #[must_use]
    pub fn extract(self, answer: &str, options: &Options) -> Option<char> {
        match self {
            Self::VlmEvalKit => vlmevalkit(answer, options),
            Self::LmmsExtract => {
                let letters: Vec<char> = options.iter().map(|(letter, _)| *letter).collect();
                by_form(answer, &letters)
            }
            Self::LmmsMmBench => lmms_mmbench(answer, options),
        }
    }
}

const FAILED: &str = "Failed to obtain answer via API";

fn vlmevalkit(answer: &str, options: &Options) -> Option<char> {
    const REFUSALS: [&str; 4] = [
        "Sorry, I can't help with images of people yet.",
        "I can't process this file.",
        "I'm sorry, but without the image provided",
        "Cannot determine the answer",
    ];
    if answer.contains(FAILED) {
        return by_text(answer, options);
    }
    if REFUSALS.iter().any(|refusal| answer.contains(refusal)) {
        return Some('Z');
    }
    let spaced = answer.replace(
        ['.', '(', ')', '[', ']', ',', ':', ';', '!', '*', '#', '{', '}'],
        " ",
    );
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let place = |letter: char| {
        words
            .iter()
            .position(|word| word.len() == letter.len_utf8() && word.starts_with(letter))
    };
    let mut named = options
        .iter()
        .filter_map(|(letter, _)| Some((*letter, place(*letter)?)));
    match (named.next(), named.next()) {
        // A letter long before the end is more likely an article.
        (Some((letter, at)), None) if at + 5 > words.len() => return Some(letter),
        (None, _) if place('Z').is_some() => return Some('Z'),
        _ => {}
    }
    let texts: usize = options.iter().map(|(_, text)| text.chars().count()).sum();
    if answer.chars().count() > 2 * texts {
        return None;
    }
    by_text(answer, options)
}

/// The only option whose text occurs in the answer.
fn by_text(answer: &str, options: &Options) -> Option<char> {
    let answer = answer.to_lowercase();
    let mut named = options
        .iter()
        .filter(|(_, text)| answer.contains(&text.to_lowercase()));
    match (named.next(), named.next()) {
        (Some((letter, _)), None) => Some(*letter),
        _ => None,
    }
}

fn lmms_mmbench(answer: &str, options: &Options) -> Option<char> {
    const LETTERS: [char; 5] = ['A', 'B', 'C', 'D', 'E'];
    const FORMS: [(&str, &str); 12] = [
        ("", "."),
        ("", ","),
        ("", ":"),
        ("", ")"),
        ("", ")."),
        ("(", ")"),
        ("(", ")."),
        (":", ""),
        (":", ","),
        (":", "."),
        (":", ")"),
        (":", ")."),
    ];
    let words: Vec<&str> = answer.split_whitespace().collect();
    let only = |before: &str, after: &str| {
        let mut named = LETTERS.into_iter().filter(|letter| {
            words.iter().any(|word| {
                let inner = word
                    .strip_prefix(before)
                    .and_then(|word| word.strip_suffix(after));
                inner.is_some_and(|inner| inner.len() == 1 && inner.starts_with(*letter))
            })
        });
        named.next().filter(|_| named.next().is_none())
    };
    if !answer.contains(FAILED) {
        // Among more than three words an A may be an article.
        let article = words.len() > 3 && words.contains(&"A");
        if let Some(letter) = only("", "").filter(|_| !article) {
            return Some(letter);
        }
        if let Some(letter) = FORMS.iter().find_map(|(before, after)| only(before, after)) {
            return Some(letter);
        }
    }
    by_text(answer, options)
}

/// How telling a form is.
const START: u8 = 10;
const END: u8 = 9;
const PHRASE: u8 = 7;
const PARENTHESES: u8 = 6;
const PERIOD: u8 = 5;
const COLON: u8 = 4;
const RIGHT_PARENTHESIS: u8 = 3;
const SPACE: u8 = 2;
const ANYWHERE: u8 = 0;

/// Words after which an answer is announced; each may have "the" before it.
const ANNOUNCED: [&str; 7] = [
    "answer is",
    "correct answer is",
    "best answer is",
    "correct option is",
    "best option is",
    "choice is",
    "correct choice is",
];
const PHRASES: [&str; 13] = [
    "i choose",
    "i select",
    "i pick",
    "my answer is",
    "my choice is",
    "옵션",
    "정답은",
    "답은",
    "답:",
    "答案是",
    "答案为",
    "选",
    "答えは",
];

fn by_form(answer: &str, letters: &[char]) -> Option<char> {
    let mut text = answer.trim();
    for mark in [',', '.', '!', '?', ';', ':', '\'', '"'] {
        text = text.trim_matches(mark);
    }
    let text = format!(" {text} ");
    let bare = text.trim();
    let mut found: Vec<(u8, usize, char)> = Vec::new();
    let around = [
        ("(", ")", PARENTHESES),
        ("", ".", PERIOD),
        ("", ":", COLON),
        ("", ")", RIGHT_PARENTHESIS),
        ("", " ", SPACE),
    ];
    for (before, after, form) in around {
        for &letter in letters {
            let last = text.rfind(&format!("{before}{letter}{after}"));
            found.extend(last.map(|at| (form, at, letter)));
        }
    }
    let lower = text.to_lowercase();
    // Lower-casing may move what follows a few unusual characters; then phrases are not looked behind.
    let aligned = lower.len() == text.len();
    let the = ANNOUNCED.map(|phrase| format!("the {phrase}"));
    let phrases = ANNOUNCED
        .into_iter()
        .chain(PHRASES)
        .chain(the.iter().map(String::as_str));
    for phrase in phrases.filter(|_| aligned) {
        let Some(behind) = lower.find(phrase).and_then(|at| text.get(at + phrase.len()..)) else {
            continue;
        };
        let start = text.len() - behind.len();
        let first = |&letter: &char| behind.find(letter).map(|at| (PHRASE, start + at, letter));
        found.extend(letters.iter().filter_map(first));
    }
    for &letter in letters {
        let alone = |beside: Option<char>| !beside.is_some_and(char::is_alphabetic);
        if bare
            .strip_prefix(letter)
            .is_some_and(|rest| alone(rest.chars().next()))
        {
            found.push((START, 0, letter));
        }
        if bare
            .strip_suffix(letter)
            .is_some_and(|rest| alone(rest.chars().next_back()))
        {
            found.push((END, text.len() - 1, letter));
        }
    }
    if found.is_empty() {
        let last = |&letter: &char| text.rfind(letter).map(|at| (ANYWHERE, at, letter));
        found.extend(letters.iter().filter_map(last));
    }
    // The first of equals stays.
    let best = found.into_iter().reduce(|best, next| {
        if (next.0, next.1) > (best.0, best.1) {
            next
        } else {
            best
        }
    });
    best.map(|(_, _, letter)| letter)
}
