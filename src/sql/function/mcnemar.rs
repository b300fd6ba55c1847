//! McNemar's exact test: do two models differ on the same pairs?

/// More unequal pairs than this are not counted term by term.
const MOST_PAIRS: i64 = 10_000_000;

/// The two-sided p-value of `b` pairs that only the first model has right against `c` that only the second has:
/// a fair coin tossed b + c times. 1 without any such pair, none with impossible counts
/// or more than [`MOST_PAIRS`].
pub(crate) fn exact(b: i64, c: i64) -> Option<f64> {
    let n = b
        .checked_add(c)
        .filter(|n| b >= 0 && c >= 0 && *n <= MOST_PAIRS)? as f64;
    let fewer = b.min(c);
    // ln of the binomial term at `fewer`, then the smaller terms below it relative to it: no power of 0.5
    // underflows, and the sum ends when nothing is added any more.
    let log_term: f64 = (1..=fewer)
        .map(|i| ((n - fewer as f64 + i as f64) / i as f64).ln())
        .sum::<f64>()
        - n * std::f64::consts::LN_2;
    let (mut sum, mut term) = (1.0, 1.0);
    for i in (1..=fewer).rev() {
        term *= i as f64 / (n - i as f64 + 1.0);
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    Some((2.0 * sum * log_term.exp()).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17 `binomtest(b, b + c).pvalue`.
    #[test]
    #[allow(clippy::unreadable_literal, reason = "figures as the oracle prints them")]
    fn agrees_with_scipy() {
        for (b, c, p) in [
            (0, 2, 0.5),
            (1, 8, 0.0390625),
            (5, 5, 1.0),
            (3, 14, 0.012725830078125),
            (40, 70, 0.005447429511444476),
            (700, 900, 6.319484959450105e-07),
            (5000, 5400, 9.116949314541157e-05),
        ] {
            let got = exact(b, c).unwrap();
            assert!((got - p).abs() <= 1e-9 * p, "{b}, {c}: {got:e} is not {p:e}");
        }
    }

    #[test]
    fn does_not_care_who_is_first_nor_break_on_nonsense() {
        assert_eq!(exact(3, 14), exact(14, 3));
        assert_eq!(exact(0, 0), Some(1.0));
        assert_eq!(exact(-1, 4), None);
        assert_eq!(exact(i64::MAX, 1), None);
    }
}
