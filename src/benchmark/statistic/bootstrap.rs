//! Percentile bootstrap over images: questions about the same image are not independent, so images are drawn.
//!
//! In: for every image the sums of its questions. A statistic is a function of such sums: a mean of (score, 1), an F1 of
//! a confusion matrix. The draws derive from a seed, so that the same scores give the same interval.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Draws of all images.
pub const DRAWS: usize = 1_000;

/// The 95 % interval of a statistic of sums over images; none without images.
#[must_use]
pub fn interval<const N: usize>(
    images: &[[f64; N]],
    statistic: impl Fn(&[f64; N]) -> f64 + Sync,
    seed: u64,
) -> Option<(f64, f64)> {
    let values = draws(images, statistic, seed);
    let at = |share: f64| Some(values.get(((values.len() as f64 - 1.0) * share).round() as usize)?).copied();
    Some((at(0.025)?, at(0.975)?))
}

/// The statistic of every draw, in order; draws in which it is no number are left out.
#[must_use]
pub fn draws<const N: usize>(
    images: &[[f64; N]],
    statistic: impl Fn(&[f64; N]) -> f64 + Sync,
    seed: u64,
) -> Vec<f64> {
    if images.is_empty() {
        return Vec::new();
    }
    let draw = |n: usize| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(n as u64);
        let mut sums = [0.0; N];
        for _ in 0..images.len() {
            let image = &images[random.random_range(0..images.len())];
            sums.iter_mut().zip(image).for_each(|(sum, value)| *sum += value);
        }
        statistic(&sums)
    };
    let mut values: Vec<f64> = (0..DRAWS)
        .into_par_iter()
        .map(draw)
        .filter(|value| !value.is_nan())
        .collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_where_images_have_several_questions() {
        let mean = |sums: &[f64; 2]| sums[0] / sums[1];
        let alone: Vec<[f64; 2]> = (0..400).map(|n| [f64::from(n % 2), 1.0]).collect();
        let together: Vec<[f64; 2]> = (0..40).map(|n| [f64::from(n % 2) * 10.0, 10.0]).collect();
        let (low, high) = interval(&alone, mean, 1).unwrap();
        // The normal approximation of a mean of 400 coin tosses: 0.5 ± 0.049.
        assert!(
            (low - 0.451).abs() < 0.01 && (high - 0.549).abs() < 0.01,
            "{low} {high}"
        );
        let (low_together, high_together) = interval(&together, mean, 1).unwrap();
        assert!(high_together - low_together > 2.5 * (high - low));
        assert_eq!(interval(&together, mean, 1), interval(&together, mean, 1));
        assert_eq!(interval::<2>(&[], mean, 1), None);
    }
}
