//! Which category each probe is asked to be about.
//!
//! Without weights the K probes of an image follow one another through the fifteen categories, from a place that the
//! image decides: all come up equally often over many images. With weights each is drawn. While an auditor is
//! trained, the K probes of a group share their focus, so that they can be compared.

use super::Strategy;
use crate::row::{Category, id};
use rand::SeedableRng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand_chacha::ChaCha8Rng;

/// Draws the focus of probes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Foci {
    /// How often each category is wanted, in the order of [`Category::ALL`]; one of them above 0.
    pub weights: Option<[f64; Category::ALL.len()]>,
    /// The training step whose groups share their focus.
    pub shared_at: Option<u64>,
}

impl Foci {
    /// What probe `k` about an image is to be about: always the same for the same arguments.
    pub fn of(&self, image_id: &str, strategy: Strategy, k: usize) -> Category {
        let Some(weights) = self
            .weights
            .as_ref()
            .and_then(|weights| WeightedIndex::new(weights).ok())
        else {
            let start = image_id
                .get(..8)
                .and_then(|hex| usize::from_str_radix(hex, 16).ok())
                .unwrap_or(0);
            let step = self.shared_at.map_or(k, |step| step as usize + strategy as usize);
            return Category::ALL
                [(start % Category::ALL.len() + step % Category::ALL.len()) % Category::ALL.len()];
        };
        let which = self.shared_at.map_or(k as u64, |step| step).to_string();
        let drawn = id(["focus", image_id, strategy.name(), &which]);
        let seed = u64::from_str_radix(&drawn[..16], 16).unwrap_or_default();
        Category::ALL[weights.sample(&mut ChaCha8Rng::seed_from_u64(seed))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_group_covers_the_categories_or_shares_one() {
        let image = crate::row::content_id(b"an image");
        let all = |foci: &Foci| {
            let each = (0..15).map(|k| foci.of(&image, Strategy::Edit, k).name());
            each.collect::<BTreeSet<_>>().len()
        };
        let mut foci = Foci::default();
        assert_eq!(all(&foci), 15);
        foci.shared_at = Some(4);
        assert_eq!(all(&foci), 1);
        let mut weights = [0.0; 15];
        (weights[2], weights[7]) = (3.0, 1.0);
        foci.weights = Some(weights);
        assert_eq!(all(&foci), 1);
        foci.shared_at = None;
        let drawn: Vec<Category> = (0..400).map(|k| foci.of(&image, Strategy::Edit, k)).collect();
        let often = drawn.iter().filter(|&&each| each == Category::ALL[2]).count();
        assert!(
            drawn
                .iter()
                .all(|&each| each == Category::ALL[2] || each == Category::ALL[7])
        );
        assert!((250..350).contains(&often), "{often}");
        foci.of("no hex", Strategy::Question, usize::MAX);
    }
}
