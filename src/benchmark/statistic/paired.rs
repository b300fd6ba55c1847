//! The difference of two shares on the same questions: its interval, and how many questions decide about a margin.
//!
//! In: for every image how many of its questions both were asked, and how many only the one or the other has right. Out:
//! Tango's score interval (1998, Statistics in Medicine 17), which holds with few questions and without any unequal one.
//! Questions about one image are not independent: all counts are divided by the design effect, as Rao and Scott (1992)
//! do. Left out: a design effect below 1, which would be luck.

use super::normal::quantile;

/// The chance that a sample of the size that is asked for decides.
pub const POWER: f64 = 0.8;
/// Samples above this are out of anybody's reach.
const MOST: f64 = 1e9;

/// Questions about one image.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Image {
    /// All.
    pub n: f64,
    /// Those that only the first has right.
    pub first: f64,
    /// Those that only the second has right.
    pub second: f64,
}

/// What two shares differ by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The first share minus the second, from −1 to 1.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: (f64, f64),
    /// By how much the variance is larger than that of as many questions about as many images.
    pub design_effect: f64,
    all: Image,
}

impl Difference {
    /// None without questions.
    #[must_use]
    pub fn of(images: &[Image]) -> Option<Self> {
        let mut all = Image::default();
        for image in images {
            all.n += image.n;
            all.first += image.first;
            all.second += image.second;
        }
        if all.n < 1.0 {
            return None;
        }
        let value = (all.first - all.second) / all.n;
        let design_effect = design_effect(images, all, value);
        let (n, first, second) = (
            all.n / design_effect,
            all.first / design_effect,
            all.second / design_effect,
        );
        let z = quantile(0.975);
        Some(Self {
            value,
            interval: (limit(n, first, second, z), limit(n, first, second, -z)),
            design_effect,
            all,
        })
    }

    /// Questions with which the interval would lie on one side of −`margin` four times of five, if the shares are as they
    /// are here; none where no sample within reach decides.
    #[must_use]
    pub fn needed(&self, margin: f64) -> Option<u64> {
        let distance = (self.value + margin).abs();
        // Half a question in each cell (Agresti and Min 2005): rare differences are not impossible ones.
        let unequal = (self.all.first + self.all.second + 1.0) / (self.all.n + 2.0);
        let z = quantile(0.975);
        let by_power =
            (z + quantile(POWER)).powi(2) * (unequal - self.value.powi(2)).max(0.0) / distance.powi(2);
        // Without any unequal question Tango's interval reaches z² / (n + z²).
        let at_least = z * z * (1.0 - margin) / margin;
        let n = self.design_effect * by_power.max(at_least);
        (n < MOST).then(|| n.ceil().max(self.all.n + 1.0) as u64)
    }
}

/// The variance of the difference over images, in that of as many independent questions.
fn design_effect(images: &[Image], all: Image, value: f64) -> f64 {
    let count = images.len() as f64;
    let independent = (all.first + all.second) / all.n - value.powi(2);
    // Nobody can tell from questions that are all answered alike, or from one image: then an image counts as one question.
    if independent <= 0.0 || count < 2.0 {
        return all.n / count;
    }
    let spread: f64 = images
        .iter()
        .map(|image| (image.first - image.second - value * image.n).powi(2))
        .sum();
    (spread * count / (count - 1.0) * (all.n - 1.0) / (all.n * all.n * independent)).max(1.0)
}

/// The difference that lies `z` standard errors below the observed one, by Tango's statistic.
fn limit(n: f64, first: f64, second: f64, z: f64) -> f64 {
    let statistic = |difference: f64| {
        // The likeliest share of questions that only the second has right, under this difference: the root of
        // 2n·share² + linear·share + constant.
        let linear = (2.0 * n - first + second) * difference - first - second;
        let constant = -second * difference * (1.0 - difference);
        let root = (linear * linear - 8.0 * n * constant).max(0.0).sqrt();
        let share = (root - linear) / (4.0 * n);
        let variance = n * (2.0 * share + difference * (1.0 - difference));
        (first - second - n * difference) / variance.max(f64::MIN_POSITIVE).sqrt()
    };
    let (mut low, mut high) = (-1.0, 1.0);
    // Halving an interval of 2 sixty times leaves nothing of it.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if statistic(middle) > z {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn alone(n: u32, first: u32, second: u32) -> Vec<Image> {
        let image = |at: u32| Image {
            n: 1.0,
            first: f64::from(u8::from(at < first)),
            second: f64::from(u8::from((first..first + second).contains(&at))),
        };
        (0..n).map(image).collect()
    }

    /// The constrained likelihood maximised by scipy 1.17 `minimize_scalar`, the score's root by `brentq`.
    #[test]
    fn agrees_with_a_maximised_likelihood() {
        for (n, first, second, low, high) in [
            (50, 12, 2, 0.061_112, 0.344_709),
            (32, 9, 3, -0.027_090, 0.389_697),
            (1_000, 40, 60, -0.040_106, -0.000_407),
            (10, 0, 0, -0.277_533, 0.277_533),
            (30, 0, 4, -0.296_813, -0.004_685),
            (1_000, 200, 250, -0.091_404, -0.008_446),
        ] {
            let limits = [1.96, -1.96].map(|z| limit(f64::from(n), f64::from(first), f64::from(second), z));
            for (got, expected) in limits.iter().zip([low, high]) {
                assert!(
                    (got - expected).abs() < 1e-5,
                    "{n} {first} {second}: {got} is not {expected}"
                );
            }
            // Images with one question each have no design effect; two copies of every question count half.
            let once = alone(n, first, second);
            let found = Difference::of(&once).unwrap();
            assert!((found.interval.0 - low).abs() < 1e-5 && (found.interval.1 - high).abs() < 1e-5);
            let twice: Vec<Image> = once
                .iter()
                .map(|image| Image {
                    n: 2.0,
                    first: 2.0 * image.first,
                    second: 2.0 * image.second,
                })
                .collect();
            let doubled = Difference::of(&twice).unwrap();
            assert!((doubled.interval.0 - low).abs() < 0.01 && doubled.design_effect > 1.9);
        }
    }

    /// statsmodels 0.15 `OLS(d, 1).fit(cov_type="cluster")`: a standard error of 0.134457 on 33 questions, whose own
    /// variance is 0.385675 / 32.
    #[test]
    fn the_design_effect_agrees_with_a_clustered_regression() {
        let counts = [
            (4, 1, 0),
            (4, 0, 2),
            (2, 0, 1),
            (6, 3, 0),
            (1, 0, 0),
            (3, 0, 0),
            (5, 2, 0),
            (4, 1, 0),
            (2, 0, 1),
            (2, 1, 1),
        ];
        let image = |(n, first, second): (u8, u8, u8)| Image {
            n: n.into(),
            first: first.into(),
            second: second.into(),
        };
        let found = Difference::of(&counts.map(image)).unwrap();
        assert!((found.value - 0.090_909).abs() < 1e-6);
        // 0.134457² / (0.385675 / 32), where 0.385675 = 13/33 - (3/33)².
        assert!((found.design_effect - 1.500_022).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn a_sample_that_decides() {
        // Worked by hand: b = 40, c = 60 of 1000: d = -0.02, unequal share 101 / 1002;
        // (1.959964 + 0.841621)² · (0.100798 - 0.0004) / 0.01² = 7880.1 for a margin of 3 points.
        let found = Difference::of(&alone(1_000, 40, 60)).unwrap();
        assert_eq!(found.needed(0.03), Some(7_881));
        // At the margin itself nothing decides.
        assert_eq!(found.needed(0.02), None);
        // Without unequal questions: 1.959964² · 0.98 / 0.02 = 188.2, where the interval reaches -2 points.
        let same = Difference::of(&alone(50, 0, 0)).unwrap();
        assert!(same.needed(0.02).unwrap() > 188);
        let enough = Difference::of(&alone(189, 0, 0)).unwrap();
        assert!(enough.interval.0 > -0.02 && Difference::of(&alone(188, 0, 0)).unwrap().interval.0 < -0.02);
        assert_eq!(Difference::of(&[]), None);
    }

    /// Two models that differ by the margin itself are called non-inferior by chance once in forty samples, also when
    /// the questions of an image are alike.
    #[test]
    fn the_margin_is_kept_in_clusters() {
        for questions in [1_u32, 5] {
            let mut random = ChaCha8Rng::seed_from_u64(6);
            let (samples, mut wrong) = (2_000, 0);
            for _ in 0..samples {
                let image = |_| {
                    // The image decides for all its questions: 5 % of them only the first has right, 15 % only the second.
                    let draw: f64 = random.random();
                    let n = f64::from(questions);
                    Image {
                        n,
                        first: if draw < 0.05 { n } else { 0.0 },
                        second: if draw > 0.85 { n } else { 0.0 },
                    }
                };
                let images: Vec<Image> = (0..200).map(image).collect();
                wrong += i32::from(Difference::of(&images).unwrap().interval.0 > -0.1);
            }
            let share = f64::from(wrong) / f64::from(samples);
            assert!(
                (0.008..0.035).contains(&share),
                "{questions} questions an image: {share}"
            );
        }
    }
}
