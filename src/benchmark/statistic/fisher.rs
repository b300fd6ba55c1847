//! Fisher's exact test of a share in a part against the rest: the hypergeometric tail.

/// ln n!, by Stirling's series (error below 1e-12 from 16 on) or term by term.
fn log_factorial(n: f64) -> f64 {
    if n < 16.0 {
        return (2..=n as u32).map(|each| f64::from(each).ln()).sum();
    }
    let half_log_two_pi = (2.0 * std::f64::consts::PI).ln() / 2.0;
    let series = 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3)) + 1.0 / (1_260.0 * n.powi(5));
    (n + 0.5) * n.ln() - n + half_log_two_pi + series
}

fn log_choose(n: f64, k: f64) -> f64 {
    log_factorial(n) - log_factorial(k) - log_factorial(n - k)
}

/// How probable it is that a part of `size` of `n` rows has `successes` or more of all `all_successes`, if chance drew the
/// part. 1 where the part has no more than its share.
#[must_use]
pub fn above(successes: u64, size: u64, all_successes: u64, n: u64) -> f64 {
    let possible = size <= n && all_successes <= n && successes <= size.min(all_successes);
    let [k, size, all, n] = [successes, size, all_successes, n].map(|count| count as f64);
    if !possible || n < 1.0 || k <= size * all / n {
        return 1.0;
    }
    let first = log_choose(all, k) + log_choose(n - all, size - k) - log_choose(n, size);
    // The terms above `successes`, relative to its own: they shrink, because it lies above the mean.
    let (mut sum, mut term, mut at) = (1.0, 1.0, k);
    while at < size.min(all) && term > sum * f64::EPSILON {
        term *= (all - at) * (size - at) / ((at + 1.0) * (n - all - size + at + 1.0));
        sum += term;
        at += 1.0;
    }
    (sum * first.exp()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17 `hypergeom.sf(k - 1, n, all, size)`.
    #[test]
    fn agrees_with_scipy() {
        for (k, size, all, n, p) in ORACLE {
            let got = above(k, size, all, n);
            assert!(
                (got - p).abs() <= 1e-6 * p,
                "{k}/{size}, {all}/{n}: {got:e} is not {p:e}"
            );
        }
        for impossible_or_less in [above(1, 10, 10, 100), above(11, 10, 20, 100), above(0, 0, 0, 0)] {
            assert!((impossible_or_less - 1.0).abs() < 1e-12);
        }
    }

    #[allow(clippy::unreadable_literal, reason = "figures as the oracle prints them")]
    const ORACLE: [(u64, u64, u64, u64, f64); 5] = [
        (3, 10, 5, 100, 0.00663791289711761),
        (30, 40, 300, 1105, 1.7753402601951535e-10),
        (9, 30, 100, 10000, 8.338132964314013e-12),
        (700, 2000, 100000, 1000000, 4.4436443388152955e-200),
        (5000, 40000, 250000, 2500000, 1.269302445432435e-59),
    ];
}
