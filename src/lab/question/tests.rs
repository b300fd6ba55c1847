//! Balance, blindness and wording of the questions over many scenes.

use super::*;
use crate::lab::generate::World;
use std::collections::{BTreeMap, HashMap};

const SCENES: u64 = 5_000;

fn sample(split: Split) -> Vec<LabQuestion> {
    let world = World {
        seed: 17,
        difficulty: 0.5,
        split,
    };
    (0..SCENES)
        .flat_map(|index| questions(&world.scene(index), split, index))
        .collect()
}

fn splits() -> [(&'static str, Vec<LabQuestion>); 2] {
    [
        ("train", sample(Split::Train)),
        ("held out", sample(Split::HeldOut)),
    ]
}

#[test]
fn no_constant_answer_is_right_too_often() {
    for (split, questions) in splits() {
        let mut answers: BTreeMap<&str, HashMap<&str, usize>> = BTreeMap::new();
        for question in &questions {
            *answers
                .entry(question.template)
                .or_default()
                .entry(&question.answer)
                .or_default() += 1;
        }
        let mut failed = vec![];
        for (template, counts) in &answers {
            let total: usize = counts.values().sum();
            let (answer, best) = counts
                .iter()
                .max_by_key(|each| each.1)
                .expect("a template has answers");
            let share = *best as f64 / total as f64;
            println!(
                "{split:9} {template:22} {total:6} questions, {:2} answers, {share:.3} {answer}",
                counts.len()
            );
            if share > 0.60 {
                failed.push(format!("{template}: {share:.3} {answer}"));
            }
        }
        let templates: usize = FAMILIES.iter().map(|family| family.templates.len()).sum();
        assert_eq!(
            answers.len(),
            templates,
            "every template is used: {:?}",
            answers.keys()
        );
        assert!(failed.is_empty(), "{split}: {failed:?}");
    }
}
