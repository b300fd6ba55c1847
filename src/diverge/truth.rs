//! Ground truth as a judge: accepted answers, or the word that a question has none.

use super::rule::distance;

/// What is known about the right answer of a pair.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Truth {
    /// Nothing.
    #[default]
    Unknown,
    /// Any of these is right; several annotators' answers keep their repeats.
    Answers(Vec<String>),
    /// The question has no answer on this image, for the reason given.
    Unanswerable(String),
}

impl Truth {
    /// Whether the answer is right; `None` when the truth is unknown or rules cannot tell.
    #[must_use]
    pub fn accepts(&self, answer: &str, choices: &[String], number_tolerance: f64) -> Option<bool> {
        let Self::Answers(accepted) = self else {
            return None;
        };
        let verdicts: Vec<bool> = accepted
            .iter()
            .filter_map(|truth| distance(answer, truth, choices, number_tolerance).same())
            .collect();
        if verdicts.is_empty() {
            return None;
        }
        let matches = verdicts.iter().filter(|same| **same).count();
        Some(matches >= if is_annotated(accepted) { 2 } else { 1 })
    }
}

/// Whether the answers are those of several annotators (VQAv2: ten of them) rather than aliases: then
/// two must agree, which is a VQA accuracy of at least one half.
fn is_annotated(accepted: &[String]) -> bool {
    accepted.len() >= 3 && (1..accepted.len()).any(|at| accepted[..at].contains(&accepted[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_and_annotators() {
        let truth = |answers: &[&str]| Truth::Answers(answers.iter().map(|&a| a.to_owned()).collect());
        let accepts = |answers: &[&str], answer| truth(answers).accepts(answer, &[], 0.0);
        assert_eq!(accepts(&["couch", "sofa"], "a sofa"), Some(true));
        assert_eq!(accepts(&["cat", "cat", "dog"], "dog"), Some(false));
        assert_eq!(accepts(&["cat", "cat", "dog"], "cat"), Some(true));
        assert_eq!(Truth::Unknown.accepts("cat", &[], 0.0), None);
    }
}
