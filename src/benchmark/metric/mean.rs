//! Means: over all questions (MMMU, MMStar, MMT-Bench), or over the means of their categories.

use std::collections::BTreeMap;

/// The mean; none of nothing.
#[must_use]
pub fn micro(scores: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) = scores
        .into_iter()
        .fold((0.0, 0_u64), |(sum, count), score| (sum + score, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// The mean over categories of each one's mean (lmms-eval on MMStar); none of nothing.
#[must_use]
pub fn macro_average<'a>(scores: impl IntoIterator<Item = (&'a str, f64)>) -> Option<f64> {
    let mut categories: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (category, score) in scores {
        categories.entry(category).or_default().push(score);
    }
    micro(categories.into_values().filter_map(micro))
}
