//! `x · Wᵀ + b` with its gradients: no transposed copies, and none for weights that are frozen.

use super::product::{Matrix, Threads, product};
use super::tensors::{dense, wants_gradient, with_slices};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

/// Without a bias.
pub(super) struct Linear;

/// With one.
pub(super) struct LinearWithBias;

fn forward(
    x: &[f32],
    w: &[f32],
    b: Option<&[f32]>,
    x_shape: &Shape,
    w_shape: &Shape,
) -> Result<(CpuStorage, Shape)> {
    let (outputs, inputs) = w_shape.dims2()?;
    let rows = x.len() / inputs;
    let mut y = match b {
        Some(b) => b.repeat(rows),
        None => vec![0f32; rows * outputs],
    };
    let (x, w) = (
        Matrix::new(x, rows, inputs, inputs),
        Matrix::new(w, outputs, inputs, inputs),
    );
    product(&mut y, x, w.t(), 1.0, b.is_some(), Threads::All);
    let mut dims = x_shape.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = outputs;
    }
    Ok((CpuStorage::F32(y), dims.into()))
}

fn backward(x: &Tensor, w: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let (outputs, inputs) = w.dims2()?;
    let rows = x.elem_count() / inputs;
    let (dx, dw) = with_slices([x, w, dy], |[x_data, w_data, dy]| {
        let dy = Matrix::new(dy, rows, outputs, outputs);
        let dx = wants_gradient(x).then(|| {
            let mut dx = vec![0f32; rows * inputs];
            product(
                &mut dx,
                dy,
                Matrix::new(w_data, outputs, inputs, inputs),
                1.0,
                false,
                Threads::All,
            );
            dx
        });
        let dw = wants_gradient(w).then(|| {
            let mut dw = vec![0f32; outputs * inputs];
            product(
                &mut dw,
                dy.t(),
                Matrix::new(x_data, rows, inputs, inputs),
                1.0,
                false,
                Threads::All,
            );
            dw
        });
        Ok((dx, dw))
    })?;
    let dx = dx
        .map(|dx| Tensor::from_vec(dx, x.shape(), x.device()))
        .transpose()?;
    let dw = dw
        .map(|dw| Tensor::from_vec(dw, w.shape(), w.device()))
        .transpose()?;
    Ok((dx, dw))
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        forward(
            dense(x, x_layout)?,
            dense(w, w_layout)?,
            None,
            x_layout.shape(),
            w_layout.shape(),
        )
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        backward(x, w, dy)
    }
}

impl CustomOp3 for LinearWithBias {
    fn name(&self) -> &'static str {
        "linear_with_bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let b = dense(b, b_layout)?;
        forward(
            dense(x, x_layout)?,
            dense(w, w_layout)?,
            Some(b),
            x_layout.shape(),
            w_layout.shape(),
        )
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = backward(x, w, dy)?;
        let db = if wants_gradient(b) {
            Some(dy.reshape(((), b.elem_count()))?.sum(0)?)
        } else {
            None
        };
        Ok((dx, dw, db))
    }
}
