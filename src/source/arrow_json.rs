//! One Arrow cell as JSON: the few types that questions, answers and attributes have.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::error::ArrowError;
use serde_json::{Map, Value};

/// Whether [`value`] can read such a column; binary, time and decimal columns are not questions.
pub(super) fn is_plain(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
            true
        }
        DataType::List(field) | DataType::LargeList(field) => is_plain(field.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_plain(field.data_type())),
        DataType::Dictionary(_, values) => is_plain(values),
        number => number.is_integer() || number.is_floating(),
    }
}

/// The rows of a column as JSON.
pub(super) fn values(column: &dyn Array) -> Result<Vec<Value>, ArrowError> {
    let simple = match column.data_type() {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        integer if integer.is_integer() => DataType::Int64,
        number if number.is_floating() => DataType::Float64,
        DataType::LargeList(field) => DataType::List(field.clone()),
        same => same.clone(),
    };
    if simple != *column.data_type() {
        return values(&cast(column, &simple)?);
    }
    let rows = 0..column.len();
    Ok(match &simple {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            texts
                .iter()
                .map(|text| text.map_or(Value::Null, Value::from))
                .collect()
        }
        DataType::Boolean => column
            .as_boolean()
            .iter()
            .map(|value| value.map_or(Value::Null, Value::from))
            .collect(),
        DataType::Int64 => {
            let numbers = column.as_primitive::<Int64Type>();
            numbers
                .iter()
                .map(|number| number.map_or(Value::Null, Value::from))
                .collect()
        }
        DataType::Float64 => {
            let numbers = column.as_primitive::<Float64Type>();
            numbers
                .iter()
                .map(|number| number.map_or(Value::Null, Value::from))
                .collect()
        }
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            let list = |row| {
                if lists.is_null(row) {
                    Ok(Value::Null)
                } else {
                    values(&lists.value(row)).map(Value::Array)
                }
            };
            rows.map(list).collect::<Result<_, _>>()?
        }
        DataType::Struct(fields) => {
            let columns = column.as_struct();
            let mut objects = vec![Map::new(); column.len()];
            for (field, child) in fields.iter().zip(columns.columns()) {
                for (object, value) in objects.iter_mut().zip(values(child)?) {
                    object.insert(field.name().clone(), value);
                }
            }
            let object = |(row, object)| {
                if columns.is_null(row) {
                    Value::Null
                } else {
                    Value::Object(object)
                }
            };
            objects.into_iter().enumerate().map(object).collect()
        }
        _ => vec![Value::Null; column.len()],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, DictionaryArray, Int8Array, ListArray, StringArray, StructArray};
    use arrow::datatypes::Int32Type;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn cells_become_json() {
        let numbers: ArrayRef = Arc::new(Int8Array::from(vec![Some(1), None]));
        assert_eq!(values(&numbers).unwrap(), [json!(1), Value::Null]);
        let words: DictionaryArray<Int32Type> = ["a", "a"].into_iter().collect();
        assert_eq!(values(&words).unwrap(), [json!("a"), json!("a")]);
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), Some(2)]), None]);
        assert_eq!(values(&lists).unwrap(), [json!([1, 2]), Value::Null]);
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
        let objects = StructArray::try_from(vec![("answer", text)]).unwrap();
        assert_eq!(
            values(&objects).unwrap(),
            [json!({"answer": "x"}), json!({"answer": "y"})]
        );
    }
}
