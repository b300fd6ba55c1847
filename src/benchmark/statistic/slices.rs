//! How remarkable a slice of the data is: SliceLine's score and DivExplorer's divergence.

/// SliceLine (Sagadeeva and Boehm 2021): α(ē_S/ē − 1) − (1 − α)(n/|S| − 1), for a slice of `size` of `n` rows whose
/// errors sum to `error_sum`, where the mean error of all rows is `mean_error`. None where it is not defined.
#[must_use]
pub fn sliceline(n: f64, mean_error: f64, size: f64, error_sum: f64, alpha: f64) -> Option<f64> {
    let score = alpha * (error_sum / size / mean_error - 1.0) - (1.0 - alpha) * (n / size - 1.0);
    score.is_finite().then_some(score)
}

/// DivExplorer (Pastor et al. 2021): Δ(I) = f(I) − f(D), the rate of an outcome in a slice above that of all rows. None
/// where it is not defined.
#[must_use]
pub fn divergence(outcomes: u64, size: u64, all_outcomes: u64, n: u64) -> Option<f64> {
    (size > 0 && n > 0).then(|| outcomes as f64 / size as f64 - all_outcomes as f64 / n as f64)
}

/// How many standard deviations a slice's rate is from that of all rows, both as posteriors of a uniform prior.
#[must_use]
pub fn divergence_t(outcomes: u64, size: u64, all_outcomes: u64, n: u64) -> f64 {
    let posterior = |outcomes: u64, n: u64| {
        let (yes, all) = (outcomes as f64 + 1.0, n as f64 + 2.0);
        (yes / all, yes * (all - yes) / (all * all * (all + 1.0)))
    };
    let (slice, all) = (posterior(outcomes, size), posterior(all_outcomes, n));
    (slice.0 - all.0).abs() / (slice.1 + all.1).sqrt()
}
