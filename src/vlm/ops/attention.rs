//! Attention with grouped queries, mask and soft cap, fused: scores live in a block of rows at a time.
//!
//! The backward recomputes the weights (as FlashAttention does) instead of keeping `[B, H, T, S]`.

use super::product::{Matrix, Threads, product};
use super::simd::{softmax, sum_of, tanh, vectorised};
use super::tensors::{dense, with_slices};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Queries whose scores are held at once.
const BLOCK: usize = 128;

/// `softmax(cap(q · kᵀ · scale) + mask) · v`.
pub(super) struct Attention {
    /// Contiguous f32 `[B or 1, 1, T, S]`.
    pub(super) mask: Option<Tensor>,
    pub(super) scale: f32,
    pub(super) soft_cap: Option<f32>,
}

/// Sizes of one call.
#[derive(Clone, Copy)]
struct Sizes {
    groups: usize,
    heads_per_group: usize,
    queries: usize,
    keys: usize,
    depth: usize,
}

impl Sizes {
    fn of(q: &Shape, k: &Shape) -> Result<Self> {
        let (_, heads, queries, depth) = q.dims4()?;
        let (_, groups, keys, _) = k.dims4()?;
        Ok(Self {
            groups,
            heads_per_group: heads / groups,
            queries,
            keys,
            depth,
        })
    }

    /// Elements of a group's queries, and of its keys.
    fn group(&self) -> (usize, usize) {
        (
            self.heads_per_group * self.queries * self.depth,
            self.keys * self.depth,
        )
    }
}

/// The keys or the values of all groups: each dense, one `stride` elements after the other (a cache has room between).
#[derive(Clone, Copy)]
struct Groups<'a> {
    data: &'a [f32],
    stride: usize,
    length: usize,
}

impl<'a> Groups<'a> {
    fn of(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        let (_, _, keys, depth) = layout.shape().dims4()?;
        if !is_grouped(layout) {
            candle_core::bail!("attention takes keys and values that are dense head by head");
        }
        Ok(Self {
            data: &storage.as_slice::<f32>()?[layout.start_offset()..],
            stride: layout.stride()[1],
            length: keys * depth,
        })
    }

    fn get(self, group: usize) -> &'a [f32] {
        &self.data[group * self.stride..][..self.length]
    }
}

/// Whether `[B, Hkv, S, D]` is dense head by head.
pub(super) fn is_grouped(layout: &Layout) -> bool {
    match (layout.dims(), layout.stride()) {
        ([_, groups, _, depth], [batch, group, row, 1]) => row == depth && *batch == groups * group,
        _ => false,
    }
}

impl Attention {
    /// The mask's rows of batch element `batch`, if there is a mask.
    fn mask_of<'a>(&self, mask: &'a [f32], batch: usize, sizes: Sizes) -> Option<&'a [f32]> {
        let one = sizes.queries * sizes.keys;
        let start = if mask.len() > one { batch * one } else { 0 };
        self.mask.as_ref().map(|_| &mask[start..start + one])
    }

    /// Fills `weights` with the attention of queries `q` (the block from row `first`) to all keys, and
    /// `slopes` (where asked for) with the soft cap's derivative.
    fn weigh(
        &self,
        weights: &mut [f32],
        slopes: Option<&mut [f32]>,
        (q, k): (Matrix, Matrix),
        mask: Option<&[f32]>,
        keys: usize,
    ) {
        product(weights, q, k.t(), self.scale, false, Threads::One);
        vectorised(
            #[inline(always)]
            || {
                if let Some(cap) = self.soft_cap {
                    for x in weights.iter_mut() {
                        *x = tanh(*x / cap);
                    }
                    if let Some(slopes) = slopes {
                        for (slope, &x) in slopes.iter_mut().zip(weights.iter()) {
                            *slope = 1.0 - x * x;
                        }
                    }
                    for x in weights.iter_mut() {
                        *x *= cap;
                    }
                }
                if let Some(mask) = mask {
                    for (x, &m) in weights.iter_mut().zip(mask) {
                        *x += m;
                    }
                }
                for row in weights.chunks_exact_mut(keys) {
                    softmax(row);
                }
            },
        );
    }

    fn forward(&self, q: &[f32], k: Groups, v: Groups, mask: &[f32], sizes: Sizes) -> Vec<f32> {
        let Sizes {
            groups,
            queries,
            keys,
            depth,
            ..
        } = sizes;
        let (q_group, _) = sizes.group();
        let mut out = vec![0f32; q.len()];
        out.par_chunks_mut(q_group)
            .zip(q.par_chunks(q_group))
            .enumerate()
            .for_each(|(task, (out, q))| {
                let mask = self.mask_of(mask, task / groups, sizes);
                let [k, v] = [k, v].map(|all| Matrix::new(all.get(task), keys, depth, depth));
                let mut scores = vec![0f32; BLOCK.min(queries) * keys];
                for (out, q) in out
                    .chunks_exact_mut(queries * depth)
                    .zip(q.chunks_exact(queries * depth))
                {
                    let blocks = out.chunks_mut(BLOCK * depth).zip(q.chunks(BLOCK * depth));
                    for (block, (out, q)) in blocks.enumerate() {
                        let rows = q.len() / depth;
                        let scores = &mut scores[..rows * keys];
                        let mask = mask.map(|mask| &mask[block * BLOCK * keys..][..rows * keys]);
                        self.weigh(scores, None, (Matrix::new(q, rows, depth, depth), k), mask, keys);
                        product(
                            out,
                            Matrix::new(scores, rows, keys, keys),
                            v,
                            1.0,
                            false,
                            Threads::One,
                        );
                    }
                }
            });
        out
    }

    /// dq, dk and dv; `slices` are q, k, v, the output and its gradient.
    fn backward(&self, slices: [&[f32]; 5], mask: &[f32], sizes: Sizes) -> [Vec<f32>; 3] {
        let Sizes {
            groups,
            queries,
            keys,
            depth,
            ..
        } = sizes;
        let (q_group, k_group) = sizes.group();
        let [q, k, v, out, d_out] = slices;
        let (mut dq, mut dk, mut dv) = (vec![0f32; q.len()], vec![0f32; k.len()], vec![0f32; v.len()]);
        let query_side = q
            .par_chunks(q_group)
            .zip(out.par_chunks(q_group))
            .zip(d_out.par_chunks(q_group));
        let key_side = k.par_chunks(k_group).zip(v.par_chunks(k_group));
        let gradients = dq
            .par_chunks_mut(q_group)
            .zip(dk.par_chunks_mut(k_group))
            .zip(dv.par_chunks_mut(k_group));
        gradients
            .zip(query_side.zip(key_side))
            .enumerate()
            .for_each(|(task, (gradients, operands))| {
                let (((dq, dk), dv), (((q, out), d_out), (k, v))) = (gradients, operands);
                let mask = self.mask_of(mask, task / groups, sizes);
                let (k, v) = (
                    Matrix::new(k, keys, depth, depth),
                    Matrix::new(v, keys, depth, depth),
                );
                let block_len = BLOCK.min(queries) * keys;
                let (mut weights, mut slopes, mut d_scores) = (
                    vec![0f32; block_len],
                    vec![1f32; block_len],
                    vec![0f32; block_len],
                );
                for head in 0..sizes.heads_per_group {
                    for first in (0..queries).step_by(BLOCK) {
                        let rows = BLOCK.min(queries - first);
                        let span = (head * queries + first) * depth..(head * queries + first + rows) * depth;
                        let (q, out, d_out) = (&q[span.clone()], &out[span.clone()], &d_out[span.clone()]);
                        let (weights, slopes, d_scores) = (
                            &mut weights[..rows * keys],
                            &mut slopes[..rows * keys],
                            &mut d_scores[..rows * keys],
                        );
                        let mask = mask.map(|mask| &mask[first * keys..][..rows * keys]);
                        let q = Matrix::new(q, rows, depth, depth);
                        let d_rows = Matrix::new(d_out, rows, depth, depth);
                        self.weigh(weights, Some(slopes), (q, k), mask, keys);
                        product(
                            dv,
                            Matrix::new(weights, rows, keys, keys).t(),
                            d_rows,
                            1.0,
                            true,
                            Threads::One,
                        );
                        product(d_scores, d_rows, v.t(), 1.0, false, Threads::One);
                        vectorised(
                            #[inline(always)]
                            || {
                                for row in 0..rows {
                                    let part = row * depth..(row + 1) * depth;
                                    let along = sum_of(&out[part.clone()], &d_out[part], |a, b| a * b);
                                    let part = row * keys..(row + 1) * keys;
                                    let factors = weights[part.clone()].iter().zip(&slopes[part.clone()]);
                                    for (ds, (&p, &slope)) in d_scores[part].iter_mut().zip(factors) {
                                        *ds = p * (*ds - along) * slope;
                                    }
                                }
                            },
                        );
                        let d_scores = Matrix::new(d_scores, rows, keys, keys);
                        product(&mut dq[span], d_scores, k, self.scale, false, Threads::One);
                        product(dk, d_scores.t(), q, self.scale, true, Threads::One);
                    }
                }
            });
        [dq, dk, dv]
    }

    fn with_mask<R>(&self, work: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
        match &self.mask {
            Some(mask) => with_slices([mask], |[mask]| work(mask)),
            None => work(&[]),
        }
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = Sizes::of(q_layout.shape(), k_layout.shape())?;
        let (q, k, v) = (
            dense(q, q_layout)?,
            Groups::of(k, k_layout)?,
            Groups::of(v, v_layout)?,
        );
        let out = self.with_mask(|mask| Ok(self.forward(q, k, v, mask, sizes)))?;
        Ok((CpuStorage::F32(out), q_layout.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        out: &Tensor,
        d_out: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let sizes = Sizes::of(q.shape(), k.shape())?;
        let [dq, dk, dv] = with_slices([q, k, v, out, d_out], |slices| {
            self.with_mask(|mask| Ok(self.backward(slices, mask, sizes)))
        })?;
        Ok((
            Some(Tensor::from_vec(dq, q.shape(), q.device())?),
            Some(Tensor::from_vec(dk, k.shape(), k.device())?),
            Some(Tensor::from_vec(dv, v.shape(), v.device())?),
        ))
    }
}
