//! Wilson's score interval of a share (Wilson 1927), at 95 % unless told otherwise.

/// The normal quantile of 97.5 %.
const Z: f64 = 1.96;

/// Lower and upper bound of `successes` of `n`; none without trials or with impossible counts.
pub(crate) fn interval(successes: i64, n: i64) -> Option<(f64, f64)> {
    interval_at(Z, successes, n)
}

/// The same at the normal quantile `z`.
pub(crate) fn interval_at(z: f64, successes: i64, n: i64) -> Option<(f64, f64)> {
    if n <= 0 || !(0..=n).contains(&successes) {
        return None;
    }
    let n = n as f64;
    let share = successes as f64 / n;
    let centre = share + z * z / (2.0 * n);
    let spread = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    Some((
        ((centre - spread) / scale).max(0.0),
        ((centre + spread) / scale).min(1.0),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// statsmodels 0.15 `proportion_confint(k, n, method="wilson")`, which takes z with more digits.
    #[test]
    #[allow(clippy::unreadable_literal, reason = "figures as the oracle prints them")]
    fn agrees_with_statsmodels() {
        for (successes, n, low, high) in [
            (0, 10, 0.0000000000, 0.2775327999),
            (1, 2, 0.0945312057, 0.9054687943),
            (5, 10, 0.2365930905, 0.7634069095),
            (10, 10, 0.7224672001, 1.0000000000),
            (428, 2000, 0.1965828747, 0.2325136764),
            (1, 1000000, 0.0000001765, 0.0000056649),
        ] {
            let (got_low, got_high) = interval(successes, n).unwrap();
            assert!(
                (got_low - low).abs() < 1e-5,
                "{successes}/{n}: {got_low} is not {low}"
            );
            assert!(
                (got_high - high).abs() < 1e-5,
                "{successes}/{n}: {got_high} is not {high}"
            );
        }
    }

    #[test]
    fn is_none_where_it_is_not_defined() {
        for (successes, n) in [(0, 0), (-1, 5), (6, 5), (0, -1)] {
            assert_eq!(interval(successes, n), None);
        }
    }
}
