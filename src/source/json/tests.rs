//! Question files as data sets write them.

use crate::source::{Found, SourceOptions, open};
use futures::TryStreamExt;
use serde_json::json;
use std::path::Path;

fn options(folder: &Path, file: &str) -> SourceOptions {
    SourceOptions {
        url: folder.join(file).display().to_string(),
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

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("images")).unwrap();
    std::fs::write(folder.path().join("images/a.jpg"), b"bytes of a").unwrap();
    folder
}

#[tokio::test]
async fn questions_on_one_image_are_one_item() {
    let folder = folder();
    let lines = [
        json!({"image": "images/a.jpg", "question": "how many?", "answer": 2, "category": "counting", "source": "x"}),
        json!({"image": "images/b.jpg", "question": "who?", "answers": ["a cat", "cat"]}),
        json!({"image": "images/a.jpg", "question": "which?", "answer": "B", "choices": ["red", "blue"]}),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    std::fs::write(folder.path().join("q.jsonl"), text).unwrap();
    let found = list(&options(folder.path(), "q.jsonl")).await;
    assert_eq!(found.len(), 2);
    assert!(found[0].uri.starts_with("file:///") && found[0].uri.ends_with("/images/a.jpg"));
    assert_eq!(found[0].attributes["source"], "x");
    let [many, which] = found[0].questions.as_slice() else {
        panic!("two questions")
    };
    assert_eq!(
        (many.answers.as_slice(), many.category.as_deref()),
        (&["2".to_owned()][..], Some("counting"))
    );
    assert_eq!(
        (which.answers.as_slice(), which.choices.len()),
        (&["blue".to_owned()][..], 2)
    );
    assert_eq!((found[0].read)().await.unwrap(), "bytes of a");
    assert!((found[1].read)().await.unwrap_err().contains("cannot read"));
    let balanced = SourceOptions {
        sample: Some(1),
        balance_by: Some("category".to_owned()),
        ..options(folder.path(), "q.jsonl")
    };
    assert_eq!(list(&balanced).await.len(), 1);
}

#[tokio::test]
async fn vqa_files_name_images_by_number() {
    let folder = folder();
    std::fs::write(folder.path().join("images/COCO_val2014_000000000042.jpg"), b"42").unwrap();
    let questions = json!({"data_subtype": "val2014", "questions": [
        {"image_id": 42, "question": "Is it red?", "question_id": 1},
        {"image_id": 42, "question": "What is it?", "question_id": 2},
    ]});
    let annotations = json!({"annotations": [
        {"question_id": 2, "answers": [{"answer": "bus"}, {"answer": "bus"}, {"answer": "truck"}]},
    ]});
    std::fs::write(folder.path().join("q.json"), questions.to_string()).unwrap();
    std::fs::write(folder.path().join("a.json"), annotations.to_string()).unwrap();
    let path = |name: &str| Some(folder.path().join(name).display().to_string());
    let options = SourceOptions {
        questions: path("q.json"),
        annotations: path("a.json"),
        ..options(folder.path(), "images")
    };
    let found = list(&options).await;
    assert_eq!((found.len(), found[0].questions.len()), (1, 2));
    assert_eq!(found[0].questions[1].answers, ["bus", "bus", "truck"]);
    assert_eq!((found[0].read)().await.unwrap(), "42");
}

#[tokio::test]
async fn mistakes_name_the_record_and_what_was_expected() {
    let folder = folder();
    let write = |text: &str| std::fs::write(folder.path().join("q.json"), text).unwrap();
    let options = options(folder.path(), "q.json");
    for (text, words) in [
        ("", "the file is empty"),
        ("[]", "it is empty"),
        ("[{\"image\": \"a.jpg\"}, 7]", "record 2: it is no object"),
        (
            "[{\"picture_file\": \"a.jpg\"}]",
            "record 1: no image column; expected one of image, ",
        ),
        (
            "{\"image\": \"a.jpg\"}\n{\"image\": ",
            "expected JSON Lines or a JSON array",
        ),
        ("[{\"image\": \"ftp://a/b.jpg\"}]", "`ftp://` is not supported"),
        (
            "{\"questions\": [{\"image_id\": 1, \"question\": \"?\"}]}",
            "`image_name`",
        ),
    ] {
        write(text);
        let told = problem(&options).await;
        assert!(told.contains(words), "{told}");
    }
    write("[{\"image\": \"a.jpg\", \"question\": \"?\"}]");
    let wrong = SourceOptions {
        answer_column: Some("truth".to_owned()),
        ..options
    };
    let told = problem(&wrong).await;
    assert!(
        told.contains("`truth`; the columns are: image, question"),
        "{told}"
    );
}
