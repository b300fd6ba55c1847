//! VQAv2's two files: questions that name images by number, and annotations with ten answers each.
//!
//! Joined into plain records with `image`, `question`, `answers`, `category`. Format: visualqa.org/vqa_v2.

use super::SourceOptions;
use super::json::records;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Whether a file is VQAv2's: one object with a list `questions`.
pub(super) fn is_vqa(records: &[Value]) -> bool {
    matches!(records, [only] if only.get("questions").is_some_and(Value::is_array))
}

/// Plain records from questions and, where given, annotations (a file's name and content).
pub(super) fn join(
    file: Vec<Value>,
    annotations: Option<(&str, &[u8])>,
    options: &SourceOptions,
) -> Result<Vec<Value>, String> {
    let mut answered: HashMap<String, Map<String, Value>> = HashMap::new();
    if let Some((name, text)) = annotations {
        let wrong = |problem: &str| format!("`{name}`: {problem}");
        let mut parsed = records(text).map_err(|problem| wrong(&problem))?;
        let list = parsed
            .first_mut()
            .and_then(|object| object.get_mut("annotations"))
            .map(Value::take);
        let Some(Value::Array(list)) = list else {
            return Err(wrong("no list `annotations` at the top"));
        };
        for annotation in list {
            if let Value::Object(annotation) = annotation {
                let id = annotation
                    .get("question_id")
                    .map(Value::to_string)
                    .unwrap_or_default();
                answered.insert(id, annotation);
            }
        }
    }
    let mut file = file.into_iter().next().unwrap_or_default();
    let subset = file.get("data_subtype").and_then(Value::as_str);
    let image_name = match (&options.image_name, subset) {
        (Some(name), _) => Some(name.clone()),
        (None, Some(subset)) => Some(format!("COCO_{subset}_{{image_id:012}}.jpg")),
        (None, None) => None,
    };
    let Value::Array(questions) = file["questions"].take() else {
        return Ok(Vec::new());
    };
    let mut joined = Vec::with_capacity(questions.len());
    for (index, question) in questions.into_iter().enumerate() {
        let Value::Object(mut record) = question else {
            return Err(format!("question {} is no object", index + 1));
        };
        let id = record
            .get("question_id")
            .map(Value::to_string)
            .unwrap_or_default();
        if let Some(mut annotation) = answered.remove(&id) {
            let answers = annotation.get_mut("answers").map(Value::take);
            let answers = answers.or_else(|| annotation.get("multiple_choice_answer").cloned());
            record.insert("answers".to_owned(), answers.unwrap_or_default());
            for name in ["question_type", "answer_type"] {
                if let Some(value) = annotation.shift_remove(name) {
                    record.insert(name.to_owned(), value);
                }
            }
        }
        if !record.contains_key("image") {
            let number = record
                .get("image_id")
                .filter(|number| number.is_number() || number.is_string());
            let (Some(number), Some(name)) = (number, &image_name) else {
                return Err(format!(
                    "question {} names its image by number; say in `image_name` how that becomes a file name, \
                     for example \"COCO_val2014_{{image_id:012}}.jpg\"",
                    index + 1
                ));
            };
            let name = file_name(name, number)?;
            record.insert("image".to_owned(), json!(name));
        }
        joined.push(Value::Object(record));
    }
    Ok(joined)
}

/// `{image_id}` as it is, `{image_id:012}` with zeros in front.
fn file_name(template: &str, image_id: &Value) -> Result<String, String> {
    let wrong = || format!("`image_name` is `{template}`; it needs {{image_id}} or {{image_id:012}}");
    let (before, rest) = template.split_once("{image_id").ok_or_else(wrong)?;
    let (width, after) = rest.split_once('}').ok_or_else(wrong)?;
    let width = match width.strip_prefix(':') {
        Some(width) => width.parse::<u8>().map_err(|_| wrong())?,
        None if width.is_empty() => 0,
        None => return Err(wrong()),
    };
    let image_id = image_id
        .as_str()
        .map_or_else(|| image_id.to_string(), str::to_owned);
    Ok(format!(
        "{before}{image_id:0>width$}{after}",
        width = usize::from(width)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_meet_their_annotations() {
        let questions = json!({"data_subtype": "val2014", "questions": [
            {"image_id": 262_148, "question": "Where is he looking?", "question_id": 262_148_000},
            {"image_id": 9, "question": "Is it?", "question_id": 9},
        ]});
        let annotations = json!({"annotations": [{
            "question_id": 262_148_000, "image_id": 262_148, "question_type": "where", "multiple_choice_answer": "down",
            "answers": [{"answer": "down", "answer_id": 1}, {"answer": "at table", "answer_id": 2}],
        }]});
        let annotations = annotations.to_string();
        let options = SourceOptions::default();
        assert!(is_vqa(std::slice::from_ref(&questions)));
        let joined = join(
            vec![questions],
            Some(("a.json", annotations.as_bytes())),
            &options,
        )
        .unwrap();
        assert_eq!(joined[0]["image"], "COCO_val2014_000000262148.jpg");
        assert_eq!(joined[0]["answers"][1]["answer"], "at table");
        assert_eq!(
            (&joined[0]["question_type"], joined[1].get("answers")),
            (&json!("where"), None)
        );
    }

    #[test]
    fn file_names_come_from_a_template() {
        assert_eq!(
            file_name("img/{image_id:06}.png", &json!(42)).unwrap(),
            "img/000042.png"
        );
        assert_eq!(file_name("{image_id}.png", &json!("a7")).unwrap(), "a7.png");
        for template in ["image.png", "{image_id:x}.png", "{image_idx}.png", "{image_id"] {
            assert!(
                file_name(template, &json!(1)).unwrap_err().contains("image_name"),
                "{template}"
            );
        }
        let nameless = json!({"questions": [{"image_id": 1, "question": "?"}]});
        assert!(
            join(vec![nameless], None, &SourceOptions::default())
                .unwrap_err()
                .contains("image_name")
        );
    }
}
