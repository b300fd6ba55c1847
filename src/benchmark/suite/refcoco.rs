//! RefCOCO (Yu et al. 2016): which box does an expression mean? Accuracy at an intersection over union of one half.
//!
//! Every expression is a question. (PaliGemma's published figure is the mean intersection over union of masks, which is
//! something else.)

use super::{Said, Suite, each, id, named};
use crate::benchmark::metric::Variant;
use crate::benchmark::metric::box_iou::{FOUND, Locations, TextBox};
use crate::benchmark::prompt::Family;
use crate::benchmark::record::Record;
use crate::benchmark::{Question, Score, Scored, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "refcoco",
    title: "RefCOCO",
    rules: &["unit_1023", "pixel_1024", "lmms_rec", "vlmevalkit"],
    circular: false,
    chat_rules: Some("lmms_rec"),
    read,
    prompt: |question, family| match family {
        Family::PaliGemma => format!("detect {}", question.text),
        Family::Chat => format!(
            "Give the bounding box of the region that this describes: {}\nAnswer as [x1, y1, x2, y2] with numbers \
             between 0 and 1, as shares of the image's width and height.",
            question.text
        ),
    },
    score,
    report: |scored, _| {
        let mut lines = report::by_category(scored, "accuracy at 0.5");
        let found: Vec<&Scored> = scored.iter().collect();
        lines.push(report::mean("overall", "mean IoU", &found, 100.0, |scored| {
            scored.score.iou.unwrap_or(0.0)
        }));
        lines
    },
};

fn score(said: &[Said], rules: &str) -> Vec<Score> {
    let text_box = TextBox::named(rules);
    each(said, |question, text| {
        let (Some(target), Some((width, height))) = (question.target, question.size) else {
            return Score::default();
        };
        let iou = match text_box {
            Some(rules) => rules.iou(text, target, width, height),
            None => named::<Locations>(rules).iou(text, target, width, height),
        };
        Score {
            iou: Some(iou),
            ..Score::right(iou >= FOUND, text)
        }
    })
}

fn read(record: &Record) -> Result<Vec<Question>, String> {
    let [x, y, width, height] = record.corners(&["bbox"])?;
    let expressions = record.texts(&["answer", "sentences", "expression"])?;
    let size = record
        .number(&["width"])
        .and_then(|width| Ok((width, record.number(&["height"])?)));
    let number = id(record, &["question_id", "ann_id", "index", "ref_id"]);
    let question = |(n, text): (usize, String)| Question {
        id: format!("{number}-{n}"),
        text,
        target: Some([x, y, x + width, y + height]),
        size: size.as_ref().ok().copied(),
        split: record.text_if(&["split"]),
        pictures: record.pictures(&["image"]).unwrap_or_default(),
        ..Question::default()
    };
    record.pictures(&["image"])?;
    Ok(expressions.into_iter().enumerate().map(question).collect())
}
