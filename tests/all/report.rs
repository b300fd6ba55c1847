//! The report of a run whose questions, answers and names are hostile: all of it is text.

use crate::program::auditdm;
use auditdm::row::StepRow;
use auditdm::tables::Tables;
use chrono::Utc;
use serde_json::{Value, json};

const CONFIG: &str = r#"
label = "<i>night & day</i>"
target = "target"
references = ["reference"]
[source]
url = "questions.jsonl"
[models.target.mock]
name = "<b>target</b>"
answers = ["blue <script>alert(3)</script>"]
[models.reference.mock]
name = "reference"
answers = ["green"]
[[probers]]
kind = "dataset"
"#;

const MARKUP: &str = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)>";
const MARKS: &str = "\u{1b}[31mred\u{202e}olleh\u{2066} {{ report }} {% raw %}";

/// What lies between the tags of a script with that id.
fn data(page: &str, id: &str) -> Value {
    let (_, rest) = page
        .split_once(&format!("<script type=\"application/json\" id=\"{id}\">"))
        .unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[tokio::test]
async fn a_report_shows_hostile_text_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let white = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/white.png");
    std::fs::copy(white, folder.join("white.png")).unwrap();
    let long = "x".repeat(1_000_000);
    let lines: Vec<String> = [MARKUP, MARKS, &long]
        .iter()
        .map(|text| {
            json!({"image": "white.png", "question": text, "answer": "red", "category": "<u>c</u>"})
                .to_string()
        })
        .collect();
    std::fs::write(folder.join("questions.jsonl"), lines.join("\n")).unwrap();
    std::fs::write(folder.join("audit.toml"), CONFIG).unwrap();
    let (status, _, error) = auditdm(folder, &["audit", "audit.toml", "--quiet"]);
    assert_eq!(status, Some(0), "{error}");
    let step = |step: i64, value: f64| StepRow {
        run_id: "0".repeat(32),
        step,
        phase: "train".to_owned(),
        metric: "<loss>".to_owned(),
        value,
        created_at: Utc::now(),
    };
    let tables = Tables::open(folder.join("auditdm-tables").to_str().unwrap())
        .await
        .unwrap();
    tables
        .append_rows(
            &(0..1000)
                .map(|at| step(at, 1.0 / (at + 1) as f64))
                .collect::<Vec<_>>(),
        )
        .await
        .unwrap();

    std::fs::create_dir(folder.join("slices")).unwrap();
    std::fs::write(folder.join("slices/no_scene.sql"), "scene IS NULL").unwrap();
    std::fs::write(folder.join("slices/broken.sql"), "nothing = 1").unwrap();

    let (status, said, error) = auditdm(folder, &["report", "--charts", "charts"]);
    assert_eq!(status, Some(0), "{error}");
    assert!(said.contains("3 of 3 examples"), "{said}");
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert_eq!(page.matches("<script").count(), 3, "two of data, one of code");
    assert_eq!(page.matches("</script>").count(), 3);
    for markup in [
        "<b>target",
        "<u>c",
        "<i>night",
        "<img src=x",
        "<loss>",
        "<!-- <img",
    ] {
        assert!(!page.contains(markup), "{markup}");
    }
    for text in ["&lt;b&gt;target", "&lt;u&gt;c", "night &amp; day"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}') && !page.contains('\u{2066}'));
    assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src &#x27;none&#x27;"));
    assert!(
        !page.contains("http://")
            || page.matches("http://").count() == page.matches("xmlns=\"http://").count()
    );
    for id in [
        "weaknesses",
        "strategies",
        "slices",
        "training",
        "agreement",
        "cost",
        "gallery",
    ] {
        assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
    }

    let examples = data(&page, "examples");
    let questions: Vec<&str> = examples
        .as_array()
        .unwrap()
        .iter()
        .map(|example| example["question"].as_str().unwrap())
        .collect();
    assert!(questions.contains(&MARKUP), "{questions:?}");
    assert!(
        questions.contains(&"⟨U+001B⟩[31mred⟨U+202E⟩olleh⟨U+2066⟩ {{ report }} {% raw %}"),
        "{questions:?}"
    );
    assert!(
        questions
            .iter()
            .any(|text| text.ends_with("(999300 more characters)")),
        "{questions:?}"
    );
    let first = &examples[0];
    assert_eq!(first["answers"].as_array().unwrap().len(), 2);
    assert_eq!(first["answers"][0]["target"], true);
    assert_eq!(first["answers"][0]["text"], "blue <script>alert(3)</script>");
    assert_eq!(first["answers"][0]["right"], false);
    let pictures = data(&page, "pictures");
    assert_eq!(
        pictures.as_array().unwrap().len(),
        1,
        "one image, three questions"
    );
    assert!(
        pictures[0]
            .as_str()
            .unwrap()
            .starts_with("data:image/png;base64,")
    );

    let charts: Vec<String> = [
        "weaknesses",
        "strategies",
        "agreement",
        "training-_loss_",
        "slices",
    ]
    .iter()
    .map(|name| std::fs::read_to_string(folder.join(format!("charts/{name}.svg"))).unwrap())
    .collect();
    assert!(
        charts[0].contains("<circle") && charts[0].contains("&lt;u&gt;c"),
        "{}",
        charts[0]
    );
    assert!(
        charts[4].contains("no_scene") && page.contains("broken.sql"),
        "{}",
        charts[4]
    );
    let points = charts[3]
        .split_once("d=\"M")
        .unwrap()
        .1
        .split_once('"')
        .unwrap()
        .0;
    assert!(
        (200..=250).contains(&(points.matches('L').count() + 1)),
        "thinned: {points}"
    );

    let (_, said, _) = auditdm(folder, &["report", "--gallery", "1"]);
    assert!(said.contains("1 of 3 examples"), "{said}");
    let (_, said, _) = auditdm(folder, &["report", "--max-mb", "0"]);
    assert!(said.contains("0 of 3 examples"), "{said}");
    assert!(
        std::fs::read_to_string(folder.join("report.html"))
            .unwrap()
            .contains("--max-mb")
    );
    let (status, _, error) = auditdm(folder, &["report", "--target", "nobody"]);
    assert_eq!(status, Some(1));
    assert!(
        error.contains("no such target") && error.contains("target"),
        "{error}"
    );
}
