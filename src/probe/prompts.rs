//! What a prompted auditor is told, one text a strategy.
//!
//! The K probes of a group must differ, or they teach nothing: each has its own number and its own
//! category to prefer. The categories follow one another from a place that the image decides, so that a
//! group covers K of the fifteen and all fifteen come up equally often over many images.

use super::Strategy;
use crate::row::Category;

const QUESTION: &str = include_str!("prompts/question.txt");
const EDIT: &str = include_str!("prompts/edit.txt");
const GENERATION: &str = include_str!("prompts/generation.txt");

/// The text for a strategy, with its placeholders; none for the one that asks no model.
pub(super) const fn template(strategy: Strategy) -> Option<&'static str> {
    match strategy {
        Strategy::Dataset => None,
        Strategy::Question => Some(QUESTION),
        Strategy::Edit => Some(EDIT),
        Strategy::Generation => Some(GENERATION),
    }
}

/// All texts, as the prober's card has them.
pub(super) fn all() -> String {
    [QUESTION, EDIT, GENERATION].join("\n---\n")
}

/// The prompt of probe `k` about an image.
pub(super) fn fill(template: &str, image_id: &str, k: usize) -> String {
    let start = image_id
        .get(..8)
        .and_then(|hex| usize::from_str_radix(hex, 16).ok())
        .unwrap_or(0);
    let focus = Category::ALL[(start % Category::ALL.len() + k % Category::ALL.len()) % Category::ALL.len()];
    let categories = Category::ALL.map(Category::name).join(", ");
    template
        .replace("{number}", &k.saturating_add(1).to_string())
        .replace("{focus}", &focus.name().replace('_', " "))
        .replace("{categories}", &categories)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_group_prefers_different_categories_and_no_placeholder_is_left() {
        let image_id = crate::row::content_id(b"an image");
        for strategy in [Strategy::Question, Strategy::Edit, Strategy::Generation] {
            let template = template(strategy).unwrap();
            let prompts: BTreeSet<String> = (0..30).map(|k| fill(template, &image_id, k)).collect();
            assert_eq!(prompts.len(), 30);
            assert!(prompts.iter().all(|prompt| !prompt.contains(['{', '}'])));
            let line = |prompt: &String| {
                prompt
                    .lines()
                    .find(|line| line.contains("allows it"))
                    .map(str::to_owned)
            };
            let foci: BTreeSet<_> = prompts.iter().map(line).collect();
            assert_eq!(foci.len(), Category::ALL.len());
        }
        fill(QUESTION, "no hex", usize::MAX);
        fill(QUESTION, "ffffffffff", usize::MAX);
    }
}
