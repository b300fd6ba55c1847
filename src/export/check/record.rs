//! Records in JSON, whatever trainer they are for.

use super::Checked;
use crate::sample::letter;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// What opens a picture in a text.
const PLACEHOLDER: &str = "<image>";

/// A record a line.
pub(super) fn lines(path: &Path, name: &str, folder: &Path, checked: &mut Checked) -> Result<(), String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    for (at, line) in BufReader::new(file).lines().enumerate() {
        let place = format!("{name}:{}", at + 1);
        match serde_json::from_str(&line.map_err(|error| error.to_string())?) {
            Ok(value) => record(&value, &place, folder, checked),
            Err(error) => checked.problem(format!("{place}: this is no JSON: {error}")),
        }
    }
    Ok(())
}

/// One array of records.
pub(super) fn array(path: &Path, name: &str, folder: &Path, checked: &mut Checked) -> Result<(), String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let records: Vec<Value> = serde_json::from_reader(BufReader::new(file))
        .map_err(|error| format!("this is no array of JSON: {error}"))?;
    for (at, value) in records.iter().enumerate() {
        record(value, &format!("{name}:{}", at + 1), folder, checked);
    }
    Ok(())
}

fn record(value: &Value, place: &str, folder: &Path, checked: &mut Checked) {
    checked.records += 1;
    let mut problems = Vec::new();
    let mut images = strings(&value["image"]);
    images.extend(strings(&value["images"]));
    let turns = ["messages", "conversations"]
        .iter()
        .find_map(|name| value[*name].as_array());
    if let Some(turns) = turns {
        let text = |turn: &Value| {
            turn["content"]
                .as_str()
                .or(turn["value"].as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let marked: usize = turns
            .iter()
            .map(|turn| text(turn).matches(PLACEHOLDER).count())
            .sum();
        if marked != images.len() {
            problems.push(format!("{marked} {PLACEHOLDER} for {} images", images.len()));
        }
        if turns.last().is_none_or(|turn| text(turn).trim().is_empty()) {
            problems.push("the answer is empty".to_owned());
        }
    } else if let Some(turns) = value["input"].as_array() {
        let parts = turns
            .iter()
            .filter_map(|turn| turn["content"].as_array())
            .flatten();
        images.extend(parts.flat_map(|part| strings(&part["image"])));
        let target = value["target"].as_str().unwrap_or_default();
        let choices = value["choices"].as_array().map(Vec::len);
        match choices {
            _ if target.trim().is_empty() => problems.push("the target is empty".to_owned()),
            Some(choices) if !(0..choices).any(|at| letter(at).to_string() == target) => {
                problems.push(format!("the target `{target}` is none of the {choices} choices"));
            }
            _ => {}
        }
    } else {
        problems.push("there are neither messages, conversations nor an input".to_owned());
    }
    if images.is_empty() {
        problems.push("there is no image".to_owned());
    }
    for image in images.iter().filter(|image| !image.starts_with("data:")) {
        if let Some(problem) = checked.image(&folder.join(image)) {
            problems.push(format!("image `{image}`: {problem}"));
        }
    }
    for problem in problems {
        checked.problem(format!("{place}: {problem}"));
    }
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}
