//! Reading f32 slices out of candle's tensors.

use candle_core::{CpuStorage, DType, Layout, Result, Storage, Tensor};

/// Whether the fused operations can take these: f32 in main memory.
pub(super) fn fused(tensors: &[&Tensor]) -> bool {
    tensors
        .iter()
        .all(|each| each.device().is_cpu() && each.dtype() == DType::F32)
}

/// The elements of an operand whose layout is dense.
pub(super) fn dense<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("a fused operation takes contiguous tensors"),
    }
}

/// Calls `work` with the elements of each tensor, all dense f32 in main memory.
pub(super) fn with_slices<const N: usize, R>(
    tensors: [&Tensor; N],
    work: impl FnOnce([&[f32]; N]) -> Result<R>,
) -> Result<R> {
    let tensors = tensors
        .map(Tensor::contiguous)
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let guards: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
    let mut slices = [&[][..]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&guards) {
        let Storage::Cpu(storage) = &**storage else {
            candle_core::bail!("a fused operation takes tensors in main memory");
        };
        *slice = dense(storage, layout)?;
    }
    work(slices)
}

/// Whether a gradient for this tensor is of use to anybody.
pub(super) fn wants_gradient(tensor: &Tensor) -> bool {
    tensor.track_op()
}
