//! A condition on one column: what a slice is made of, as SQL and in words.
//!
//! Values are what models and users wrote: in SQL they are quoted so that pasting them does nothing but compare, and
//! what a terminal would obey is written as `chr(n)`; in words it is left out.

use crate::sql::output::is_obeyed;
use md5::{Digest, Md5};
use std::fmt::Write;

/// Longer texts are compared by their MD5.
const LONGEST_TEXT_BYTE: usize = 200;
/// Of a value in words, in characters.
const LONGEST_SHOWN: usize = 60;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In a column of its own.
    Column(String),
    /// Under a key of a column that holds JSON objects.
    Attribute { column: String, key: String },
}

/// What is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Text(String),
    /// A long text: how it begins, and its MD5.
    Long(String, String),
    Flag(bool),
    Number(f64),
    /// At least the first, below the second.
    Between(Option<f64>, Option<f64>),
    Word(String),
    Null,
}

/// A place and a test.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) place: Place,
    pub(super) test: Test,
}

impl Test {
    /// Equality with a text; none where SQL cannot write it.
    pub(super) fn text(value: &str) -> Option<Self> {
        if value.len() > LONGEST_TEXT_BYTE {
            let start: String = value.chars().take(LONGEST_SHOWN).collect();
            let mut digest = String::new();
            for byte in Md5::digest(value) {
                let _ = write!(digest, "{byte:02x}");
            }
            return Some(Self::Long(start, digest));
        }
        (!value.contains('\0')).then(|| Self::Text(value.to_owned()))
    }
}

impl Place {
    /// As an expression.
    fn sql(&self) -> String {
        match self {
            Self::Column(name) => identifier(name),
            Self::Attribute { column, key } => format!("attribute({}, {})", identifier(column), literal(key)),
        }
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        let (Self::Column(name) | Self::Attribute { key: name, .. }) = self;
        shown(name).replace('_', " ")
    }
}

impl Condition {
    /// As a predicate that can stand between ANDs.
    pub(super) fn sql(&self) -> String {
        let place = self.place.sql();
        match &self.test {
            Test::Text(value) => format!("{place} = {}", literal(value)),
            Test::Long(_, digest) => format!("md5({place}) = '{digest}'"),
            Test::Flag(true) => place,
            Test::Flag(false) => format!("NOT {place}"),
            Test::Number(value) => format!("{place} = {value}"),
            Test::Between(None, None) => format!("{place} IS NOT NULL"),
            Test::Between(Some(low), None) => format!("{place} >= {low}"),
            Test::Between(None, Some(high)) => format!("{place} < {high}"),
            Test::Between(Some(low), Some(high)) => format!("{place} >= {low} AND {place} < {high}"),
            Test::Word(word) => format!("has_word({place}, {})", literal(word)),
            Test::Null => format!("{place} IS NULL"),
        }
    }

    /// For people, on one line.
    pub(super) fn words(&self) -> String {
        let place = self.place.words();
        match &self.test {
            Test::Text(value) if value.is_empty() => format!("{place} empty"),
            Test::Text(value) => format!("{place} “{}”", shown(value)),
            Test::Long(start, _) => format!("{place} “{}…”", shown(start)),
            Test::Flag(true) => place,
            Test::Flag(false) => format!("not {place}"),
            Test::Number(value) => format!("{place} {value}"),
            Test::Between(None, None) => format!("{place} known"),
            Test::Between(Some(low), None) => format!("{place} from {low}"),
            Test::Between(None, Some(high)) => format!("{place} below {high}"),
            Test::Between(Some(low), Some(high)) => format!("{place} from {low} to below {high}"),
            Test::Word(word) => format!("“{}” in the {place}", shown(word)),
            Test::Null => format!("no {place}"),
        }
    }
}

/// A name as SQL reads it: in quotes unless it is a plain word.
pub(super) fn identifier(name: &str) -> String {
    let plain = |(at, each): (usize, char)| {
        each.is_ascii_lowercase() || each == '_' || (at > 0 && each.is_ascii_digit())
    };
    // Quotes do no harm to names that are words of the language, too.
    let word = !name.is_empty() && name.chars().enumerate().all(plain);
    if word && !RESERVED.contains(&name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Words that cannot stand for a column, in one of the engines.
const RESERVED: [&str; 24] = [
    "all", "and", "as", "case", "default", "desc", "end", "false", "from", "group", "having", "in", "limit",
    "not", "null", "offset", "or", "order", "select", "then", "true", "union", "when", "where",
];

/// A text as SQL reads it; what a terminal would obey is spelled.
pub(super) fn literal(text: &str) -> String {
    let mut parts = Vec::new();
    let mut plain = String::new();
    for each in text.chars() {
        if is_obeyed(each) {
            if !plain.is_empty() {
                parts.push(format!("'{}'", std::mem::take(&mut plain)));
            }
            parts.push(format!("chr({})", each as u32));
        } else {
            plain.push(each);
            if each == '\'' {
                plain.push(each);
            }
        }
    }
    if !plain.is_empty() || parts.is_empty() {
        parts.push(format!("'{plain}'"));
    }
    match parts.as_slice() {
        [only] => only.clone(),
        parts => format!("({})", parts.join(" || ")),
    }
}

/// A text on one line, without what a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    let plain = |each| if is_obeyed(each) { ' ' } else { each };
    let mut line: String = text.chars().take(LONGEST_SHOWN).map(plain).collect();
    if text.chars().nth(LONGEST_SHOWN).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(column: &str, test: Test) -> Condition {
        Condition {
            place: Place::Column(column.to_owned()),
            test,
        }
    }

    #[test]
    fn hostile_values_are_quoted_in_sql_and_plain_in_words() {
        let hostile = "a'); DROP TABLE runs; --\u{1b}[31m\u{202e}x";
        let is = condition("Odd \"name\"", Test::text(hostile).unwrap());
        assert_eq!(
            is.sql(),
            "\"Odd \"\"name\"\"\" = ('a''); DROP TABLE runs; --' || chr(27) || '[31m' || chr(8238) || 'x')"
        );
        assert_eq!(is.words(), "Odd \"name\" “a'); DROP TABLE runs; -- [31m x”");
        let long = condition("select", Test::text(&"x".repeat(1 << 20)).unwrap());
        assert_eq!(long.sql(), "md5(\"select\") = 'b561f87202d04959e37588ee05cf5b10'");
        assert!(long.words().chars().count() < 80);
        assert_eq!(Test::text("a\0b"), None);
    }

    #[test]
    fn numbers_words_and_attributes_read_well() {
        let between = condition("width", Test::Between(Some(100.0), Some(200.5)));
        assert_eq!(between.sql(), "width >= 100 AND width < 200.5");
        assert_eq!(between.words(), "width from 100 to below 200.5");
        let weather = Condition {
            place: Place::Attribute {
                column: "attributes".to_owned(),
                key: "time_of_day".to_owned(),
            },
            test: Test::text("night").unwrap(),
        };
        assert_eq!(weather.sql(), "attribute(attributes, 'time_of_day') = 'night'");
        assert_eq!(weather.words(), "time of day “night”");
        let word = condition("question", Test::Word("left".to_owned()));
        assert_eq!(word.sql(), "has_word(question, 'left')");
        assert_eq!(word.words(), "“left” in the question");
    }
}
