//! The functions that analysts get beside those of the engine; `queries/README.md` documents them.
//!
//! Each is null where an argument is null or where it is not defined, and never fails.

pub(crate) mod advantage;
pub(crate) mod answer;
pub(crate) mod attribute;
pub(crate) mod hash;
pub(crate) mod mcnemar;
pub(crate) mod vector;
pub(crate) mod wilson;
pub(crate) mod words;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr_fn::SimpleScalarUDF;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Signature, TypeSignature, Volatility};
use std::sync::Arc;

/// All of them.
pub(super) fn all() -> Vec<ScalarUDF> {
    use DataType::{Boolean, Float64, Int64, Utf8};
    let wilson = |name, bound: fn((f64, f64)) -> f64| {
        define(name, &[Int64, Int64], Float64, move |rows| {
            counts(rows, |successes, n| wilson::interval(successes, n).map(bound))
        })
    };
    let measure = |name, measure: fn(&str, &str) -> f64| {
        define(name, &[Utf8, Utf8], Float64, move |rows| {
            let values = texts(rows, |a, b| Some(measure(a, b)));
            Arc::new(Float64Array::from(values))
        })
    };
    vec![
        wilson("wilson_low", |(low, _)| low),
        wilson("wilson_high", |(_, high)| high),
        define("mcnemar_exact", &[Int64, Int64], Float64, |rows| {
            counts(rows, mcnemar::exact)
        }),
        define("normalize_answer", &[Utf8], Utf8, |rows| {
            let texts = rows[0].as_string::<i32>().iter();
            Arc::new(
                texts
                    .map(|text| text.map(answer::normalize))
                    .collect::<StringArray>(),
            )
        }),
        answer::distance(),
        measure("token_f1", answer::token_f1),
        measure("anls", answer::anls),
        define("has_word", &[Utf8, Utf8], Boolean, |rows| {
            let values = texts(rows, |text, word| Some(words::has(text, word)));
            Arc::new(BooleanArray::from(values))
        }),
        define("attribute", &[Utf8, Utf8], Utf8, |rows| {
            Arc::new(StringArray::from(texts(rows, attribute::find)))
        }),
        define("hash_distance", &[Int64, Int64], Int64, |rows| {
            let (a, b) = (
                rows[0].as_primitive::<Int64Type>(),
                rows[1].as_primitive::<Int64Type>(),
            );
            let pairs = a.iter().zip(b);
            Arc::new(
                pairs
                    .map(|(a, b)| Some(hash::distance(a?, b?)))
                    .collect::<Int64Array>(),
            )
        }),
        hash::near_duplicate_keys(),
        define("advantage", &[Float64, Float64, Float64], Float64, |rows| {
            let [reward, mean, deviation] = [0, 1, 2].map(|at| rows[at].as_primitive::<Float64Type>());
            let rows = reward.iter().zip(mean).zip(deviation);
            let value = |((reward, mean), deviation): ((Option<_>, Option<_>), Option<_>)| {
                Some(advantage::of(reward?, mean?, deviation?))
            };
            Arc::new(rows.map(value).collect::<Float64Array>())
        }),
        vector::cosine(),
    ]
}

/// A function of columns of those types.
fn define(
    name: &str,
    arguments: &[DataType],
    returned: DataType,
    work: impl Fn(&[ArrayRef]) -> ArrayRef + Send + Sync + 'static,
) -> ScalarUDF {
    let signature = Signature::exact(arguments.to_vec(), Volatility::Immutable);
    with_signature(name, signature, returned, move |rows| Ok(work(rows)))
}

/// The same where more than one list of types fits.
fn with_signature(
    name: &str,
    signature: Signature,
    returned: DataType,
    work: impl Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync + 'static,
) -> ScalarUDF {
    let evaluate = move |arguments: &[ColumnarValue]| -> Result<ColumnarValue> {
        let scalar = arguments
            .iter()
            .all(|each| matches!(each, ColumnarValue::Scalar(_)));
        let values = work(&ColumnarValue::values_to_arrays(arguments)?)?;
        Ok(if scalar {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?)
        } else {
            ColumnarValue::Array(values)
        })
    };
    SimpleScalarUDF::new_with_signature(name, signature, returned, Arc::new(evaluate)).into()
}

/// One of several lists of types.
fn one_of(lists: Vec<Vec<DataType>>) -> Signature {
    let lists = lists.into_iter().map(TypeSignature::Exact).collect();
    Signature::one_of(lists, Volatility::Immutable)
}

fn counts(rows: &[ArrayRef], function: impl Fn(i64, i64) -> Option<f64>) -> ArrayRef {
    let (first, second) = (
        rows[0].as_primitive::<Int64Type>(),
        rows[1].as_primitive::<Int64Type>(),
    );
    let values = first
        .iter()
        .zip(second)
        .map(|(first, second)| function(first?, second?));
    Arc::new(values.collect::<Float64Array>())
}

fn texts<T>(rows: &[ArrayRef], function: impl Fn(&str, &str) -> Option<T>) -> Vec<Option<T>> {
    let (first, second) = (rows[0].as_string::<i32>(), rows[1].as_string::<i32>());
    first
        .iter()
        .zip(second)
        .map(|(first, second)| function(first?, second?))
        .collect()
}
