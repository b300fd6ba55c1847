//! The rival that describes images: what a caption says becomes questions to which it has the answer.
//!
//! In: a captioner, or in the lab the scene graph, whose caption is complete. Out: for every thing that the caption names
//! "is there …?", to be answered with yes. Outside the lab the caption is the captioner's belief, not truth.

use super::asked::grid;
use super::writer::Written;
use super::{Ask, Draft, Prober, Proposal, ProposalError, Strategy, Subject, Writer};
use crate::lab;
use crate::model::ModelCard;
use crate::row::Category;

/// What a captioner is asked.
const PROMPT: &str = "Describe the image in one sentence. Name every thing that you see, separated by commas, each with its colour and size.";
/// Words that a named thing begins with.
const ARTICLES: [&str; 9] = [
    "a ", "an ", "one ", "two ", "three ", "four ", "five ", "several ", "some ",
];

/// Who captions: a model, or the lab.
#[derive(Clone)]
pub struct Captioner {
    writer: Option<Writer>,
    prompt: String,
}

impl Captioner {
    /// A model with its prompt, or this version's; without a model the lab.
    pub fn new(writer: Option<Writer>, prompt: Option<String>) -> Self {
        Self {
            writer,
            prompt: prompt.unwrap_or_else(|| PROMPT.to_owned()),
        }
    }

    pub(super) fn card(&self, kind: &str) -> ModelCard {
        Writer::card(self.writer.as_ref(), kind, &self.prompt)
    }

    /// A caption for each ask.
    pub(super) async fn captions(&self, subject: &Subject, asks: &[Ask]) -> Vec<Written> {
        if let Some(writer) = &self.writer {
            let prompts = asks.iter().map(|_| self.prompt.clone()).collect();
            return writer.write(subject, asks, prompts).await;
        }
        let caption = match &subject.scene {
            Some(scene) => Ok(lab::paint::caption(scene)),
            None => Err(ProposalError::Refused(
                "this image is no lab scene: name a `model` that captions".to_owned(),
            )),
        };
        asks.iter().map(|_| Written::by_rule(caption.clone())).collect()
    }
}

/// Asks for what captions name.
pub struct Caption {
    captioner: Captioner,
    card: ModelCard,
}

impl Caption {
    /// The prober of a captioner.
    pub fn new(captioner: Captioner) -> Self {
        Self {
            card: captioner.card("caption"),
            captioner,
        }
    }
}

#[async_trait::async_trait]
impl Prober for Caption {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn asks(&self, _subject: &Subject, strategies: &[Strategy], probes: usize) -> Vec<(Strategy, usize)> {
        grid(&[Strategy::Question], strategies, probes)
    }

    async fn propose(&self, subject: &Subject, asks: Vec<Ask>) -> Vec<Proposal> {
        let captions = self.captioner.captions(subject, &asks).await;
        let each = asks.iter().zip(captions);
        each.map(|(ask, caption)| caption.proposal(|caption| draft(&caption, ask.k)))
            .collect()
    }
}

fn draft(caption: &str, k: usize) -> Result<Draft, ProposalError> {
    let things = things(caption);
    let thing = things.get(k).ok_or_else(|| {
        ProposalError::Refused(format!(
            "the caption names {} things and none at {k}",
            things.len()
        ))
    })?;
    Ok(Draft {
        question: format!("is there {thing}?"),
        category: Some(Category::HallucinationAvoidance.name().to_owned()),
        expected_answer: Some("yes".to_owned()),
        ..Draft::default()
    })
}

/// The things that a caption names, each once, with what it says of them.
fn things(caption: &str) -> Vec<String> {
    let lower = caption.to_lowercase();
    let told = lower.split_once(" of ").map_or(&*lower, |(opening, rest)| {
        let opens = ["image", "picture", "photo", "drawing", "scene"];
        if opens.iter().any(|word| opening.ends_with(word)) {
            rest
        } else {
            &*lower
        }
    });
    let mut things: Vec<String> = Vec::new();
    for part in told.split([',', '.', ';']).flat_map(|part| part.split(" and ")) {
        // The weather belongs to the scene, a touch to two things: neither tells the thing.
        let part = [" on a ", " at night", " touching "]
            .iter()
            .fold(part, |part, end| part.split(end).next().unwrap_or(part))
            .trim();
        let part = part.strip_prefix("and ").unwrap_or(part);
        if ARTICLES.iter().any(|article| part.starts_with(article))
            && !things.iter().any(|known| known == part)
        {
            things.push(part.to_owned());
        }
    }
    things
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::generate::World;

    #[test]
    fn what_a_caption_names_is_asked_for() {
        assert_eq!(
            things("A photo of a red bus, two dogs and an old man on a rainy day. Nice weather."),
            ["a red bus", "two dogs", "an old man"]
        );
        assert_eq!(things("Nothing to see here"), [""; 0]);
        assert!(matches!(draft("a dog", 1), Err(ProposalError::Refused(_))));
    }

    #[test]
    fn the_lab_agrees_with_its_own_captions() {
        let (world, mut asked, mut answered) = (World::new(9), 0, 0);
        for scene in (0..80).map(|index| world.scene(index)) {
            let caption = lab::paint::caption(&scene);
            for k in 0..things(&caption).len() {
                let question = draft(&caption, k).unwrap().question;
                asked += 1;
                if let Ok(answer) = lab::answer(&scene, &question) {
                    answered += 1;
                    assert_eq!(answer, "yes", "{question} of {caption}");
                }
            }
        }
        assert!(asked > 200 && answered * 10 > asked * 9, "{answered} of {asked}");
    }
}
