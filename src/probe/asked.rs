//! The source's own questions, as the auditor's rivals take them up: they change the image or the wording, not what is asked.

use super::{Draft, ProposalError, Strategy, Subject};
use crate::diverge::normalize;
use crate::source::SourceQuestion;

/// K asks of each strategy that a prober serves and a configuration wants.
pub(super) fn grid(served: &[Strategy], wanted: &[Strategy], probes: usize) -> Vec<(Strategy, usize)> {
    let both = wanted.iter().filter(|strategy| served.contains(strategy));
    both.flat_map(|&strategy| (0..probes).map(move |k| (strategy, k)))
        .collect()
}

/// The question that probe `k` begins with: one after another, and again from the first.
pub(super) fn question(subject: &Subject, k: usize) -> Result<&SourceQuestion, ProposalError> {
    let place = k % subject.questions.len().max(1);
    match subject.questions.get(place) {
        Some(known) if !known.question.trim().is_empty() => Ok(known),
        _ => Err(ProposalError::Refused(
            "the source has no question about this image to begin with".to_owned(),
        )),
    }
}

/// The source's question as a draft, its truth with it.
pub(super) fn kept(known: &SourceQuestion) -> Draft {
    Draft {
        question: known.question.clone(),
        choices: known.choices.clone(),
        category: known.category.clone(),
        expected_answer: known.answers.first().cloned(),
        truth: known.answers.clone(),
        ..Draft::default()
    }
}

/// An answer of the same kind that is wrong: the other option, the other word of yes and no, one more, what another
/// question about the image is answered by; else "nothing".
pub(super) fn wrong(subject: &Subject, known: &SourceQuestion) -> String {
    let right: Vec<String> = known.answers.iter().map(|answer| normalize(answer)).collect();
    let first = right.first().map(String::as_str);
    let other = match first {
        Some("yes") => Some("no".to_owned()),
        Some("no") => Some("yes".to_owned()),
        Some(number) => number
            .parse()
            .ok()
            .and_then(|count: i64| count.checked_add(1))
            .map(|count| count.to_string()),
        None => None,
    };
    let elsewhere = subject.questions.iter().filter_map(|other| other.answers.first());
    let options = known.choices.iter().chain(elsewhere);
    let fits = |answer: &&String| {
        let answer = normalize(answer);
        !right.contains(&answer) && answer != "yes" && answer != "no" && answer.parse::<f64>().is_err()
    };
    other
        .or_else(|| options.into_iter().find(fits).cloned())
        .unwrap_or_else(|| "nothing".to_owned())
}
