//! Any model as auditor: it is shown the image and told what to write.
//!
//! In: a subject and asks. Out: one proposal an ask, parsed by [`super::parse`]. The lab's truth and the
//! source's own questions are not shown to the model.

use super::{Ask, Draft, Foci, Prober, Proposal, ProposalError, Strategy, Subject, parse, prompts};
use crate::model::{CallError, Completion, Model, ModelCard, Reply, Request, Sampling};
use serde_json::json;
use std::sync::Arc;

/// A prompted auditor.
pub struct Prompted {
    model: Arc<dyn Model>,
    sampling: Sampling,
    prompt: Option<String>,
    foci: Foci,
    /// Categories beside the fifteen that it is told of.
    own: Vec<String>,
    card: ModelCard,
}

impl Prompted {
    /// A model with the sampling to write with, which should leave room for variety (temperature near 1) and for four
    /// lines of text, a prompt for all strategies instead of this version's own, and what probes are to be about.
    ///
    /// Prompts, foci and sampling are part of who asks: the card has another id than the model's own. Foci that change
    /// with every step of a training are not.
    pub fn new(model: Arc<dyn Model>, sampling: Sampling, prompt: Option<String>, foci: Foci) -> Self {
        let own = model.card();
        let prompts = prompt.clone().unwrap_or_else(prompts::all);
        let weights = foci.weights.filter(|_| foci.shared_at.is_none());
        let told = weights.map_or(prompts.clone(), |weights| format!("{prompts}\n---\n{weights:?}"));
        let card = ModelCard::new(
            &own.kind,
            &own.name,
            &own.revision,
            format!("{}\n---\n{told}", own.prompt_template),
            json!({ "prober": sampling, "model": own.sampling }).to_string(),
            &own.preprocessing,
        )
        .with_prices(own.input_usd_per_mtok, own.output_usd_per_mtok);
        Self {
            model,
            sampling,
            prompt,
            foci,
            own: Vec::new(),
            card,
        }
    }

    /// The same auditor, told of further categories.
    #[must_use]
    pub fn naming<'a>(mut self, own: impl Iterator<Item = &'a str>) -> Self {
        self.own = own.map(str::to_owned).collect();
        if !self.own.is_empty() {
            let card = self.card;
            self.card = ModelCard::new(
                &card.kind,
                &card.name,
                &card.revision,
                format!("{}\n---\n{}", card.prompt_template, self.own.join(", ")),
                card.sampling,
                &card.preprocessing,
            )
            .with_prices(card.input_usd_per_mtok, card.output_usd_per_mtok);
        }
        self
    }

    fn request(&self, subject: &Subject, ask: &Ask, template: &str) -> Request {
        let template = self.prompt.as_deref().unwrap_or(template);
        let focus = self.foci.of(&subject.image.image_id, ask.strategy, ask.k);
        Request {
            subject: ask.probe_id.clone(),
            images: vec![subject.image.clone()],
            prompt: prompts::fill(template, ask.strategy, focus, ask.k, &self.own),
            system: None,
            sampling: self.sampling.clone(),
            seed: ask.seed,
        }
    }

    fn proposal(&self, reply: Reply, strategy: Strategy) -> Proposal {
        let (raw_output, outcome, rollout) = match reply.outcome {
            Ok(completion) => {
                let outcome = self.draft(&completion, strategy);
                let Completion {
                    mut text,
                    token_ids,
                    log_probabilities,
                    ..
                } = completion;
                text.truncate(text.floor_char_boundary(parse::LONGEST_OUTPUT_BYTES));
                let told = !token_ids.is_empty() && token_ids.len() == log_probabilities.len();
                (
                    Some(text),
                    outcome,
                    told.then_some((token_ids, log_probabilities)),
                )
            }
            Err(CallError::Refused { message }) => (None, Err(ProposalError::Refused(message)), None),
            Err(error) => (None, Err(ProposalError::Failed(error)), None),
        };
        Proposal {
            raw_output,
            outcome,
            attempts: reply.attempts,
            rollout,
        }
    }

    fn draft(&self, completion: &Completion, strategy: Strategy) -> Result<Draft, ProposalError> {
        parse::parse(&completion.text, strategy).map_err(|error| match error {
            ProposalError::Unparsed(reason) if completion.finish_reason == "length" => {
                let longest = self.sampling.max_tokens;
                ProposalError::Unparsed(format!(
                    "{reason}; the output was cut off at max_tokens = {longest}"
                ))
            }
            error => error,
        })
    }
}

#[async_trait::async_trait]
impl Prober for Prompted {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn asks(&self, _subject: &Subject, strategies: &[Strategy], probes: usize) -> Vec<(Strategy, usize)> {
        let served = strategies
            .iter()
            .filter(|strategy| prompts::template(**strategy).is_some());
        served
            .flat_map(|strategy| (0..probes).map(|k| (*strategy, k)))
            .collect()
    }

    async fn propose(&self, subject: &Subject, asks: Vec<Ask>) -> Vec<Proposal> {
        let mut requests = Vec::new();
        let mut asked = Vec::with_capacity(asks.len());
        for ask in &asks {
            let template = prompts::template(ask.strategy);
            requests.extend(template.map(|template| self.request(subject, ask, template)));
            asked.push((ask.strategy, template.is_some()));
        }
        let mut replies = self.model.answer(requests).await.into_iter();
        asked
            .into_iter()
            .map(
                |(strategy, is_served)| match replies.by_ref().take(usize::from(is_served)).next() {
                    Some(reply) => self.proposal(reply, strategy),
                    None => Proposal {
                        raw_output: None,
                        outcome: Err(ProposalError::Refused(
                            "a prompted auditor asks no dataset questions".into(),
                        )),
                        attempts: Vec::new(),
                        rollout: None,
                    },
                },
            )
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::conformance;
    use crate::model::mock::{Mock, MockOptions};

    fn subject() -> Subject {
        Subject {
            image: conformance::requests(1).remove(0).images.remove(0),
            scene: None,
            licence: None,
            questions: Arc::default(),
        }
    }

    fn prober(options: &MockOptions) -> Prompted {
        Prompted::new(
            Arc::new(Mock::new(options)),
            Sampling::default(),
            None,
            Foci::default(),
        )
    }

    fn asks(prober: &Prompted, strategies: &[Strategy]) -> Vec<Ask> {
        let wanted = prober.asks(&subject(), strategies, 3).into_iter();
        wanted
            .map(|(strategy, k)| Ask {
                probe_id: format!("{}-{k}", strategy.name()).into(),
                strategy,
                k,
                seed: k as u64,
            })
            .collect()
    }

    #[tokio::test]
    async fn a_model_that_follows_the_form_gives_drafts() {
        let answer = "Instruction: add a cat\nQuestion: Is there a cat?\nCategory: small object detection\nAnswer: yes";
        let prober = prober(&MockOptions {
            answers: vec![answer.into()],
            ..MockOptions::default()
        });
        let strategies = [
            Strategy::Dataset,
            Strategy::Question,
            Strategy::Edit,
            Strategy::Generation,
        ];
        let asks = asks(&prober, &strategies);
        assert_eq!(asks.len(), 9, "the dataset's questions are not this prober's");
        let proposals = prober.propose(&subject(), asks).await;
        for (index, proposal) in proposals.iter().enumerate() {
            let draft = proposal.outcome.as_ref().unwrap();
            assert_eq!(draft.question, "Is there a cat?");
            assert_eq!(draft.instruction.is_some(), index >= 3);
            assert_eq!(proposal.raw_output.as_deref(), Some(answer));
            let (ids, log_probabilities) = proposal.rollout.as_ref().unwrap();
            assert!(!ids.is_empty() && ids.len() == log_probabilities.len());
            assert_eq!(proposal.attempts.len(), 1);
        }
    }

    #[tokio::test]
    async fn failures_keep_their_kind() {
        for (error_rate, refuse_rate) in [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)] {
            let prober = prober(&MockOptions {
                error_rate,
                refuse_rate,
                ..MockOptions::default()
            });
            let asks = asks(&prober, &[Strategy::Question]);
            for proposal in prober.propose(&subject(), asks).await {
                match proposal.outcome.unwrap_err() {
                    ProposalError::Failed(CallError::Transient { .. }) => assert!(error_rate > 0.0),
                    ProposalError::Refused(_) => assert!(refuse_rate > 0.0),
                    ProposalError::Unparsed(reason) => {
                        assert_eq!(reason, "the field `Question` is missing");
                        assert!(proposal.raw_output.is_some());
                    }
                    ProposalError::Failed(other) => panic!("{other:?}"),
                }
            }
        }
    }

    #[tokio::test]
    async fn an_ask_for_a_dataset_question_is_refused_in_its_place() {
        let prober = prober(&MockOptions::default());
        let mut asks = asks(&prober, &[Strategy::Question]);
        asks[1].strategy = Strategy::Dataset;
        let proposals = prober.propose(&subject(), asks).await;
        assert_eq!(proposals.len(), 3);
        assert!(matches!(proposals[1].outcome, Err(ProposalError::Refused(_))));
        assert!(proposals[2].raw_output.is_some());
    }

    #[tokio::test]
    async fn who_asks_depends_on_how() {
        let model: Arc<dyn Model> = Arc::new(Mock::new(&MockOptions::default()));
        let warm = Sampling {
            temperature: 1.0,
            ..Sampling::default()
        };
        let own = Some("{strategy}: {focus}".to_owned());
        let who = |sampling, prompt| Prompted::new(model.clone(), sampling, prompt, Foci::default());
        let greedy = who(Sampling::default(), None);
        assert_ne!(greedy.card().model_id, model.card().model_id);
        for other in [who(warm, None), who(Sampling::default(), own)] {
            assert_ne!(greedy.card().model_id, other.card().model_id);
        }
    }
}
