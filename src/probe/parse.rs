//! From what an auditor said to a draft, or to the reason why there is none.
//!
//! In: lines such as `Question: …`, or a JSON object with the same names, bare or fenced. Out: a draft
//! whose fields are single lines of bounded length without control characters, whatever came in. Strict:
//! one question with a question mark, and every field that was asked for; nothing is guessed.

use super::{Draft, ProposalError, Strategy};
use crate::row::Category;
use serde_json::Value;

/// Longest output that is read, and kept, in bytes.
pub const LONGEST_OUTPUT_BYTES: usize = 16 << 10;
/// Longest question in characters.
const LONGEST_QUESTION: usize = 300;
/// Longest edit instruction or caption in characters.
const LONGEST_INSTRUCTION: usize = 1_000;
/// Longest expected answer in characters.
const LONGEST_ANSWER: usize = 100;

/// What the fields are called in outputs, besides upper case and decoration.
const NAMES: [(&str, Field); 7] = [
    ("question", Field::Question),
    ("category", Field::Category),
    ("answer", Field::Answer),
    ("expected answer", Field::Answer),
    ("instruction", Field::Instruction),
    ("caption", Field::Instruction),
    ("nothing to ask", Field::Nothing),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Question,
    Category,
    Answer,
    Instruction,
    Nothing,
}

/// Reads an auditor's output for one of the strategies that ask a model.
pub fn parse(output: &str, strategy: Strategy) -> Result<Draft, ProposalError> {
    if output.len() > LONGEST_OUTPUT_BYTES {
        return Err(unparsed(format!(
            "the output is longer than {} KiB",
            LONGEST_OUTPUT_BYTES >> 10
        )));
    }
    // Models that think aloud do so before they answer.
    let said = output.rsplit("</think>").next().unwrap_or(output);
    let fields = match object(said) {
        Some(fields) => fields,
        None => lines(said)?,
    };
    let find = |wanted: Field| {
        let found = fields.iter().find(|(field, _)| *field == wanted);
        found
            .map(|(_, value)| clean(value))
            .filter(|value| !value.is_empty())
    };
    if let (Some(reason), None) = (find(Field::Nothing), find(Field::Question)) {
        return Err(ProposalError::Refused(shorten(&reason, LONGEST_QUESTION)));
    }
    let require = |field: Field, name: &str, longest: usize| {
        let value = find(field).ok_or_else(|| unparsed(format!("the field `{name}` is missing")))?;
        if value.chars().count() > longest {
            return Err(unparsed(format!(
                "the field `{name}` is longer than {longest} characters"
            )));
        }
        Ok(value)
    };
    let question = require(Field::Question, "Question", LONGEST_QUESTION)?;
    one_question(&question)?;
    let category = require(Field::Category, "Category", LONGEST_ANSWER)?;
    let answer = require(Field::Answer, "Answer", LONGEST_ANSWER)?;
    let instruction = match strategy {
        Strategy::Edit => Some(require(Field::Instruction, "Instruction", LONGEST_INSTRUCTION)?),
        Strategy::Generation => Some(require(Field::Instruction, "Caption", LONGEST_INSTRUCTION)?),
        Strategy::Question | Strategy::Dataset | Strategy::Perturbation => None,
    };
    Ok(Draft {
        question,
        instruction,
        choices: Vec::new(),
        category: Some(
            Category::parse(category.trim_end_matches('.')).map_or(category, |known| known.name().to_owned()),
        ),
        expected_answer: Some(answer),
        ..Draft::default()
    })
}

/// A draft as an auditor would say it: what [`parse`] reads.
pub(crate) fn write(draft: &Draft) -> String {
    let lines = [
        ("Instruction", draft.instruction.as_ref()),
        ("Question", Some(&draft.question)),
        ("Category", draft.category.as_ref()),
        ("Answer", draft.expected_answer.as_ref()),
    ];
    let said = lines
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}: {}", value?)));
    said.collect::<Vec<_>>().join("\n")
}

/// The fields of the first JSON object that has a question; none if there is no such object.
fn object(said: &str) -> Option<Vec<(Field, String)>> {
    let start = said.find('{')?;
    let first = serde_json::Deserializer::from_str(&said[start..])
        .into_iter::<Value>()
        .next();
    let object = first?.ok()?;
    let fields: Vec<(Field, String)> = object
        .as_object()?
        .iter()
        .filter_map(|(name, value)| Some((field(name)?, scalar(value)?)))
        .collect();
    fields
        .iter()
        .any(|(field, _)| matches!(field, Field::Question | Field::Nothing))
        .then_some(fields)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(if *truth { "yes" } else { "no" }.to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The fields of labelled lines. A label alone on its line belongs to the next line; lines that belong to
/// no label are talk.
fn lines(said: &str) -> Result<Vec<(Field, String)>, ProposalError> {
    let mut fields: Vec<(Field, String)> = Vec::new();
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        let labelled = line
            .split_once(':')
            .and_then(|(label, value)| Some((label, field(label)?, value)));
        if let Some((label, field, value)) = labelled {
            if fields.iter().any(|(other, _)| *other == field) {
                let name = shorten(&clean(label), 30);
                return Err(unparsed(format!("the field `{name}` stands there twice")));
            }
            fields.push((field, value.to_owned()));
        } else if let Some((_, value)) = fields.last_mut().filter(|(_, value)| clean(value).is_empty()) {
            line.clone_into(value);
        }
    }
    Ok(fields)
}

/// The field that a label names: upper case, list numbers and Markdown around it do not matter.
fn field(label: &str) -> Option<Field> {
    let plain = label
        .trim_matches(|c: char| !c.is_alphabetic())
        .to_lowercase()
        .replace('_', " ");
    NAMES
        .iter()
        .find(|(name, _)| *name == plain)
        .map(|(_, field)| *field)
}

/// Exactly one question: a question mark at the end and none that ends a sentence before it.
pub(super) fn one_question(question: &str) -> Result<(), ProposalError> {
    const MARKS: [char; 3] = ['?', '？', '؟'];
    let Some(before) = question.strip_suffix(MARKS) else {
        return Err(unparsed("the question does not end with a question mark"));
    };
    let mut rest = before.chars().peekable();
    while let Some(character) = rest.next() {
        if MARKS.contains(&character) && rest.peek().is_none_or(|next| next.is_whitespace()) {
            return Err(unparsed("there are several questions in one"));
        }
    }
    if before.chars().any(char::is_alphanumeric) {
        Ok(())
    } else {
        Err(unparsed("the question has no words"))
    }
}

/// One line without control characters, invisible direction marks, quotes or Markdown around it.
pub(super) fn clean(value: &str) -> String {
    let is_space = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let words: Vec<&str> = value.split(is_space).filter(|word| !word.is_empty()).collect();
    let decoration = |c: char| c.is_whitespace() || matches!(c, '*' | '`' | '"' | '“' | '”');
    words.join(" ").trim_matches(decoration).to_owned()
}

fn shorten(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

fn unparsed(reason: impl Into<String>) -> ProposalError {
    ProposalError::Unparsed(reason.into())
}

#[cfg(test)]
mod tests;
