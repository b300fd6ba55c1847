//! AI2D (Kembhavi et al. 2016): diagrams of school science. PaliGemma answers with the option's text, chat models with
//! its letter.

use super::{Suite, each, id, lettered};
use crate::benchmark::metric::{ai2d, letter::Letter};
use crate::benchmark::prompt::{self, Family};
use crate::benchmark::record::Record;
use crate::benchmark::{Question, Score, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "ai2d",
    title: "AI2D",
    rules: &["text", "lmms_letter", "vlmevalkit_letter"],
    circular: false,
    chat_rules: Some("lmms_letter"),
    read,
    prompt: |question, family| match family {
        Family::PaliGemma => {
            format!(
                "answer en  {} choose from: {}",
                question.text,
                question.options.join(" \t ")
            )
        }
        Family::Chat => prompt::choice(question, family),
    },
    score: |said, rules| each(said, |question, text| score(question, text, rules)),
    report: |scored, _| report::by_category(scored, "accuracy"),
};

fn score(question: &Question, text: &str, rules: &str) -> Score {
    match rules {
        "lmms_letter" => Score::right(
            ai2d::right_letter(text, &question.answers[0]),
            ai2d::extract(text),
        ),
        "vlmevalkit_letter" => {
            Score::letter(Letter::VlmEvalKit.extract(text, &question.lettered()), question)
        }
        _ => {
            let letter = question
                .letter()
                .map_or(0, |letter| letter as usize - 'A' as usize);
            let option = question.options.get(letter).map_or("", String::as_str);
            Score::right(ai2d::right_text(text, option), text)
        }
    }
}

fn read(record: &Record) -> Result<Vec<Question>, String> {
    if record.value(&["options"]).is_none() {
        return Ok(vec![lettered(record)?]);
    }
    let options = record.options(&["options"])?;
    let answer = record.text(&["answer"])?;
    let index = answer
        .trim()
        .parse::<usize>()
        .ok()
        .filter(|index| *index < options.len());
    let letter = index.and_then(|index| ('A'..='Z').nth(index)).ok_or_else(|| {
        record.wrong(&format!(
            "`answer` is `{answer}`; expected the index of one of {} options",
            options.len()
        ))
    })?;
    Ok(vec![Question {
        id: id(record, &["question_id", "id", "index"]),
        text: record.text(&["question"])?,
        options,
        answers: vec![letter.to_string()],
        split: record.text_if(&["split"]),
        pictures: record.pictures(&["image"])?,
        ..Question::default()
    }])
}
