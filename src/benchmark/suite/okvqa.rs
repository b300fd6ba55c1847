//! OK-VQA (Marino et al. 2019): questions that need knowledge from outside the image.

use super::{Suite, each, named, vqav2};
use crate::benchmark::metric::vqa_accuracy::VqaAccuracy;
use crate::benchmark::{prompt, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "okvqa",
    title: "OK-VQA",
    rules: &["official", "lmms_okvqa", "bigvision_vqa_simple", "vlmevalkit"],
    circular: false,
    chat_rules: None,
    read: vqav2::read,
    prompt: prompt::short,
    score: |said, rules| {
        let rules: VqaAccuracy = named(rules);
        each(said, |question, text| vqav2::score(question, text, rules))
    },
    report: |scored, _| report::by_category(scored, "accuracy"),
};
