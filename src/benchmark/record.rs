//! One row of a benchmark's file, whatever the format: plain values by column, and pictures that are read when needed.

use super::picture::Picture;
use super::python;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A row. Columns that are null or empty count as missing.
#[derive(Debug, Clone)]
pub struct Record {
    /// The file and row, for messages.
    pub at: Arc<str>,
    /// Plain values by column.
    pub fields: Map<String, Value>,
    /// Pictures by column, lists in order.
    pub pictures: Vec<(String, Picture)>,
}

impl Record {
    /// What is wrong with this row, with its place.
    #[must_use]
    pub fn wrong(&self, problem: &str) -> String {
        format!("{}: {problem}", self.at)
    }

    fn missing(&self, wanted: &[&str]) -> String {
        let mut found: Vec<&str> = self.fields.keys().map(String::as_str).collect();
        for (name, _) in &self.pictures {
            if !found.contains(&name.as_str()) {
                found.push(name);
            }
        }
        self.wrong(&format!(
            "expected a column {}; the columns with a value are: {}",
            wanted
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(" or "),
            if found.is_empty() {
                "none".to_owned()
            } else {
                found.join(", ")
            }
        ))
    }

    /// The first of these columns that has a value.
    #[must_use]
    pub fn value(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|name| {
            self.fields.get(*name).filter(|value| match value {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                _ => true,
            })
        })
    }

    /// The text in the first of these columns that has a value.
    #[must_use]
    pub fn text_if(&self, names: &[&str]) -> Option<String> {
        self.value(names).and_then(text)
    }

    /// The text that must be in one of these columns.
    ///
    /// # Errors
    /// Which columns were expected and which there are.
    pub fn text(&self, names: &[&str]) -> Result<String, String> {
        self.text_if(names).ok_or_else(|| self.missing(names))
    }

    /// The number that must be in one of these columns.
    ///
    /// # Errors
    /// What is there instead.
    pub fn number(&self, names: &[&str]) -> Result<f64, String> {
        let text = self.text(names)?;
        let number = text
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite());
        number.ok_or_else(|| self.wrong(&format!("`{}` is `{text}`, which is no number", names[0])))
    }

    /// The texts of a list, a list literal, or a single value; annotators' objects give their `answer`.
    ///
    /// # Errors
    /// Which columns were expected, or why a list literal cannot be read.
    pub fn texts(&self, names: &[&str]) -> Result<Vec<String>, String> {
        match self.value(names).ok_or_else(|| self.missing(names))? {
            Value::Array(values) => Ok(values.iter().filter_map(text).collect()),
            Value::String(literal) if literal.trim_start().starts_with('[') => {
                python::list(literal).map_err(|problem| self.wrong(&format!("`{}`: {problem}", names[0])))
            }
            value => Ok(text(value).into_iter().collect()),
        }
    }

    /// The options of a list or of a list literal; any other text is a mistake, or an attempt.
    ///
    /// # Errors
    /// Which columns were expected, or why the text is no list.
    pub fn options(&self, names: &[&str]) -> Result<Vec<String>, String> {
        match self.value(names) {
            Some(Value::String(literal)) => {
                python::list(literal).map_err(|problem| self.wrong(&format!("`{}`: {problem}", names[0])))
            }
            _ => self.texts(names),
        }
    }

    /// Four numbers: a list, or a list literal.
    ///
    /// # Errors
    /// What is there instead.
    pub fn corners(&self, names: &[&str]) -> Result<[f64; 4], String> {
        let texts = self.texts(names)?;
        let numbers: Vec<f64> = texts
            .iter()
            .filter_map(|text| text.parse().ok())
            .filter(|n: &f64| n.is_finite())
            .collect();
        let four: Option<[f64; 4]> = numbers.try_into().ok();
        four.filter(|_| texts.len() == 4)
            .ok_or_else(|| self.wrong(&format!("`{}` is {texts:?}; expected four numbers", names[0])))
    }

    /// The options in columns `A`, `B`, … as far as they go.
    #[must_use]
    pub fn lettered(&self) -> Vec<String> {
        ('A'..='I')
            .map_while(|letter| self.text_if(&[letter.encode_utf8(&mut [0; 4])]))
            // What pandas writes for a missing option.
            .take_while(|option| option != "nan")
            .collect()
    }

    /// The pictures in the first of these columns that has any.
    ///
    /// # Errors
    /// Which columns were expected.
    pub fn pictures(&self, names: &[&str]) -> Result<Vec<Picture>, String> {
        let of = |name: &&str| {
            let found = self.pictures.iter().filter(|(column, _)| column == name);
            let found: Vec<Picture> = found.map(|(_, picture)| picture.clone()).collect();
            (!found.is_empty()).then_some(found)
        };
        names.iter().find_map(of).ok_or_else(|| self.missing(names))
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::Number(number) => Some(match number.as_f64() {
            // Whole numbers that pandas has made floats.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        }),
        Value::Object(fields) => ["answer", "raw", "sent"]
            .iter()
            .find_map(|name| fields.get(*name))
            .and_then(text),
        Value::Null | Value::Array(_) => None,
    }
}
