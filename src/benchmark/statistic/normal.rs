//! The normal distribution: quantiles and tails.

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

/// The share that lies above `z`, to its own last digits however small it is (Laplace's continued fraction).
#[must_use]
pub fn above(z: f64) -> f64 {
    if z < 2.0 {
        return if z < -6.0 { 1.0 } else { 1.0 - below(z) };
    }
    let fraction = (1..=200).rev().fold(z, |rest, n| z + f64::from(n) / rest);
    density(z) / fraction
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
    /// scipy 1.17 `norm.sf`.
    #[test]
    #[allow(clippy::unreadable_literal, reason = "figures as the oracle prints them")]
    fn tails_agree_with_scipy() {
        for (z, p) in [
            (0.0, 0.5),
            (-1.5, 0.9331927987311419),
            (1.96, 0.024997895148220435),
            (3.0, 0.0013498980316300933),
            (10.0, 7.61985302416047e-24),
            (30.0, 4.906713927147908e-198),
        ] {
            assert!((above(z) - p).abs() < 1e-9 * p, "{z}: {}", above(z));
        }
    }
}
