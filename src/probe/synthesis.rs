//! The rival that synthesises images: a caption of the source's image, painted anew, and the source's question about it.
//!
//! In: a captioner (a model, or the lab's scene graph) and the source's questions. Out: captions for the painter. What is
//! right of the new image only the new image tells: in the lab the painted scene, elsewhere references or a judge.

use super::asked::{grid, kept, question};
use super::caption::Captioner;
use super::{Ask, Draft, Prober, Proposal, Strategy, Subject};
use crate::model::ModelCard;

/// Has images painted from captions.
pub struct Synthesis {
    captioner: Captioner,
    card: ModelCard,
}

impl Synthesis {
    /// The prober of a captioner.
    pub fn new(captioner: Captioner) -> Self {
        Self {
            card: captioner.card("synthesis"),
            captioner,
        }
    }
}

#[async_trait::async_trait]
impl Prober for Synthesis {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn asks(&self, _subject: &Subject, strategies: &[Strategy], probes: usize) -> Vec<(Strategy, usize)> {
        grid(&[Strategy::Generation], strategies, probes)
    }

    async fn propose(&self, subject: &Subject, asks: Vec<Ask>) -> Vec<Proposal> {
        let captions = self.captioner.captions(subject, &asks).await;
        let each = asks.iter().zip(captions);
        each.map(|(ask, caption)| {
            caption.proposal(|caption| {
                Ok(Draft {
                    instruction: Some(caption),
                    expected_answer: None,
                    ..kept(question(subject, ask.k)?)
                })
            })
        })
        .collect()
    }
}
