//! Embeddings: lists of numbers.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{ScalarUDF, Signature, Volatility};
use std::sync::Arc;

/// `cosine(a, b)`: the cosine of the angle between two lists of numbers, −1 to 1; null where their lengths differ, a number
/// is missing or one has no direction.
pub(super) fn cosine() -> ScalarUDF {
    let signature = Signature::any(2, Volatility::Immutable);
    super::with_signature("cosine", signature, DataType::Float64, |rows| {
        let (first, second) = (lists(&rows[0])?, lists(&rows[1])?);
        let pairs = first.as_list::<i32>().iter().zip(second.as_list::<i32>().iter());
        Ok(Arc::new(
            pairs.map(|(a, b)| angle(&a?, &b?)).collect::<Float64Array>(),
        ))
    })
}

fn lists(array: &ArrayRef) -> Result<ArrayRef> {
    let item = Arc::new(Field::new_list_field(DataType::Float64, true));
    Ok(cast(array, &DataType::List(item))?)
}

fn angle(a: &ArrayRef, b: &ArrayRef) -> Option<f64> {
    let (a, b) = (a.as_primitive::<Float64Type>(), b.as_primitive::<Float64Type>());
    if a.len() != b.len() || a.null_count() + b.null_count() > 0 {
        return None;
    }
    let dot = |a: &Float64Array, b: &Float64Array| {
        a.values().iter().zip(b.values()).map(|(a, b)| a * b).sum::<f64>()
    };
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    cosine.is_finite().then(|| cosine.clamp(-1.0, 1.0))
}
