//! Many tests at once: Benjamini–Hochberg (1995), and Benjamini–Yekutieli (2001) under any dependence.

/// How the tests depend on each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dependence {
    /// Independent or positively dependent: Benjamini–Hochberg.
    #[default]
    Positive,
    /// Any: Benjamini–Yekutieli.
    Any,
}

/// Adjusted p-values in the order of the input: below a level q, discoveries are false with a share of q at most.
#[must_use]
pub fn adjusted(p_values: &[f64], dependence: Dependence) -> Vec<f64> {
    let count = p_values.len() as f64;
    let penalty = match dependence {
        Dependence::Positive => 1.0,
        Dependence::Any => (1..=p_values.len()).map(|n| 1.0 / n as f64).sum(),
    };
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0_f64;
    for (rank, &index) in order.iter().enumerate().rev() {
        least = least.min(p_values[index] * penalty * count / (rank + 1) as f64);
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// statsmodels 0.15 `multipletests(method="fdr_by")`.
    #[test]
    fn dependence_costs_the_harmonic_number() {
        let adjusted = adjusted(&[0.01, 0.04, 0.03], Dependence::Any);
        for (got, expected) in adjusted.iter().zip([0.055, 0.073_333_333, 0.073_333_333]) {
            assert!((got - expected).abs() < 1e-8, "{got} is not {expected}");
        }
    }
}
