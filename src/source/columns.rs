//! Which column means what, and a row's question. Shared by Parquet and JSON sources.

use super::{SourceOptions, SourceQuestion};
use serde_json::{Map, Value};

/// Names that data sets give their columns, the most telling first.
const IMAGE: &[&str] = &[
    "image",
    "images",
    "image_path",
    "img",
    "picture",
    "photo",
    "file_name",
    "filename",
];
const QUESTION: &[&str] = &["question", "query", "prompt", "problem"];
const ANSWER: &[&str] = &[
    "answers",
    "answer",
    "multiple_choice_answer",
    "ground_truth",
    "solution",
    "label",
];
const CHOICES: &[&str] = &["choices", "options"];
const CATEGORY: &[&str] = &["category", "question_type", "task", "topic", "type"];

/// Texts that are longer are content, not attributes.
const MAX_ATTRIBUTE_CHARS: usize = 1000;

/// The column of each meaning, where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) image: Option<String>,
    pub(super) question: Option<String>,
    answer: Option<String>,
    choices: Option<String>,
    category: Option<String>,
}

impl Columns {
    /// Chooses among the columns that a file has: the configured name, else a common one. A configured name
    /// that is missing is an error with those that are there.
    pub(super) fn choose(available: &[&str], options: &SourceOptions) -> Result<Self, String> {
        let choose = |setting: &str, wanted: &Option<String>, common: &[&str]| match wanted {
            Some(name) if available.contains(&name.as_str()) => Ok(Some(name.clone())),
            Some(name) => Err(format!(
                "`{setting}` names the column `{name}`; the columns are: {}",
                available.join(", ")
            )),
            None => Ok(common
                .iter()
                .find(|name| available.contains(name))
                .map(|name| (*name).to_owned())),
        };
        Ok(Self {
            image: choose("image_column", &options.image_column, IMAGE)?,
            question: choose("question_column", &options.question_column, QUESTION)?,
            answer: choose("answer_column", &options.answer_column, ANSWER)?,
            choices: choose("choices_column", &options.choices_column, CHOICES)?,
            category: choose("category_column", &options.category_column, CATEGORY)?,
        })
    }

    /// What an error says when no column holds images.
    pub(super) fn no_image(available: &[&str]) -> String {
        format!(
            "no image column; expected one of {} or the name in `image_column`; the columns are: {}",
            IMAGE.join(", "),
            available.join(", ")
        )
    }

    /// A row's question, if it has one, and its other plain values.
    pub(super) fn read(&self, mut row: Map<String, Value>) -> (Option<SourceQuestion>, Map<String, Value>) {
        let mut take = |name: &Option<String>| name.as_ref().and_then(|name| row.shift_remove(name));
        take(&self.image);
        let question = take(&self.question).and_then(|value| text(&value));
        let choices = take(&self.choices).map(|value| texts(&value)).unwrap_or_default();
        let answers = take(&self.answer).map(|value| texts(&value)).unwrap_or_default();
        let category = take(&self.category).and_then(|value| text(&value));
        let question = question.map(|question| SourceQuestion {
            question,
            answers: answers
                .into_iter()
                .map(|answer| spelled_out(answer, &choices))
                .collect(),
            choices,
            category,
        });
        row.retain(|_, value| match value {
            Value::String(text) => text.chars().nth(MAX_ATTRIBUTE_CHARS).is_none(),
            Value::Number(_) | Value::Bool(_) => true,
            _ => false,
        });
        (question, row)
    }
}

/// The choice that a letter or an index from 0 stands for; other answers as they are.
fn spelled_out(answer: String, choices: &[String]) -> String {
    if choices.contains(&answer) {
        return answer;
    }
    let letter = match answer.trim_matches(['(', ')', '.', ' ']).as_bytes() {
        [letter @ b'A'..=b'Z'] => Some(usize::from(letter - b'A')),
        _ => None,
    };
    let index = letter.or_else(|| answer.parse().ok());
    index
        .and_then(|index| choices.get(index))
        .cloned()
        .unwrap_or(answer)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        // One annotator's answer in VQAv2.
        Value::Object(fields) => fields.get("answer").and_then(text),
        Value::Null | Value::Array(_) => None,
    }
}

/// The texts of a list, of an object of options by letter, or of one value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        Value::Object(fields) if !fields.contains_key("answer") => fields.values().filter_map(text).collect(),
        value => text(value).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(row: Value) -> (Option<SourceQuestion>, Map<String, Value>) {
        let Value::Object(row) = row else {
            panic!("an object")
        };
        let names: Vec<&str> = row.keys().map(String::as_str).collect();
        let columns = Columns::choose(&names, &SourceOptions::default()).unwrap();
        columns.read(row)
    }

    #[test]
    fn common_names_and_forms_are_understood() {
        let (question, attributes) = read(json!({
            "image": "a.jpg", "question": " what? ", "answers": [{"answer": "yes"}, {"answer": "yes"}, {"answer": "no"}],
            "question_type": "is", "source_id": 7, "boxes": [1, 2],
        }));
        let question = question.unwrap();
        assert_eq!(
            (question.question.as_str(), question.answers),
            ("what?", vec!["yes".into(), "yes".into(), "no".into()])
        );
        assert_eq!(question.category.as_deref(), Some("is"));
        assert_eq!(Value::Object(attributes), json!({"source_id": 7}));
    }

    #[test]
    fn letters_and_indices_mean_choices() {
        for (answer, choices, meant) in [
            (json!(1), json!(["red", "blue"]), "blue"),
            (json!("(B)"), json!({"A": "red", "B": "blue"}), "blue"),
            (json!("B"), json!(["A", "B", "C"]), "B"),
            (json!("3"), json!(["1", "2", "3"]), "3"),
            (json!("green"), json!(["red", "blue"]), "green"),
            (json!(true), json!([]), "yes"),
        ] {
            let (question, _) = read(json!({"query": "q", "answer": answer, "options": choices}));
            assert_eq!(question.unwrap().answers, [meant]);
        }
    }

    #[test]
    fn a_missing_column_is_told_with_those_that_are_there() {
        let options = SourceOptions {
            answer_column: Some("truth".to_owned()),
            ..SourceOptions::default()
        };
        let error = Columns::choose(&["image", "question"], &options).unwrap_err();
        assert_eq!(
            error,
            "`answer_column` names the column `truth`; the columns are: image, question"
        );
    }
}
