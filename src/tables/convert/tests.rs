//! Rows to batches and back, for every table and any values.

use super::*;
use arrow::array::*;
use arrow::datatypes::{ArrowPrimitiveType, Field};
use proptest::prelude::*;

const ROWS: usize = 5;

fn column<T: Clone + std::fmt::Debug + 'static>(
    field: &Field,
    value: impl Strategy<Value = T> + 'static,
    array: impl Fn(Vec<Option<T>>) -> ArrayRef + 'static,
) -> BoxedStrategy<ArrayRef> {
    let cell = if field.is_nullable() {
        proptest::option::of(value).boxed()
    } else {
        value.prop_map(Some).boxed()
    };
    let cells = proptest::collection::vec(cell, ROWS);
    cells.prop_map(array).boxed()
}

fn list<T: ArrowPrimitiveType>(rows: Vec<Option<Vec<T::Native>>>, element: &Field) -> ArrayRef {
    let mut builder = ListBuilder::new(PrimitiveBuilder::<T>::new()).with_field(element.clone());
    for row in rows {
        builder.append_value(row.unwrap().into_iter().map(Some));
    }
    Arc::new(builder.finish())
}

/// Any values that a column may hold.
fn values(field: &Field) -> BoxedStrategy<ArrayRef> {
    let text = || {
        prop_oneof![
            any::<String>(),
            Just(String::new()),
            Just("grün\0\n\"🟢".to_owned())
        ]
    };
    match field.data_type() {
        DataType::Utf8 => column(field, text(), |cells| Arc::new(StringArray::from(cells))),
        DataType::Boolean => column(field, any::<bool>(), |cells| Arc::new(BooleanArray::from(cells))),
        DataType::Int32 => column(field, any::<i32>(), |cells| Arc::new(Int32Array::from(cells))),
        DataType::Int64 => column(field, any::<i64>(), |cells| Arc::new(Int64Array::from(cells))),
        DataType::Float32 => column(field, any::<f32>(), |cells| Arc::new(Float32Array::from(cells))),
        DataType::Float64 => column(field, any::<f64>(), |cells| Arc::new(Float64Array::from(cells))),
        DataType::Timestamp(..) => column(field, 0_i64..4_000_000_000_000_000, |cells| {
            Arc::new(TimestampMicrosecondArray::from(cells).with_timezone("UTC"))
        }),
        DataType::List(element) => {
            let element = element.as_ref().clone();
            match element.data_type() {
                DataType::Utf8 => column(field, proptest::collection::vec(text(), 0..3), move |rows| {
                    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(element.clone());
                    for row in rows {
                        builder.append_value(row.unwrap().into_iter().map(Some));
                    }
                    Arc::new(builder.finish())
                }),
                DataType::Int32 => column(
                    field,
                    proptest::collection::vec(any::<i32>(), 0..4),
                    move |rows| list::<Int32Type>(rows, &element),
                ),
                DataType::Float32 => column(
                    field,
                    proptest::collection::vec(any::<f32>(), 0..4),
                    move |rows| list::<Float32Type>(rows, &element),
                ),
                other => panic!("no values for lists of {other}"),
            }
        }
        other => panic!("no values for {other}"),
    }
}

fn batches(table: TableName) -> impl Strategy<Value = RecordBatch> {
    let columns: Vec<_> = table
        .schema()
        .fields()
        .iter()
        .map(|field| values(field))
        .collect();
    columns.prop_map(move |columns| RecordBatch::try_new(table.schema(), columns).unwrap())
}

/// Every column is a field and every field a column, in the same order, and nothing is lost.
fn round_trip<R: Row + Serialize>(batch: &RecordBatch) {
    let rows = R::from_batch(batch).unwrap();
    assert_eq!(&R::to_batch(&rows).unwrap(), batch);
    let json = serde_json::to_value(&rows[0]).unwrap();
    let names: Vec<_> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(
        json.as_object().unwrap().keys().cloned().collect::<Vec<_>>(),
        names
    );
    let reversed: Vec<usize> = (0..batch.num_columns()).rev().collect();
    let rows = R::from_batch(&batch.project(&reversed).unwrap()).unwrap();
    assert_eq!(
        &R::to_batch(&rows).unwrap(),
        batch,
        "columns are found by name, not by place"
    );
    let without_key = batch.project(&reversed[..reversed.len() - 1]).unwrap();
    let error = R::from_batch(&without_key).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(names[0].as_str()), "{error}");
}

macro_rules! round_trips {
    ($($test:ident = $row:ty),+ $(,)?) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(32))]
            $(#[test]
            fn $test(batch in batches(<$row>::TABLE)) {
                round_trip::<$row>(&batch);
            })+
        }
    };
}

round_trips! {
    models = ModelRow,
    runs = RunRow,
    run_probes = RunProbeRow,
    steps = StepRow,
    images = ImageRow,
    probes = ProbeRow,
    rollouts = RolloutRow,
    answers = AnswerRow,
    calls = CallRow,
    verdicts = VerdictRow,
    divergences = DivergenceRow,
    selections = SelectionRow,
}

#[test]
fn image_bytes() {
    let row = |bytes: &'static [u8]| ImageBytesRow {
        image_id: crate::row::content_id(bytes),
        bytes: bytes.into(),
        path: "a/ü.png".to_owned(),
    };
    let rows = [row(b"\x89PNG\0\xff"), row(b"")];
    let batch = ImageBytesRow::to_batch(&rows).unwrap();
    assert_eq!(batch.schema(), TableName::ImageBytes.schema());
    assert_eq!(ImageBytesRow::from_batch(&batch).unwrap(), rows);
}

#[test]
fn nan_is_null_where_there_may_be_nulls_and_infinity_stays() {
    let row = |score| DivergenceRow {
        probe_id: "p".to_owned(),
        target_id: "t".to_owned(),
        reference_set: "r".to_owned(),
        judge_set: String::new(),
        measure: "exact".to_owned(),
        consensus: None,
        agreement: Some(1.0),
        status: "valid".to_owned(),
        score: Some(score),
        target_correct: None,
        reference_correct: Some(true),
        verified_by: None,
        blame: None,
        reason: None,
        computed_at: DateTime::from_timestamp_nanos(1_700_000_000_123_456_789),
    };
    let batch = DivergenceRow::to_batch(&[row(f64::NAN), row(f64::INFINITY)]).unwrap();
    let rows = DivergenceRow::from_batch(&batch).unwrap();
    assert_eq!((rows[0].score, rows[1].score), (None, Some(f64::INFINITY)));
    assert_eq!(rows[0].agreement, Some(1.0));
    assert_eq!(
        rows[0].computed_at.timestamp_subsec_nanos(),
        123_456_000,
        "microseconds"
    );
}
