//! Plain loops that the compiler vectorises for the processor at hand.
//!
//! [`vectorised`] compiles its closure for each instruction set and picks one at run time. The functions in
//! it are branch-free and inlined. Left out: anything but f32.

#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the wide vectors"
)]

/// Runs `work` compiled for the widest vectors that this processor has.
#[inline(always)]
pub(super) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Accumulators of a reduction: as many as let the compiler keep whole vectors.
const LANES: usize = 16;

/// eˣ within 2e-7 relative, for all finite x; saturates near ±87.
/// Range reduction and polynomial as in Cephes' `expf`.
#[inline(always)]
#[allow(clippy::excessive_precision, reason = "the published coefficients")]
pub(super) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it leaves the nearest integer in the low bits
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_375 + n * 2.121_944_4e-4;
    let p = 1.987_569_15e-4;
    let p = p * r + 1.398_199_950_7e-3;
    let p = p * r + 8.333_451_907_3e-3;
    let p = p * r + 4.166_579_589_4e-2;
    let p = p * r + 1.666_666_545_9e-1;
    let p = p * r + 5.000_000_120_1e-1;
    let p = p * r * r + r + 1.0;
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent within 2e-7 absolute.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

/// Σ f(aᵢ, bᵢ).
#[inline(always)]
pub(super) fn sum_of(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .map(|(&x, &y)| f(x, y))
        .sum::<f32>();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += f(x[lane], y[lane]);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The largest element; the smallest float for none.
#[inline(always)]
pub(super) fn maximum(xs: &[f32]) -> f32 {
    let mut lanes = [f32::MIN; LANES];
    let chunks = xs.chunks_exact(LANES);
    let rest = chunks
        .remainder()
        .iter()
        .fold(f32::MIN, |most, &x| if x > most { x } else { most });
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = if chunk[lane] > lanes[lane] {
                chunk[lane]
            } else {
                lanes[lane]
            };
        }
    }
    lanes
        .iter()
        .fold(rest, |most, &x| if x > most { x } else { most })
}

/// Turns a row of scores into weights that sum to one.
#[inline(always)]
pub(super) fn softmax(row: &mut [f32]) {
    let most = maximum(row);
    for x in row.iter_mut() {
        *x = exp(*x - most);
    }
    let share = 1.0 / sum_of(row, row, |x, _| x);
    for x in row.iter_mut() {
        *x *= share;
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "equal to the last bit")]
mod tests {
    use super::*;

    #[test]
    fn functions_agree_with_the_standard_library() {
        for step in -8_000..8_000 {
            let x = step as f32 * 0.01;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-6, "exp({x})");
            assert!((tanh(x) - x.tanh()).abs() < 1e-6, "tanh({x})");
        }
        assert!(exp(-1e30) < 1e-37 && exp(1e30).is_finite());
    }

    #[test]
    fn reductions_take_the_rest_into_account() {
        let xs: Vec<f32> = (0..37).map(|i| i as f32).collect();
        assert_eq!(maximum(&xs), 36.0);
        assert_eq!(
            sum_of(&xs, &xs, |a, b| a * b),
            xs.iter().map(|x| x * x).sum::<f32>()
        );
    }
}
