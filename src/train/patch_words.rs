//! Words for patches: the projected patch should lie near the embeddings of the words for what it shows.
//!
//! The decoder finds "the red star" by comparing its words with patches. With patches that are made of the
//! same embeddings that comparison is one skill for all words, instead of one to be learned for each; and
//! naming what was found is a copy, because the embeddings are the output layer as well.

use super::patch_heads::weight;
use super::tokenizer::FIRST_BYTE;
use crate::error::Result;
use crate::lab::generate::WORDS;
use crate::lab::label::{HEADS, IGNORE};
use crate::lab::scene::{
    Action, Color, Country, Emotion, Garment, Item, Pictogram, Shape, Size, Surface, Weather,
};
use crate::vlm::{Network, ops};
use candle_core::{Device, Tensor};

/// Where a patch's class comes from.
enum Classes {
    /// One of the heads; `silent` where its class 0 means that there is nothing to say.
    Head { index: usize, silent: bool },
    /// The place of the patch in the image: one class a patch.
    Place(Vec<i64>),
}

/// A set of words of which each patch has one.
struct Words {
    classes: Classes,
    /// Token ids of all its words, one after the other.
    ids: Vec<u32>,
    /// The mean over each word's tokens, `[classes, ids]`.
    mean: Tensor,
    weight: f64,
}

/// The words of all heads that have some, and those for a patch's place.
pub(super) struct PatchWords(Vec<Words>);

impl PatchWords {
    /// `encode` gives a word's tokens; `across` patches stand beside each other.
    pub(super) fn new(across: usize, encode: impl Fn(&str) -> Result<Vec<u32>>) -> Result<Self> {
        let mut all = Vec::new();
        for (index, &(name, classes)) in HEADS.iter().enumerate() {
            // Places have no words; tokens that no text of the lab contains stand for them.
            let code = match name {
                "across" => Some(FIRST_BYTE),
                "down" => Some(FIRST_BYTE + 128),
                _ => None,
            };
            if let Some(first) = code {
                let tokens: Vec<_> = (first..first + classes as u32).map(|id| vec![id]).collect();
                let silent = false;
                all.push(Words::new(
                    Classes::Head { index, silent },
                    &tokens,
                    weight(name),
                )?);
                continue;
            }
            let Some(words) = words(name) else { continue };
            let silent = words.len() + 1 == classes;
            assert!(
                silent || words.len() == classes,
                "a word for every class of `{name}`"
            );
            let tokens = words
                .iter()
                .map(|word| encode(word))
                .collect::<Result<Vec<_>>>()?;
            all.push(Words::new(
                Classes::Head { index, silent },
                &tokens,
                weight(name),
            )?);
        }
        let place = |class: &dyn Fn(usize, usize) -> usize| {
            Classes::Place(
                (0..across * across)
                    .map(|at| class(at / across, at % across) as i64)
                    .collect(),
            )
        };
        let half = |at: usize| usize::from(2 * at >= across);
        all.push(Words::new(
            place(&|_, column| half(column)),
            &[encode("left")?, encode("right")?],
            1.0,
        )?);
        all.push(Words::new(
            place(&|row, _| half(row)),
            &[encode("top")?, encode("bottom")?],
            1.0,
        )?);
        Ok(Self(all))
    }

    /// Weighted mean cross-entropy over heads of the projected patches `[N, P, H]`.
    pub(super) fn loss(&self, model: &Network, projected: &Tensor, labels: &[Vec<i64>]) -> Result<Tensor> {
        let nothing = projected.narrow(0, 0, 0)?;
        let patches = projected.flatten(0, 1)?; // (N·P, H)
        let width = patches.dim(1)?;
        let mut total = Tensor::new(0f32, projected.device())?;
        for words in &self.0 {
            let tokens = model
                .embed(std::slice::from_ref(&words.ids), &nothing)?
                .squeeze(0)?; // (ids, H)
            let classes = (words.mean.matmul(&tokens)? / (width as f64).sqrt())?; // (classes, H)
            let logits = ops::linear(&patches, &classes, None)?;
            let labels: Vec<i64> = match &words.classes {
                Classes::Head { index, silent: false } => labels[*index].clone(),
                Classes::Head { index, .. } => labels[*index]
                    .iter()
                    .map(|&label| if label > 0 { label - 1 } else { IGNORE })
                    .collect(),
                Classes::Place(classes) => classes.repeat(projected.dim(0)?),
            };
            let labels = Tensor::from_vec(labels, patches.dim(0)?, projected.device())?;
            total = (total + (ops::cross_entropy(&logits, &labels)? * words.weight)?)?;
        }
        Ok((total / self.0.iter().map(|words| words.weight).sum::<f64>())?)
    }
}

impl Words {
    /// `tokens` are those of each class's word.
    fn new(classes: Classes, tokens: &[Vec<u32>], weight: f64) -> Result<Self> {
        let ids = tokens.concat();
        let mut mean = vec![0f32; tokens.len() * ids.len()];
        let mut place = 0;
        for (class, tokens) in tokens.iter().enumerate() {
            for _ in tokens {
                mean[class * ids.len() + place] = 1.0 / tokens.len() as f32;
                place += 1;
            }
        }
        let mean = Tensor::from_vec(mean, (tokens.len(), ids.len()), &Device::Cpu)?;
        Ok(Self {
            classes,
            ids,
            mean,
            weight,
        })
    }
}

/// The words of a head's classes, in order.
fn words(head: &str) -> Option<Vec<&'static str>> {
    macro_rules! names {
        ($set:ident) => {
            $set::ALL.iter().map(|each| each.name()).collect()
        };
    }
    Some(match head {
        "kind" => {
            let shapes: Vec<&str> = names!(Shape);
            [shapes, vec!["clock", "flag", "board", "sign", "person"]].concat()
        }
        "color" => names!(Color),
        "surface" => names!(Surface),
        "size" => names!(Size),
        "country" => names!(Country),
        "pictogram" => names!(Pictogram),
        "action" => names!(Action),
        "emotion" => names!(Emotion),
        "holds" => names!(Item),
        "wears" => names!(Garment),
        "weather" => names!(Weather),
        "word" => WORDS.to_vec(),
        _ => return None,
    })
}
