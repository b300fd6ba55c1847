//! Files that nobody vouches for: a clear error, never a crash, nothing evaluated.

use crate::benchmark::evaluate::questions;
use crate::benchmark::load::Data;
use crate::benchmark::{Benchmark, Question, prediction};
use crate::error::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt;
use std::fmt::Write;
use tempfile::TempDir;

/// The file's questions, and the folder that they read their pictures from.
async fn read(benchmark: Benchmark, name: &str, content: &str) -> Result<(Vec<Question>, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let data = Data {
        questions: path.display().to_string(),
        ..Data::default()
    };
    let questions = questions(benchmark.suite(), data, None).await?;
    Ok((questions.try_collect().await?, folder))
}

async fn error(benchmark: Benchmark, name: &str, content: &str) -> String {
    read(benchmark, name, content).await.unwrap_err().to_string()
}

/// A table of MMBench whose images are given.
fn table(images: &[(&str, &str)]) -> String {
    let mut text = "index\tquestion\tA\tB\tanswer\timage\n".to_owned();
    for (index, image) in images {
        let _ = writeln!(text, "{index}\tq?\tx\ty\tA\t{image}");
    }
    text
}

fn long_image() -> String {
    STANDARD.encode([7; 90])
}

#[tokio::test]
async fn columns_that_are_missing_are_named_with_those_that_are_there() {
    let said = error(
        Benchmark::MmBench,
        "a.tsv",
        &format!("index\tquest\tA\tB\timage\n1\tq\tx\ty\t{}\n", long_image()),
    )
    .await;
    assert!(
        said.contains("row 1") && said.contains("expected a column `answer`"),
        "{said}"
    );
    assert!(said.contains("quest") && said.contains("image"), "{said}");
    let said = error(
        Benchmark::VqaV2,
        "a.jsonl",
        "{\"question\": \"q\", \"image\": \"a.jpg\"}\n",
    )
    .await;
    assert!(
        said.contains("`answers` or `multiple_choice_answer`") && said.contains("question, image"),
        "{said}"
    );
    let said = error(
        Benchmark::Pope,
        "a.json",
        "[{\"text\": \"q\", \"label\": \"maybe\", \"image\": \"a.jpg\"}]",
    )
    .await;
    assert!(said.contains("`label` is `maybe`; expected yes or no"), "{said}");
    let said = error(
        Benchmark::Mme,
        "a.json",
        "[{\"question\": \"q\", \"answer\": \"yes\", \"category\": \"magic\"}]",
    )
    .await;
    assert!(
        said.contains("`category` is `magic`; expected one of existence"),
        "{said}"
    );
    let said = error(
        Benchmark::Ai2d,
        "a.json",
        "[{\"question\": \"q\", \"options\": [\"x\"], \"answer\": 3, \"image\": \"a\"}]",
    )
    .await;
    assert!(
        said.contains("`answer` is `3`; expected the index of one of 1 options"),
        "{said}"
    );
    let said = error(
        Benchmark::RefCoco,
        "a.json",
        "[{\"answer\": [\"x\"], \"bbox\": [1, 2, \"NaN\", 4], \"image\": \"a\"}]",
    )
    .await;
    assert!(said.contains("expected four numbers"), "{said}");
}

#[tokio::test]
async fn images_in_a_circle_or_of_nobody() {
    let image = long_image();
    let (questions, _folder) = read(
        Benchmark::MmBench,
        "a.tsv",
        &table(&[("1", "2"), ("2", "3"), ("3", &image)]),
    )
    .await
    .unwrap();
    assert_eq!(
        questions[0].pictures[0].read().await.unwrap(),
        questions[2].pictures[0].read().await.unwrap()
    );
    let said = error(
        Benchmark::MmBench,
        "a.tsv",
        &table(&[("1", "2"), ("2", "3"), ("3", "1")]),
    )
    .await;
    assert!(said.contains("circle: rows 1 → 2 → 3 → 1"), "{said}");
    let said = error(Benchmark::MmBench, "a.tsv", &table(&[("1", "1")])).await;
    assert!(said.contains("circle"), "{said}");
    let said = error(Benchmark::MmBench, "a.tsv", &table(&[("1", "99")])).await;
    assert!(
        said.contains("`99`, which is neither base64 nor the index of a row"),
        "{said}"
    );
}

#[tokio::test]
async fn broken_quotes_and_lengths() {
    let mut text = table(&[("1", &long_image()), ("2", "1")]);
    text.push_str("3\t\"q?\tx\ty\tA\t1\n4\tq?\tx\ty\tA\t1\n");
    let said = error(Benchmark::MmBench, "a.tsv", &text).await;
    assert!(
        said.contains("line 4") && said.contains("a tab or a quote"),
        "{said}"
    );
    let said = error(Benchmark::MmBench, "a.tsv", "index\tquestion\n1\tq\textra\n").await;
    assert!(said.contains("3 fields where the header has 2"), "{said}");
    let said = error(Benchmark::MmBench, "a.tsv", "").await;
    assert!(said.contains("the file is empty"), "{said}");
}

#[tokio::test]
async fn a_picture_that_is_none_is_its_own_rows_problem() {
    let bad = "*".repeat(80);
    let (questions, _folder) = read(
        Benchmark::MmBench,
        "a.tsv",
        &table(&[("1", &bad), ("2", &long_image())]),
    )
    .await
    .unwrap();
    let problem = questions[0].pictures[0].read().await.unwrap_err();
    assert!(problem.contains("no base64"), "{problem}");
    assert!(questions[1].pictures[0].read().await.is_ok());
}

#[tokio::test]
async fn option_lists_are_data() {
    let row = |options: &str| {
        let row = serde_json::json!({"id": "validation_Art_1", "question": "q", "options": options, "answer": "A",
            "question_type": "multiple-choice", "image_1": "a.jpg", "image": "a.jpg"});
        format!("[{row}]")
    };
    let trace = std::env::temp_dir().join(format!("auditdm-evaluated-{}", std::process::id()));
    let code = format!("[open({:?}, 'w').write('x')]", trace.display().to_string());
    for options in [
        code.as_str(),
        "__import__('os').system('id')",
        "[x for x in range(9**9)]",
        "['a'",
        "[['a']]",
    ] {
        let said = error(Benchmark::Mmmu, "a.json", &row(options)).await;
        assert!(
            said.contains("record 1") && said.contains("nothing is evaluated"),
            "{options}: {said}"
        );
    }
    assert!(!trace.exists());
    assert_eq!(
        read(Benchmark::Mmmu, "a.json", &row("['a', 'b']"))
            .await
            .unwrap()
            .0[0]
            .options,
        ["a", "b"]
    );
}

#[tokio::test]
async fn json_that_is_none_and_predictions_that_fit_nothing() {
    let said = error(Benchmark::VqaV2, "a.json", "[{\"question\": NaN}]").await;
    assert!(said.contains("a.json"), "{said}");
    let said = error(Benchmark::VqaV2, "a.json", "[1, 2]").await;
    assert!(said.contains("record 1 is no object"), "{said}");
    assert!(
        error(Benchmark::VqaV2, "a.jsonl", "{\"a\": 1}\n{\"b\"")
            .await
            .contains("a.jsonl")
    );

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("q.json");
    std::fs::write(
        &data,
        "[{\"question_id\": 5, \"question\": \"q\", \"answers\": [\"a\"], \"image\": \"a.jpg\"}]",
    )
    .unwrap();
    let data = Data {
        questions: data.display().to_string(),
        ..Data::default()
    };
    for (content, wanted) in [
        (
            "[{\"question_id\": 6, \"answer\": \"a\"}]",
            "ids are like 6, the questions' like 5",
        ),
        ("[{\"answer\": \"a\"}]", "expected a column `question_id`"),
        (
            "[{\"question_id\": 5, \"score\": 1}]",
            "expected a column `prediction`",
        ),
        (
            "[{\"question_id\": 5, \"answer\": \"a\"}, {\"question_id\": 5, \"answer\": \"b\"}]",
            "two predictions",
        ),
        ("[{\"question_id\": 5, \"answer\": NaN}]", "p.json"),
    ] {
        let file = folder.path().join("p.json");
        std::fs::write(&file, content).unwrap();
        let questions = questions(Benchmark::VqaV2.suite(), data.clone(), None)
            .await
            .unwrap();
        let said = prediction::read(file.to_str().unwrap(), questions)
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(said.contains(wanted), "{content}: {said}");
    }
}

#[tokio::test]
async fn a_folder_without_data_and_a_file_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = |path: String| Data {
        questions: path,
        ..Data::default()
    };
    let said = data(folder.path().display().to_string())
        .open()
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(said.contains("no Parquet, TSV, JSON"), "{said}");
    for name in ["none.parquet", "none.tsv", "none.json"] {
        let path = folder.path().join(name).display().to_string();
        let records = data(path.clone()).open().await;
        let said = match records {
            Err(error) => error.to_string(),
            Ok(records) => records.try_collect::<Vec<_>>().await.unwrap_err().to_string(),
        };
        assert!(said.contains(name), "{said}");
    }
    std::fs::write(folder.path().join("bad.parquet"), "PAR1 not really PAR1").unwrap();
    let path = folder.path().join("bad.parquet").display().to_string();
    let records: Result<Vec<_>> = data(path).open().await.unwrap().try_collect().await;
    assert!(records.unwrap_err().to_string().contains("bad.parquet"));
}
