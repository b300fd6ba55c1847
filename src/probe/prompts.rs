//! What a prompted auditor is told, one text a strategy, or one of the user's own for all.
//!
//! The K probes of a group must differ, or they teach nothing: each has its own number and, from
//! [`super::Foci`], its own category to prefer.

use super::Strategy;
use crate::row::Category;

const QUESTION: &str = include_str!("prompts/question.txt");
const EDIT: &str = include_str!("prompts/edit.txt");
const GENERATION: &str = include_str!("prompts/generation.txt");

/// The text for a strategy, with its placeholders; none for the one that asks no model.
pub(super) const fn template(strategy: Strategy) -> Option<&'static str> {
    match strategy {
        Strategy::Dataset | Strategy::Perturbation => None,
        Strategy::Question => Some(QUESTION),
        Strategy::Edit => Some(EDIT),
        Strategy::Generation => Some(GENERATION),
    }
}

/// All texts, as the prober's card has them.
pub(super) fn all() -> String {
    [QUESTION, EDIT, GENERATION].join("\n---\n")
}

/// A template with its places filled: `{strategy}`, `{focus}`, `{number}` (from 1) and `{categories}`, the fifteen
/// and the user's own.
pub(crate) fn fill(template: &str, strategy: Strategy, focus: Category, k: usize, own: &[String]) -> String {
    let fifteen = Category::ALL.map(Category::name).into_iter();
    let categories = fifteen
        .chain(own.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(", ");
    template
        .replace("{number}", &k.saturating_add(1).to_string())
        .replace("{strategy}", strategy.name())
        .replace("{focus}", &focus.name().replace('_', " "))
        .replace("{categories}", &categories)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Foci;
    use std::collections::BTreeSet;

    #[test]
    fn a_group_prefers_different_categories_and_no_placeholder_is_left() {
        let image_id = crate::row::content_id(b"an image");
        for strategy in [Strategy::Question, Strategy::Edit, Strategy::Generation] {
            let template = template(strategy).unwrap();
            let fill = |k| {
                fill(
                    template,
                    strategy,
                    Foci::default().of(&image_id, strategy, k),
                    k,
                    &[],
                )
            };
            let prompts: BTreeSet<String> = (0..30).map(fill).collect();
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
        fill(QUESTION, Strategy::Question, Category::Counting, usize::MAX, &[]);
    }
}
