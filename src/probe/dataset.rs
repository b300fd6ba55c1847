//! The source's own questions about its own images: the conventional evaluation, and the baseline that
//! every auditor is held against.

use super::{Ask, Draft, Prober, Proposal, ProposalError, Strategy, Subject};
use crate::model::ModelCard;

/// Asks what the source asks; `k` is the question's place in the source.
pub struct Dataset {
    card: ModelCard,
}

impl Dataset {
    /// There is one way to do this.
    #[must_use]
    pub fn new() -> Self {
        Self {
            card: ModelCard::new("dataset", "dataset", "1", "{prompt}", "{}", "none"),
        }
    }
}

impl Default for Dataset {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait::async_trait]
impl Prober for Dataset {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    /// All questions, however many probes a group has elsewhere.
    fn asks(&self, subject: &Subject, strategies: &[Strategy], _probes: usize) -> Vec<(Strategy, usize)> {
        let count = if strategies.contains(&Strategy::Dataset) {
            subject.questions.len()
        } else {
            0
        };
        (0..count).map(|k| (Strategy::Dataset, k)).collect()
    }

    async fn propose(&self, subject: &Subject, asks: Vec<Ask>) -> Vec<Proposal> {
        let drafts = asks.iter().map(|ask| draft(subject, ask));
        drafts.map(Proposal::unasked).collect()
    }
}

fn draft(subject: &Subject, ask: &Ask) -> Result<Draft, ProposalError> {
    let refused = |reason: String| Err(ProposalError::Refused(reason));
    if ask.strategy != Strategy::Dataset {
        return refused(format!("a dataset has no {} probes", ask.strategy.name()));
    }
    let Some(known) = subject.questions.get(ask.k) else {
        return refused(format!(
            "the source has {} questions and none at {}",
            subject.questions.len(),
            ask.k
        ));
    };
    if known.question.trim().is_empty() {
        return refused("the source's question is empty".into());
    }
    Ok(Draft {
        question: known.question.clone(),
        instruction: None,
        choices: known.choices.clone(),
        category: known.category.clone(),
        expected_answer: None,
        truth: known.answers.clone(),
        ..Draft::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::conformance;
    use crate::source::SourceQuestion;

    fn subject() -> Subject {
        let questions = [
            SourceQuestion {
                question: "Which is it?".into(),
                answers: vec!["a cat".into(), "cat".into(), "cat".into()],
                choices: vec!["cat".into(), "dog".into()],
                category: Some("animals".into()),
            },
            SourceQuestion::default(),
        ];
        Subject {
            image: conformance::requests(1).remove(0).images.remove(0),
            scene: None,
            licence: None,
            questions: questions.into(),
        }
    }

    #[tokio::test]
    async fn questions_are_passed_on_with_all_that_is_known() {
        let (prober, subject) = (Dataset::new(), subject());
        assert!(
            prober
                .asks(&subject, &[Strategy::Question, Strategy::Edit], 8)
                .is_empty()
        );
        let asks = prober.asks(&subject, &[Strategy::Question, Strategy::Dataset], 1);
        assert_eq!(asks, [(Strategy::Dataset, 0), (Strategy::Dataset, 1)]);

        let ask = |strategy, k| Ask {
            probe_id: "p".into(),
            strategy,
            k,
            seed: 0,
        };
        let asks = vec![
            ask(Strategy::Dataset, 0),
            ask(Strategy::Dataset, 1),
            ask(Strategy::Dataset, 2),
            ask(Strategy::Edit, 0),
        ];
        let outcomes: Vec<_> = prober
            .propose(&subject, asks)
            .await
            .into_iter()
            .map(|proposal| proposal.outcome)
            .collect();
        let draft = outcomes[0].as_ref().unwrap();
        assert_eq!((draft.truth.len(), draft.choices.len()), (3, 2));
        assert_eq!(draft.category.as_deref(), Some("animals"));
        let reasons: Vec<String> = outcomes[1..]
            .iter()
            .map(|o| o.as_ref().unwrap_err().to_string())
            .collect();
        assert_eq!(
            reasons,
            [
                "the source's question is empty",
                "the source has 2 questions and none at 2",
                "a dataset has no edit probes"
            ]
        );
    }
}
