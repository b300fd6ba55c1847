//! COCO captions (Chen et al. 2015), also in Karpathy's JSON: CIDEr-D.

use super::{Said, Suite, id, named};
use crate::benchmark::metric::cider::{Captioned, Tokens, scores};
use crate::benchmark::prompt::Family;
use crate::benchmark::record::Record;
use crate::benchmark::{Question, Score, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "coco-captions",
    title: "COCO captions",
    rules: &["ptb", "split"],
    circular: false,
    chat_rules: None,
    read,
    prompt: |_, family| match family {
        Family::PaliGemma => "caption en".to_owned(),
        Family::Chat => "Describe the image in one short sentence.".to_owned(),
    },
    score,
    report: |scored, _| report::by_category(scored, "CIDEr-D"),
};

fn score(said: &[Said], rules: &str) -> Vec<Score> {
    let images: Vec<Captioned> = said
        .iter()
        .map(|(question, text)| Captioned {
            caption: text,
            references: &question.answers,
        })
        .collect();
    let score = |(value, (_, text)): (f64, &Said)| Score {
        value,
        extracted: text.trim().to_owned(),
        ..Score::default()
    };
    scores(&images, named::<Tokens>(rules))
        .into_iter()
        .zip(said)
        .map(score)
        .collect()
}

fn read(record: &Record) -> Result<Vec<Question>, String> {
    let split = record.text_if(&["split"]);
    // Karpathy's file has all splits in one; `test` is the one that is reported.
    if record.value(&["sentences"]).is_some() && split.as_deref().is_some_and(|split| split != "test") {
        return Ok(Vec::new());
    }
    Ok(vec![Question {
        id: id(record, &["question_id", "cocoid", "image_id", "id", "index"]),
        answers: record.texts(&["answer", "sentences", "captions", "caption"])?,
        split,
        pictures: record.pictures(&["image"])?,
        ..Question::default()
    }])
}
