//! The functions that analysts get beside those of the engine.
//!
//! Each is a function of two counts, given and returned as columns; null where it is not defined.

pub(crate) mod mcnemar;
pub(crate) mod wilson;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::cast::as_int64_array;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use std::sync::Arc;

/// All of them.
pub(super) fn all() -> [ScalarUDF; 3] {
    [
        counts("wilson_low", |successes, n| {
            wilson::interval(successes, n).map(|(low, _)| low)
        }),
        counts("wilson_high", |successes, n| {
            wilson::interval(successes, n).map(|(_, high)| high)
        }),
        counts("mcnemar_exact", mcnemar::exact),
    ]
}

/// A function of two counts as the engine wants it.
fn counts(name: &str, function: fn(i64, i64) -> Option<f64>) -> ScalarUDF {
    let evaluate = move |arguments: &[ColumnarValue]| -> Result<ColumnarValue> {
        let scalar = arguments
            .iter()
            .all(|each| matches!(each, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let (first, second) = (as_int64_array(&arrays[0])?, as_int64_array(&arrays[1])?);
        let values: Float64Array = first
            .iter()
            .zip(second)
            .map(|(first, second)| function(first?, second?))
            .collect();
        let values: ArrayRef = Arc::new(values);
        Ok(if scalar {
            ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&values, 0)?)
        } else {
            ColumnarValue::Array(values)
        })
    };
    let two_counts = vec![DataType::Int64, DataType::Int64];
    create_udf(
        name,
        two_counts,
        DataType::Float64,
        Volatility::Immutable,
        Arc::new(evaluate),
    )
}
