//! A model that writes one text about an image: a caption, or a question in other words.
//!
//! In: asks, each with its prompt. Out: the text or why there is none, and what it took. Unlike a prompted auditor it is
//! asked for no form.

use super::{Ask, Proposal, ProposalError, Subject, parse};
use crate::model::{Attempt, CallError, Model, ModelCard, Request, Sampling};
use serde_json::json;
use std::sync::Arc;

/// Who writes, and how it draws its words.
#[derive(Clone)]
pub struct Writer {
    model: Arc<dyn Model>,
    sampling: Sampling,
}

/// A text, or why there is none.
pub(super) struct Written {
    pub(super) text: Result<String, ProposalError>,
    attempts: Vec<Attempt>,
}

impl Writer {
    /// A model as writer.
    pub fn new(model: Arc<dyn Model>, sampling: Sampling) -> Self {
        Self { model, sampling }
    }

    /// The card of a prober of this kind that has the model write by `prompt`; without a writer it works by rules of
    /// this version.
    pub(super) fn card(writer: Option<&Self>, kind: &str, prompt: &str) -> ModelCard {
        let Some(Self { model, sampling }) = writer else {
            return ModelCard::new(kind, kind, "1", "", "", "");
        };
        let own = model.card();
        ModelCard::new(
            kind,
            &own.name,
            &own.revision,
            format!("{}\n---\n{prompt}", own.prompt_template),
            json!({ "prober": sampling, "model": own.sampling }).to_string(),
            &own.preprocessing,
        )
        .with_prices(own.input_usd_per_mtok, own.output_usd_per_mtok)
    }

    /// One text an ask, in order.
    pub(super) async fn write(&self, subject: &Subject, asks: &[Ask], prompts: Vec<String>) -> Vec<Written> {
        let requests = asks.iter().zip(prompts).map(|(ask, prompt)| Request {
            subject: ask.probe_id.clone(),
            images: vec![subject.image.clone()],
            prompt,
            system: None,
            sampling: self.sampling.clone(),
            seed: ask.seed,
        });
        let replies = self.model.answer(requests.collect()).await;
        let written = replies.into_iter().map(|reply| Written {
            text: match reply.outcome {
                Ok(completion) => tidy(&completion.text),
                Err(CallError::Refused { message }) => Err(ProposalError::Refused(message)),
                Err(error) => Err(ProposalError::Failed(error)),
            },
            attempts: reply.attempts,
        });
        written.collect()
    }
}

impl Written {
    /// What rules wrote, without a call.
    pub(super) fn by_rule(text: Result<String, ProposalError>) -> Self {
        Self {
            text,
            attempts: Vec::new(),
        }
    }

    /// The proposal that the text becomes.
    pub(super) fn proposal(
        self,
        draft: impl FnOnce(String) -> Result<super::Draft, ProposalError>,
    ) -> Proposal {
        Proposal {
            raw_output: self
                .text
                .as_ref()
                .ok()
                .filter(|_| !self.attempts.is_empty())
                .cloned(),
            outcome: self.text.and_then(draft),
            attempts: self.attempts,
            rollout: None,
        }
    }
}

/// One line of bounded length, without what a model thought aloud before.
fn tidy(said: &str) -> Result<String, ProposalError> {
    if said.len() > parse::LONGEST_OUTPUT_BYTES {
        return Err(ProposalError::Unparsed("the output is too long".to_owned()));
    }
    let line = parse::clean(said.rsplit("</think>").next().unwrap_or(said));
    if line.is_empty() {
        return Err(ProposalError::Unparsed("the output is empty".to_owned()));
    }
    Ok(line)
}
