//! CIDEr-D (Vedantam et al. 2015) as the COCO evaluation computes it: how alike captions are in the n-grams that tell
//! images apart.
//!
//! n-grams of one to four tokens, weighted by tf × (log N − log df), where df counts images among whose references the
//! n-gram is; for each reference the cosine with clipped weights times a gaussian of the difference in length (σ = 6),
//! the mean over n and references, times ten. The corpus score is the mean over images; with one image everything is 0.
//!
//! Tokens become numbers and an n-gram four of them, so that counting takes one table of integers.

use super::Variant;
use super::ptb::each_token;
use rayon::prelude::*;
use std::collections::HashMap;

const SIGMA: f64 = 6.0;
const LONGEST: usize = 4;

/// How captions become tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tokens {
    /// The COCO evaluation's tokenizer.
    #[default]
    Ptb,
    /// Blanks only, case kept (VLMEvalKit).
    Split,
}

impl Variant for Tokens {
    const ALL: &'static [(&'static str, Self)] = &[("ptb", Self::Ptb), ("split", Self::Split)];
}

/// A caption and its references.
#[derive(Debug, Clone, Copy)]
pub struct Captioned<'a> {
    /// What the model wrote.
    pub caption: &'a str,
    /// What people wrote; without any the score is 0.
    pub references: &'a [String],
}

/// Up to four token numbers, 0 where there is none.
type Gram = [u32; LONGEST];

/// The n-grams of a caption, sorted, with their counts; and how many have two tokens.
#[derive(Debug, Default)]
struct Counts {
    grams: Vec<(Gram, f64)>,
    bigrams: f64,
}

/// The score of every image, in order.
#[must_use]
pub fn scores(images: &[Captioned], tokens: Tokens) -> Vec<f64> {
    let mut vocabulary = HashMap::new();
    let counted: Vec<(Counts, Vec<Counts>)> = images
        .iter()
        .map(|image| {
            let mut count = |text: &str| count(text, tokens, &mut vocabulary);
            (
                count(image.caption),
                image.references.iter().map(|text| count(text)).collect(),
            )
        })
        .collect();
    let mut frequency: HashMap<Gram, u32> = HashMap::new();
    let mut seen: Vec<Gram> = Vec::new();
    for (_, references) in &counted {
        seen.clear();
        seen.extend(
            references
                .iter()
                .flat_map(|each| each.grams.iter().map(|(gram, _)| *gram)),
        );
        seen.sort_unstable();
        seen.dedup();
        for gram in &seen {
            *frequency.entry(*gram).or_default() += 1;
        }
    }
    let log_images = (images.len() as f64).ln();
    let rarity = |gram: &Gram| log_images - f64::from(frequency.get(gram).copied().unwrap_or(0).max(1)).ln();
    counted
        .par_iter()
        .map(|(caption, references)| {
            let caption = Weighted::new(caption, rarity);
            let likeness = references
                .iter()
                .map(|each| caption.likeness(&Weighted::new(each, rarity)));
            10.0 * likeness.sum::<f64>() / references.len().max(1) as f64
        })
        .collect()
}

fn count(text: &str, tokens: Tokens, vocabulary: &mut HashMap<String, u32>) -> Counts {
    let mut numbers: Vec<u32> = Vec::with_capacity(16);
    let mut number = |token: &str| {
        let known = vocabulary.get(token).copied();
        numbers.push(known.unwrap_or_else(|| {
            let next = vocabulary.len() as u32 + 1;
            vocabulary.insert(token.to_owned(), next);
            next
        }));
    };
    match tokens {
        Tokens::Ptb => each_token(text, number),
        Tokens::Split => text.split_whitespace().for_each(&mut number),
    }
    let mut grams: Vec<Gram> = Vec::with_capacity(numbers.len() * LONGEST);
    for length in 1..=LONGEST {
        for window in numbers.windows(length) {
            let mut gram = [0; LONGEST];
            gram[..length].copy_from_slice(window);
            grams.push(gram);
        }
    }
    grams.sort_unstable();
    let grams = grams
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], same.len() as f64))
        .collect();
    Counts {
        grams,
        bigrams: numbers.len().saturating_sub(1) as f64,
    }
}

/// Weights of a caption's n-grams, sorted, with the norm for each n.
struct Weighted {
    weights: Vec<(Gram, f64)>,
    norms: [f64; LONGEST],
    bigrams: f64,
}

/// Which of the four norms an n-gram counts towards.
fn length(gram: &Gram) -> usize {
    gram.iter().take_while(|token| **token != 0).count() - 1
}

impl Weighted {
    fn new(counts: &Counts, rarity: impl Fn(&Gram) -> f64) -> Self {
        let weights: Vec<(Gram, f64)> = counts
            .grams
            .iter()
            .map(|(gram, count)| (*gram, count * rarity(gram)))
            .collect();
        let mut squares = [0.0; LONGEST];
        for (gram, weight) in &weights {
            squares[length(gram)] += weight * weight;
        }
        Self {
            weights,
            norms: squares.map(f64::sqrt),
            bigrams: counts.bigrams,
        }
    }

    /// The mean over n of the clipped cosines, 0–1.
    fn likeness(&self, reference: &Self) -> f64 {
        let mut products = [0.0; LONGEST];
        let mut others = reference.weights.iter().peekable();
        for (gram, weight) in &self.weights {
            while others.next_if(|(other, _)| other < gram).is_some() {}
            if let Some((_, other)) = others.next_if(|(other, _)| other == gram) {
                products[length(gram)] += weight.min(*other) * other;
            }
        }
        let apart = self.bigrams - reference.bigrams;
        let penalty = (-apart * apart / (2.0 * SIGMA * SIGMA)).exp();
        let cosines = (0..LONGEST).map(|n| {
            let norm = self.norms[n] * reference.norms[n];
            if norm > 0.0 {
                products[n] / norm
            } else {
                products[n]
            }
        });
        penalty * cosines.sum::<f64>() / LONGEST as f64
    }
}
