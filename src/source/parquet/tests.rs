//! Shards as data sets have them.

use crate::source::{Found, SourceOptions, open};
use ::parquet::arrow::ArrowWriter;
use ::parquet::file::properties::WriterProperties;
use arrow::array::{
    ArrayRef, BinaryArray, Int32Array, ListArray, ListBuilder, RecordBatch, StringArray, StringBuilder,
    StructArray,
};
use arrow::datatypes::{DataType, Field, Fields};
use futures::TryStreamExt;
use std::path::Path;
use std::sync::Arc;

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(7))
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Hugging Face's form: row i has image i / 2, so that neighbours share one.
fn images(rows: usize, first: usize) -> ArrayRef {
    let bytes: BinaryArray = (0..rows)
        .map(|row| Some(format!("image {}", usize::midpoint(first, row)).into_bytes()))
        .collect();
    let paths: StringArray = (0..rows).map(|row| Some(format!("{row}.jpg"))).collect();
    let fields = Fields::from(vec![
        Field::new("bytes", DataType::Binary, true),
        Field::new("path", DataType::Utf8, true),
    ]);
    Arc::new(StructArray::new(
        fields,
        vec![Arc::new(bytes), Arc::new(paths)],
        None,
    ))
}

fn questions(rows: usize) -> ArrayRef {
    Arc::new(
        (0..rows)
            .map(|row| Some(format!("question {row}")))
            .collect::<StringArray>(),
    )
}

fn answers(rows: usize) -> ListArray {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..rows {
        lists.append_value([Some(format!("answer {row}")), Some("other".to_owned())]);
    }
    lists.finish()
}

fn options(path: &Path) -> SourceOptions {
    SourceOptions {
        url: path.display().to_string(),
        ..SourceOptions::default()
    }
}

async fn list(options: &SourceOptions) -> Vec<Found> {
    open(options).await.unwrap().try_collect().await.unwrap()
}

async fn problem(options: &SourceOptions) -> String {
    match open(options).await {
        Ok(_) => panic!("{options:?} opened"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn neighbours_with_one_image_are_one_item_across_batches_and_row_groups() {
    let folder = tempfile::tempdir().unwrap();
    let level: ArrayRef = Arc::new(Int32Array::from_iter_values(0..40));
    let columns = vec![
        ("image", images(40, 1)),
        ("question", questions(40)),
        ("answers", Arc::new(answers(40)) as ArrayRef),
        ("level", level),
    ];
    write(&folder.path().join("train-0.parquet"), columns);
    let found = list(&options(&folder.path().join("train-*.parquet"))).await;
    assert_eq!(found.len(), 21);
    assert_eq!(found.iter().map(|each| each.questions.len()).sum::<usize>(), 40);
    let eighth = &found[8];
    assert!(eighth.uri.ends_with("train-0.parquet#15"), "{}", eighth.uri);
    assert_eq!(eighth.questions[1].question, "question 16");
    assert_eq!(eighth.questions[1].answers, ["answer 16", "other"]);
    assert_eq!(eighth.attributes["level"], 15);
    assert_eq!((eighth.read)().await.unwrap(), "image 8");
    // A folder of shards, named as a folder.
    assert_eq!(list(&options(folder.path())).await.len(), 21);
}

#[tokio::test]
async fn a_sample_is_balanced_and_reads_the_right_rows() {
    let folder = tempfile::tempdir().unwrap();
    for shard in 0..2 {
        let kinds: StringArray = (0..30)
            .map(|row| Some(if row < 3 { "rare" } else { "common" }))
            .collect();
        let bytes: BinaryArray = (0..30)
            .map(|row| Some(format!("{shard} {row}").into_bytes()))
            .collect();
        let columns = vec![
            ("picture", Arc::new(bytes) as ArrayRef),
            ("kind", Arc::new(kinds)),
        ];
        write(&folder.path().join(format!("{shard}.parquet")), columns);
    }
    let balanced = SourceOptions {
        sample: Some(10),
        seed: 3,
        balance_by: Some("kind".to_owned()),
        ..options(&folder.path().join("*.parquet"))
    };
    let found = list(&balanced).await;
    let rare = found
        .iter()
        .filter(|each| each.attributes["kind"] == "rare")
        .count();
    assert_eq!((found.len(), rare), (10, 5));
    for each in &found {
        let (shard, row) = each
            .uri
            .rsplit('/')
            .next()
            .unwrap()
            .split_once(".parquet#")
            .unwrap();
        assert_eq!((each.read)().await.unwrap(), format!("{shard} {row}"));
    }
    let uris = |found: Vec<Found>| found.into_iter().map(|each| each.uri).collect::<Vec<_>>();
    assert_eq!(uris(list(&balanced).await), uris(found));
}

#[tokio::test]
async fn rows_without_bytes_are_told_or_read_from_their_path() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.jpg"), "bytes of a").unwrap();
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![None, None, Some(&b"0123456789abc"[..])]));
    let paths: ArrayRef = Arc::new(StringArray::from(vec![Some("a.jpg"), None, None]));
    let image = StructArray::try_from(vec![("bytes", bytes), ("path", paths)]).unwrap();
    let path = folder.path().join("some.parquet");
    write(&path, vec![("photo", Arc::new(image))]);
    let found = list(&SourceOptions {
        max_bytes: 12,
        ..options(&path)
    })
    .await;
    assert_eq!((found[0].read)().await.unwrap(), "bytes of a");
    assert!(
        (found[1].read)()
            .await
            .unwrap_err()
            .contains("neither bytes nor path")
    );
    assert!((found[2].read)().await.unwrap_err().contains("too big"));
}

#[tokio::test]
async fn mistakes_name_columns_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.parquet");
    write(&path, vec![("question", questions(3)), ("data", questions(3))]);
    let told = problem(&options(&path)).await;
    assert!(
        told.contains("expected one of image, ") && told.contains("columns are: question, data"),
        "{told}"
    );
    let wrong = SourceOptions {
        image_column: Some("img".to_owned()),
        ..options(&path)
    };
    assert!(
        problem(&wrong)
            .await
            .contains("`img`; the columns are: question, data")
    );
    std::fs::write(&path, "no parquet").unwrap();
    assert!(problem(&options(&path)).await.contains("q.parquet"));
    assert!(
        problem(&options(&folder.path().join("x-*.parquet")))
            .await
            .contains("no file matches")
    );
}
