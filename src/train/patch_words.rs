//! Words for patches: the projected patch should lie near the embeddings of the words for what it shows.
//!
//! The decoder finds "the red star" by comparing its words with patches. With patches that are made of the
//! same embeddings that comparison is one skill for all words, instead of one to be learned for each; and
//! naming what was found is a copy, because the embeddings are the output layer as well.

use super::patch_heads::weight;
use crate::error::Result;
use crate::lab::label::{HEADS, IGNORE};
use crate::lab::scene::{
    Action, Color, Country, Emotion, Garment, Item, Pictogram, Shape, Size, Surface, Weather,
};
use crate::vlm::{PaliGemma, ops};
use candle_core::{Device, Tensor};

/// The words of one of the patches' heads.
struct Words {
    /// Its place among the heads.
    head: usize,
    /// Token ids of all its words, one after the other.
    ids: Vec<u32>,
    /// The mean over each word's tokens, `[classes, ids]`.
    mean: Tensor,
    /// Whether class 0 means that there is nothing to say.
    silent: bool,
    weight: f64,
}

/// The words of all heads that have some.
pub(super) struct PatchWords(Vec<Words>);

impl PatchWords {
    /// `encode` gives a word's tokens.
    pub(super) fn new(encode: impl Fn(&str) -> Result<Vec<u32>>) -> Result<Self> {
        let mut all = Vec::new();
        for (head, &(name, classes)) in HEADS.iter().enumerate() {
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
            all.push(Words {
                head,
                ids,
                mean,
                silent,
                weight: weight(name),
            });
        }
        Ok(Self(all))
    }

    /// Weighted mean cross-entropy over heads of the projected patches `[N, P, H]`.
    pub(super) fn loss(&self, model: &PaliGemma, projected: &Tensor, labels: &[Vec<i64>]) -> Result<Tensor> {
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
            let labels = labels[words.head].iter().map(|&label| match words.silent {
                true => {
                    if label > 0 {
                        label - 1
                    } else {
                        IGNORE
                    }
                }
                false => label,
            });
            let labels = Tensor::from_iter(labels, projected.device())?;
            total = (total + (ops::cross_entropy(&logits, &labels)? * words.weight)?)?;
        }
        Ok((total / self.0.iter().map(|words| words.weight).sum::<f64>())?)
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
        _ => return None,
    })
}
