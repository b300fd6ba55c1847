//! Answers: what they say, and how far apart two of them are. The rules are those of [`crate::diverge`].

pub(super) use crate::diverge::measure::{anls, token_f1};
pub(super) use crate::diverge::normalize::normalize;

use crate::diverge::rule;
use arrow::array::{Array, AsArray, Float64Array};
use arrow::datatypes::DataType::{Float64, Utf8};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// `answer_distance(a, b)` and `answer_distance(a, b, choices)`: 0 the same, 1 different, null where only a judge can tell.
/// Choices are one text, as in `results`: `red | blue`.
pub(super) fn distance() -> ScalarUDF {
    let signature = super::one_of(vec![vec![Utf8, Utf8], vec![Utf8, Utf8, Utf8]]);
    super::with_signature("answer_distance", signature, Float64, |rows| {
        let choices = rows.get(2).map(AsArray::as_string::<i32>);
        let (first, second) = (rows[0].as_string::<i32>(), rows[1].as_string::<i32>());
        let pairs = first.iter().zip(second).enumerate();
        let distances = pairs.map(|(row, (first, second))| {
            let choices = choices
                .filter(|choices| choices.is_valid(row))
                .map(|choices| choices.value(row));
            let choices: Vec<String> = choices
                .into_iter()
                .flat_map(|text| text.split(" | "))
                .map(str::to_owned)
                .collect();
            rule::distance(first?, second?, &choices, 0.0).score
        });
        Ok(Arc::new(distances.collect::<Float64Array>()))
    })
}
