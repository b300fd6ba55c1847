//! Muon: the direction of a matrix's step is its momentum made orthogonal, so that every direction in which a
//! layer can change moves equally far, not only the few that dominate its gradient.
//!
//! In: a gradient and the momentum it updates. Out: the direction, of spectral norm about one. Five
//! Newton-Schulz iterations of a quintic take the place of a singular value decomposition. Source: Jordan et
//! al. 2024, "Muon: an optimizer for hidden layers in neural networks". Left out: anything but matrices of
//! hidden layers; embeddings, heads, norms and biases take AdamW.

use crate::error::Result;
use candle_core::{Device, Tensor};

/// Share of the momentum that a step keeps.
const MOMENTUM: f32 = 0.95;
/// Coefficients of the quintic: they trade exactness (singular values end between 0.7 and 1.2) for speed.
const QUINTIC: [f64; 3] = [3.4445, -4.7750, 2.0315];
const ITERATIONS: usize = 5;

/// The direction for a matrix of `rows` × `columns`; `momentum` is updated (Nesterov's form).
pub(super) fn direction(
    gradient: &[f32],
    momentum: &mut [f32],
    [rows, columns]: [usize; 2],
) -> Result<Vec<f32>> {
    let ahead: Vec<f32> = gradient
        .iter()
        .zip(momentum)
        .map(|(gradient, momentum)| {
            *momentum = MOMENTUM * *momentum + (1.0 - MOMENTUM) * gradient;
            MOMENTUM * *momentum + (1.0 - MOMENTUM) * gradient
        })
        .collect();
    let length = ahead.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length == 0.0 {
        return Ok(ahead);
    }
    let matrix = Tensor::from_vec(ahead, (rows, columns), &Device::Cpu)?;
    let unit = (matrix / f64::from(length))?;
    // The smaller side first: products of its square are cheaper.
    let wide = if rows > columns {
        unit.t()?.contiguous()?
    } else {
        unit
    };
    let [a, b, c] = QUINTIC;
    let mut x = wide;
    for _ in 0..ITERATIONS {
        let square = x.matmul(&x.t()?)?;
        let polynomial = ((&square * b)? + (square.matmul(&square)? * c)?)?;
        x = ((&x * a)? + polynomial.matmul(&x)?)?;
    }
    let x = if rows > columns { x.t()?.contiguous()? } else { x };
    // Tall matrices change their outputs by less for a step of the same norm.
    let scale = (rows as f64 / columns as f64).max(1.0).sqrt();
    Ok((x * scale)?.flatten_all()?.to_vec1()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_nearly_orthogonal_whatever_the_gradient() {
        for [rows, columns] in [[4, 6], [6, 4], [5, 5]] {
            // A gradient with one direction a thousand times longer than the others.
            let gradient: Vec<f32> = (0..rows * columns)
                .map(|at| 1000.0 + ((at * at * 7 + at * 3) % 11) as f32)
                .collect();
            let direction = direction(&gradient, &mut vec![0.0; rows * columns], [rows, columns]).unwrap();
            let scale = (rows as f32 / columns as f32).max(1.0).sqrt();
            let length = direction.iter().map(|value| value * value).sum::<f32>() / scale.powi(2);
            let full = rows.min(columns) as f32;
            assert!(
                (0.3 * full..1.6 * full).contains(&length),
                "{rows}x{columns}: {length}"
            );
        }
    }

    #[test]
    fn no_gradient_is_no_step() {
        assert_eq!(direction(&[0.0; 6], &mut [0.0; 6], [2, 3]).unwrap(), [0.0; 6]);
    }
}
