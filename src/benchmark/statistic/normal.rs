//! The normal distribution's quantiles.

/// The share of a standard normal that lies below `z` (Marsaglia 2004: a series that ends when nothing is added).
#[allow(clippy::float_cmp, reason = "the sum has stopped changing")]
fn below(z: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    // As long as something is added: the terms shrink once they have grown.
    loop {
        odd += 2.0;
        term *= z * z / odd;
        let next = sum + term;
        if next == sum || !next.is_finite() {
            return 0.5 + sum * density(z);
        }
        sum = next;
    }
}

fn density(z: f64) -> f64 {
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Where a share `p` lies below; between ±6, beyond which the series loses its digits.
#[must_use]
pub fn quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-6.0, 6.0);
    // Halving an interval of 12 sixty times leaves nothing of it.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if below(middle) < p {
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

    /// scipy 1.17 `norm.ppf`.
    #[test]
    #[allow(clippy::unreadable_literal, reason = "figures as the oracle prints them")]
    fn agrees_with_scipy() {
        for (p, z) in [
            (0.975, 1.959963984540054),
            (0.995, 2.575829303548901),
            (0.5, 0.0),
            (0.1, -1.2815515655446004),
        ] {
            assert!((quantile(p) - z).abs() < 1e-12, "{p}: {}", quantile(p));
        }
    }
}
