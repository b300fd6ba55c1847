//! Cross-entropy with an ignore index, and its gradient.

use super::simd::{exp, maximum, softmax, sum_of, vectorised};
use super::tensors::{dense, with_slices};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Mean of −log softmax(logits)[label] over the rows whose label is not negative; 0 where there is none.
pub(super) struct CrossEntropy {
    /// One a row.
    pub(super) labels: Vec<i64>,
}

impl CrossEntropy {
    /// One over the number of rows that count.
    fn share(&self) -> f32 {
        1.0 / self.labels.iter().filter(|&&label| label >= 0).count().max(1) as f32
    }
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, words) = layout.shape().dims2()?;
        if rows != self.labels.len() || self.labels.iter().any(|&label| label >= words as i64) {
            candle_core::bail!(
                "{} labels for logits of shape {rows} × {words}",
                self.labels.len()
            );
        }
        let logits = dense(logits, layout)?;
        let losses = logits
            .par_chunks(words)
            .zip(&self.labels)
            .filter(|(_, label)| **label >= 0);
        let total: f64 = losses
            .map(|(row, &label)| {
                vectorised(
                    #[inline(always)]
                    || {
                        let most = maximum(row);
                        let sum = sum_of(row, row, |x, _| exp(x - most));
                        f64::from(sum.ln() + most - row[label as usize])
                    },
                )
            })
            .sum();
        Ok((
            CpuStorage::F32(vec![total as f32 * self.share()]),
            Shape::from(()),
        ))
    }

    fn bwd(&self, logits: &Tensor, _loss: &Tensor, d_loss: &Tensor) -> Result<Option<Tensor>> {
        let words = logits.dims2()?.1;
        let share = self.share() * d_loss.to_scalar::<f32>()?;
        let gradient = with_slices([logits], |[logits]| {
            let mut gradient = vec![0f32; logits.len()];
            let rows = gradient
                .par_chunks_mut(words)
                .zip(logits.par_chunks(words))
                .zip(&self.labels);
            rows.filter(|(_, label)| **label >= 0)
                .for_each(|((gradient, row), &label)| {
                    vectorised(
                        #[inline(always)]
                        || {
                            gradient.copy_from_slice(row);
                            softmax(gradient);
                            gradient[label as usize] -= 1.0;
                            for x in gradient.iter_mut() {
                                *x *= share;
                            }
                        },
                    );
                });
            Ok(gradient)
        })?;
        Tensor::from_vec(gradient, logits.shape(), logits.device()).map(Some)
    }
}
