//! Matrix products over strided slices, without copies.
//!
//! candle multiplies tensors; operations with a backward of their own multiply parts of them in place.

use gemm::Parallelism;

/// A matrix inside a slice; strides are in elements.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `rows` × `columns`, one row `row_stride` after the other.
    pub(super) fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        let needed = if rows == 0 {
            0
        } else {
            (rows - 1) * row_stride + columns
        };
        assert!(data.len() >= needed, "a matrix lies inside its slice");
        Self {
            data,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// Its transpose, without a copy.
    pub(super) fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// How many threads a product takes.
#[derive(Clone, Copy)]
pub(super) enum Threads {
    /// The calling one: the caller is one of many.
    One,
    /// All of rayon's current pool.
    All,
}

/// `out = scale · a · b`, or `out += scale · a · b` with `add`; `out` has dense rows.
#[allow(
    unsafe_code,
    reason = "the library's only entrance takes pointers; bounds are asserted above it"
)]
pub(super) fn product(out: &mut [f32], a: Matrix, b: Matrix, scale: f32, add: bool, threads: Threads) {
    assert_eq!(a.columns, b.rows, "inner dimensions agree");
    assert_eq!(out.len(), a.rows * b.columns, "the product fills its output");
    let parallelism = match threads {
        Threads::All if rayon::current_num_threads() > 1 => Parallelism::Rayon(0),
        _ => Parallelism::None,
    };
    // SAFETY: `Matrix::new` asserted that each operand lies inside its slice (a transpose covers the same
    // elements), and the assertion above that the output is exactly as large as is written.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            b.columns as isize,
            add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "equal to the last bit")]
mod tests {
    use super::*;

    #[test]
    fn products_of_strided_and_transposed_matrices() {
        let a = [1., 2., 9., 3., 4., 9.]; // 2 × 2 in rows of three
        let b = [5., 6., 7., 8.];
        let mut out = [1f32; 4];
        product(
            &mut out,
            Matrix::new(&a, 2, 2, 3),
            Matrix::new(&b, 2, 2, 2).t(),
            2.0,
            true,
            Threads::One,
        );
        assert_eq!(out, [35., 47., 79., 107.]);
    }
}
