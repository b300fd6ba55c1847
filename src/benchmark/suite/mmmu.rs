//! MMMU (Yue et al. 2024): college questions with up to seven images, multiple choice and open.

use super::{Suite, each, id, named};
use crate::benchmark::metric::mmmu::{self, Mmmu};
use crate::benchmark::record::Record;
use crate::benchmark::{Question, Score, prompt, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "mmmu",
    title: "MMMU",
    rules: &["official", "lmms"],
    circular: false,
    chat_rules: None,
    read,
    prompt: |question, family| {
        let put = if question.options.is_empty() {
            prompt::short
        } else {
            prompt::choice
        };
        put(question, family)
    },
    score: |said, rules| {
        let rules: Mmmu = named(rules);
        each(said, |question, text| {
            if question.options.is_empty() {
                return Score::right(mmmu::open_right(text, &question.answers), text);
            }
            let letter = rules.extract(text, &question.lettered());
            Score {
                guessed: letter.is_none(),
                ..Score::letter(letter, question)
            }
        })
    },
    report: |scored, _| report::by_category(scored, "accuracy"),
};

const IMAGES: [&str; 7] = [
    "image_1", "image_2", "image_3", "image_4", "image_5", "image_6", "image_7",
];

fn read(record: &Record) -> Result<Vec<Question>, String> {
    let number = id(record, &["id", "index"]);
    let open = record
        .text_if(&["question_type"])
        .is_some_and(|kind| kind == "open");
    let options = match (open, record.value(&["options"])) {
        (true, _) => Vec::new(),
        (false, Some(_)) => record.options(&["options"])?,
        (false, None) => record.lettered(),
    };
    let answer = record.text(&["answer"])?;
    let answers = if options.is_empty() {
        mmmu::open_answers(&answer)
    } else {
        vec![answer]
    };
    let numbered: Vec<_> = IMAGES
        .iter()
        .filter_map(|name| record.pictures(&[name]).ok())
        .flatten()
        .collect();
    let pictures = if numbered.is_empty() {
        record.pictures(&["image_1", "image"])?
    } else {
        numbered
    };
    // "validation_Art_Theory_1" is a question of Art_Theory.
    let subject = number
        .split_once('_')
        .and_then(|(_, rest)| rest.rsplit_once('_'))
        .map(|(subject, _)| subject.to_owned());
    Ok(vec![Question {
        text: record.text(&["question"])?,
        options,
        answers,
        category: subject.or_else(|| record.text_if(&["category"])),
        subcategory: record.text_if(&["subfield", "l2-category"]),
        split: record.text_if(&["split"]),
        id: number,
        pictures,
        ..Question::default()
    }])
}
