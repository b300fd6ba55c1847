//! All problems of a file at once: after each one the offending entry is blanked out and the rest is
//! read again, so that the second mistake is seen with the first.

use serde::de::DeserializeOwned;
use std::fmt;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// More problems than this are noise.
const MOST: usize = 30;

/// What is wrong at which line, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    /// Counted from 1; 0 when the problem has no line.
    pub line: usize,
    /// In words, with the remedy.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "  {}", self.message),
            line => write!(f, "  line {line}: {}", self.message),
        }
    }
}

/// The value of as much of the text as can be read, and the problems of the rest.
pub(super) fn parse<T: DeserializeOwned + Default>(text: &str) -> (T, Vec<Problem>) {
    let mut rest = text.to_owned();
    let mut problems = Vec::new();
    while problems.len() < MOST {
        let error = match toml::from_str::<T>(&rest) {
            Ok(value) => return (value, problems),
            Err(error) => error,
        };
        let span = error.span().unwrap_or(0..0);
        problems.push(Problem {
            line: line_at(text, span.start),
            message: with_suggestion(error.message()),
        });
        let Some(entry) = DeTable::parse(&rest)
            .ok()
            .and_then(|table| entry_at(table.get_ref(), &span))
        else {
            break; // the text is not TOML, or the whole file is meant: nothing more can be read
        };
        let blank: String = rest[entry.clone()]
            .chars()
            .flat_map(|c| std::iter::repeat_n(if c == '\n' { '\n' } else { ' ' }, c.len_utf8()))
            .collect();
        rest.replace_range(entry, &blank);
    }
    (T::default(), problems)
}

/// The line, counted from 1, on which the byte stands.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    1 + text[..at.min(text.len())].matches('\n').count()
}

/// The line of the entry at a path of keys (array elements by number), or of its nearest parent that is
/// there.
pub(super) fn line_of(text: &str, path: &[&str]) -> usize {
    let Ok(table) = DeTable::parse(text) else { return 0 };
    let mut line = 0;
    let mut here: Option<&DeValue> = None;
    for (depth, key) in path.iter().enumerate() {
        let (span, next) = match (depth, here) {
            (0, _) => match table.get_ref().get_key_value(*key) {
                Some((name, value)) => (name.span(), value),
                None => return line,
            },
            (_, Some(DeValue::Table(inner))) => match inner.get_key_value(*key) {
                Some((name, value)) => (name.span(), value),
                None => return line,
            },
            (_, Some(DeValue::Array(inner))) => {
                match key.parse::<usize>().ok().and_then(|at| inner.get(at)) {
                    Some(value) => (value.span(), value),
                    None => return line,
                }
            }
            _ => return line,
        };
        line = line_at(text, span.start);
        here = Some(next.get_ref());
    }
    line
}

/// The innermost `key = value` (or array element) that the span belongs to.
fn entry_at(table: &DeTable, span: &Range<usize>) -> Option<Range<usize>> {
    table.iter().find_map(|(key, value)| {
        let inner = match value.get_ref() {
            DeValue::Table(inner) => entry_at(inner, span),
            DeValue::Array(inner) => inner.iter().find_map(|element| match element.get_ref() {
                DeValue::Table(inner) => entry_at(inner, span),
                _ => None,
            }),
            _ => None,
        };
        let touches = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
        inner.or_else(|| {
            let is_table =
                matches!(value.get_ref(), DeValue::Table(_)) && value.span().start <= key.span().start;
            (!is_table && (touches(&key.span()) || touches(&value.span())))
                .then(|| key.span().start..value.span().end)
        })
    })
}

/// "unknown field `x`, expected …" with the name that was probably meant.
fn with_suggestion(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let message = message.trim_end().replace('\n', " ");
    if !message.starts_with("unknown ") {
        return message;
    }
    let Some(given) = names.next() else { return message };
    match names.max_by_key(|name| (crate::diverge::anls(given, name) * 1_000.0) as u32) {
        Some(name) if crate::diverge::anls(given, name) > 0.0 => format!("{message}; did you mean `{name}`?"),
        _ => message,
    }
}
