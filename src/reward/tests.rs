//! Ways to be rewarded without finding a weakness: none pays, each says why; and what a service must hold.

use super::*;
use crate::config::Config;
use crate::model::server::{Behaviour, Server};
use crate::tables::Tables;
use arrow::array::AsArray;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt;
use std::path::Path;
use tokio::sync::Semaphore;

const WHITE: &[u8] = include_bytes!("../../tests/support/white.png");
const GOOD: &str = "Question: How many cups are there?\nCategory: counting\nAnswer: 3";

/// A target that says `target`, references that say these, and more lines at the top of the file or at its end, where the
/// second reference's options are.
fn config(folder: &Path, target: &str, references: [&str; 2], top: &str, end: &str) -> Config {
    let [a, b] = references;
    let text = format!(
        r#"
        tables = "tables"
        target = "t"
        references = ["a", "b"]
        {top}
        [source]
        url = "lab://?scenes=3&seed=2&difficulty=1"
        [models.t.mock]
        answers = [{target:?}]
        [models.a.mock]
        answers = [{a:?}]
        seed = 1
        [models.b.mock]
        answers = [{b:?}]
        seed = 2
        {end}
        "#
    );
    Config::parse(&text, "test", folder).unwrap()
}

fn sample(image: &str, completion: &str, strategy: &str) -> Result<Sample, String> {
    let sample = serde_json::json!({ "image": image, "completion": completion, "strategy": strategy });
    serde_json::from_value(sample).map_err(|problem| problem.to_string())
}

fn slot() -> Arc<OwnedSemaphorePermit> {
    Arc::new(Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap())
}

/// What samples on one white image are worth, masked and as zero.
async fn rewards(
    target: &str,
    references: [&str; 2],
    top: &str,
    end: &str,
    samples: &[(&str, &str)],
) -> [Vec<Scored>; 2] {
    let image = STANDARD.encode(WHITE);
    let mut both = Vec::new();
    for invalid in ["mask", "zero"] {
        let folder = tempfile::tempdir().unwrap();
        let end = format!("{end}\n[reward]\ninvalid = {invalid:?}\nunparsed = {invalid:?}");
        let session = Session::open(config(folder.path(), target, references, top, &end))
            .await
            .unwrap();
        let samples = samples
            .iter()
            .map(|(strategy, completion)| sample(&image, completion, strategy));
        both.push(session.scorer.score(samples.collect(), &slot()).await);
        session.close().await.unwrap();
    }
    both.try_into().unwrap()
}

/// That each of the samples is masked, or worth 0, with this status and a reason with these words.
fn worthless(both: &[Vec<Scored>; 2], status: &str, words: &str) {
    for (scored, reward) in both.iter().zip([None, Some(0.0)]) {
        for scored in scored {
            assert_eq!((scored.reward, scored.status), (reward, status), "{scored:?}");
            assert!(scored.reason.contains(words), "{scored:?}");
        }
    }
}

/// That none of the samples has a reward, whatever invalid ones are worth.
fn unrewarded(both: &[Vec<Scored>; 2], status: &str, words: &str) {
    for scored in both.iter().flatten() {
        assert_eq!((scored.reward, scored.status), (None, status), "{scored:?}");
        assert!(scored.reason.contains(words), "{scored:?}");
    }
}

#[tokio::test]
async fn a_weakness_pays_and_its_absence_does_not() {
    let both = rewards("2", ["3", "three"], "", "", &[("question", GOOD)]).await;
    for scored in both.iter().flatten() {
        assert_eq!((scored.reward, scored.status), (Some(1.0), "valid"), "{scored:?}");
        assert_eq!(scored.target_answer.as_deref(), Some("2"));
        assert_eq!(
            scored.reference_answers,
            [Some("3".to_owned()), Some("three".to_owned())]
        );
        assert_eq!(scored.category.as_deref(), Some("counting"));
    }
    for scored in rewards("3", ["3", "three"], "", "", &[("question", GOOD)])
        .await
        .iter()
        .flatten()
    {
        assert_eq!((scored.reward, scored.status), (Some(0.0), "valid"), "{scored:?}");
    }
}

#[tokio::test]
async fn empty_and_garbled_completions() {
    let long = format!("Question: {}?\nCategory: counting\nAnswer: 3", "x".repeat(30_000));
    let tries = [
        "",
        "   \n\u{0}\n",
        "Question: ?\nCategory: counting\nAnswer: 3",
        "Question:\nCategory: counting\nAnswer: 3",
        "qwz §§ {\"question\": 3",
        "How many cups are there?",
        "Question: How many cups? And plates?\nCategory: counting\nAnswer: 3",
        long.as_str(),
    ];
    let both = rewards("2", ["3", "3"], "", "", &tries.map(|text| ("question", text))).await;
    worthless(&both, "unparsed", "");
    assert!(
        both[0]
            .iter()
            .all(|scored| !scored.reason.is_empty() && scored.question.is_none())
    );
    let nothing = rewards(
        "2",
        ["3", "3"],
        "",
        "",
        &[("question", "Nothing to ask: an empty wall")],
    )
    .await;
    worthless(&nothing, "refused", "an empty wall");
}

#[tokio::test]
async fn ambiguous_and_unanswerable_questions() {
    let ambiguous = rewards("2", ["3", "4"], "", "", &[("question", GOOD)]).await;
    worthless(&ambiguous, "invalid", "do not agree");
    let abstained = rewards(
        "2",
        ["unanswerable", "Unanswerable."],
        "",
        "",
        &[("question", GOOD)],
    )
    .await;
    worthless(&abstained, "invalid", "unanswerable");
    let judge = "[models.j.mock]\nanswers = ['UNANSWERABLE: there is nothing to see']";
    let judged = rewards("2", ["3", "3"], "judges = ['j']", judge, &[("question", GOOD)]).await;
    worthless(&judged, "invalid", "a judge");
    let silent = rewards("2", ["", ""], "", "", &[("question", GOOD)]).await;
    worthless(&silent, "invalid", "say nothing");
}

#[tokio::test]
async fn references_that_err() {
    let judge = "[models.j.mock]\nanswers = ['INCORRECT']";
    let both_wrong = rewards("2", ["3", "3"], "judges = ['j']", judge, &[("question", GOOD)]).await;
    worthless(&both_wrong, "invalid", "both wrong");
    // One of two refuses: the other one alone is no truth.
    let refused = rewards("2", ["3", "3"], "", "refuse_rate = 1.0", &[("question", GOOD)]).await;
    unrewarded(&refused, "unknown", "second reference");
    let failed = rewards("2", ["3", "3"], "", "error_rate = 1.0", &[("question", GOOD)]).await;
    unrewarded(&failed, "failed", "the reference: mock error");
}

#[tokio::test]
async fn painters_that_fail() {
    let edit = format!("Instruction: paint a feeling\n{GOOD}");
    let caption = format!("Caption: ¡§%\n{GOOD}");
    let samples = [("edit", edit.as_str()), ("generation", caption.as_str())];
    let refused = rewards("2", ["3", "3"], "painter = 'lab'", "", &samples).await;
    worthless(&refused, "refused", "cannot be drawn");
    let nobody = rewards("2", ["3", "3"], "", "", &samples).await;
    unrewarded(&nobody, "failed", "painter = \"lab\"");

    for (behaviour, status, words) in [
        (
            Behaviour::Status(500, None, "out of paint".to_owned()),
            "failed",
            "the painter",
        ),
        (
            Behaviour::Image(b"no image at all".to_vec()),
            "refused",
            "looks like text",
        ),
    ] {
        let server = Server::start(vec![behaviour]).await;
        let painter = format!(
            "[painter.http]\nurl = '{}'\nmodel = 'p'\nrevision = '1'\nmax_retries = 0",
            server.url
        );
        let both = rewards("2", ["3", "3"], "", &painter, &samples[..1]).await;
        if status == "failed" {
            unrewarded(&both, status, words);
        } else {
            worthless(&both, status, words);
        }
    }
}

#[tokio::test]
async fn repeated_probes_are_worth_one_together() {
    let other = GOOD.replace("cups", "CUPS").replace("Answer: 3", "Answer: 4");
    let plates = GOOD.replace("cups", "plates");
    let samples = [GOOD, GOOD, &other, &plates].map(|completion| ("question", completion));
    for scored in rewards("2", ["3", "3"], "", "", &samples).await {
        let alike: f64 = scored[..3].iter().filter_map(|scored| scored.reward).sum();
        assert!((alike - 1.0).abs() < 1e-9, "{scored:?}");
        assert!(scored[0].reason.contains("shared by 3"), "{scored:?}");
        assert_eq!(scored[3].reward, Some(1.0));
    }
}

#[tokio::test]
async fn a_sample_that_is_wrong_keeps_no_other_back() {
    let folder = tempfile::tempdir().unwrap();
    let session = Session::open(config(folder.path(), "2", ["3", "3"], "", "[reward]"))
        .await
        .unwrap();
    let mut bomb = vec![0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13];
    bomb.extend_from_slice(b"IHDR\0\0\x75\x30\0\0\x75\x30\x08\x02\0\0\0");
    let (white, bomb) = (STANDARD.encode(WHITE), STANDARD.encode(bomb));
    let uri = format!("data:image/png;base64,{white}");
    let none = serde_json::from_str::<Sample>("{\"image\": \"\"}").map_err(|problem| problem.to_string());
    let samples = vec![
        sample(&uri, GOOD, "question"),
        none,
        sample("%%%", GOOD, "question"),
        sample(&STANDARD.encode("only words"), GOOD, "question"),
        sample(&bomb, GOOD, "question"),
        sample("file:///etc/passwd", GOOD, "question"),
        sample("data:image/png,abc", GOOD, "question"),
        sample(&white, GOOD, "dataset"),
        sample("lab://?seed=2&difficulty=1&split=held_out#1", GOOD, "question"),
    ];
    let scored = session.scorer.score(samples, &slot()).await;
    session.close().await.unwrap();
    for (at, words) in [
        (1, "missing field `completion`"),
        (2, "neither a data URI"),
        (3, "looks like text"),
        (4, "the image: "),
        (5, "no address of the source"),
        (6, "not in base64"),
        (7, "`edit` or `generation`"),
    ] {
        assert_eq!(
            (scored[at].reward, scored[at].status),
            (None, "failed"),
            "{:?}",
            scored[at]
        );
        assert!(scored[at].reason.contains(words), "{words}: {:?}", scored[at]);
    }
    for at in [0, 8] {
        assert_eq!(scored[at].reward, Some(1.0), "{:?}", scored[at]);
    }
}

async fn texts(folder: &Path, sql: &str) -> Vec<String> {
    let tables = Tables::open(folder.join("tables").to_str().unwrap())
        .await
        .unwrap();
    let batches: Vec<_> = tables.query(sql).await.unwrap().try_collect().await.unwrap();
    let column = |batch: &arrow::array::RecordBatch| {
        let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).unwrap();
        column
            .as_string::<i32>()
            .iter()
            .map(|text| text.unwrap_or("null").to_owned())
            .collect::<Vec<_>>()
    };
    batches.iter().flat_map(column).collect()
}

#[tokio::test]
async fn truth_decides_nothing_and_rows_are_an_audits() {
    let folder = tempfile::tempdir().unwrap();
    let session = Session::open(config(
        folder.path(),
        "2",
        ["3", "3"],
        "painter = 'lab'",
        "[reward]",
    ))
    .await
    .unwrap();
    let scene = "lab://?seed=2&difficulty=1&split=held_out#0";
    // The lab knows that there is no unicorn; nobody asks it.
    let question = GOOD.replace("cups", "unicorns");
    let edit = format!("Instruction: make it night\n{question}");
    let broken = "no form at all";
    let samples = vec![
        sample(scene, &question, "question"),
        sample(scene, &edit, "edit"),
        sample(scene, broken, "question"),
    ];
    let scored = session.scorer.score(samples, &slot()).await;
    assert_eq!(
        (scored[0].reward, scored[1].reward, scored[2].status),
        (Some(1.0), Some(1.0), "unparsed")
    );
    session.close().await.unwrap();
    let column = async |sql| texts(folder.path(), sql).await;
    assert_eq!(
        column("SELECT DISTINCT verified_by || judge_set FROM divergences").await,
        ["consensus"]
    );
    assert_eq!(column("SELECT count(*) FROM verdicts").await, ["0"]);
    assert_eq!(
        column("SELECT operation FROM images ORDER BY 1").await,
        ["edited", "original"]
    );
    let probes = "SELECT prober_status || ' ' || strategy FROM probes ORDER BY 1";
    assert_eq!(
        column(probes).await,
        ["ok edit", "ok question", "unparsed question"]
    );
    assert_eq!(column("SELECT count(*) FROM run_probes").await, ["3"]);
    assert_eq!(column("SELECT count(DISTINCT group_id) FROM probes").await, ["2"]);
    assert_eq!(
        column("SELECT status || ' ' || stop_reason FROM runs").await,
        ["interrupted asked to stop"]
    );
}

#[tokio::test]
async fn the_same_is_asked_once_and_a_deadline_holds() {
    let folder = tempfile::tempdir().unwrap();
    let slow = config(
        folder.path(),
        "2",
        ["3", "3"],
        "",
        "latency_ms = 1000\n[reward]\ndeadline_s = 0.2",
    );
    let session = Session::open(slow).await.unwrap();
    let image = STANDARD.encode(WHITE);
    let started = Instant::now();
    let slot = slot();
    let ask = || {
        session
            .scorer
            .score(vec![sample(&image, GOOD, "question")], &slot)
    };
    let (first, second) = tokio::join!(ask(), ask());
    for scored in [&first[0], &second[0]] {
        assert_eq!((scored.reward, scored.status), (None, "failed"), "{scored:?}");
        assert!(scored.reason.contains("within 0.2 s"), "{scored:?}");
    }
    assert!(started.elapsed() < Duration::from_millis(800));
    // What was begun goes on, and is there for whoever comes again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ask().await[0].reward, Some(1.0));
    session.close().await.unwrap();
    assert_eq!(
        texts(
            folder.path(),
            "SELECT count(*) FROM calls WHERE role = 'reference'"
        )
        .await,
        ["2"]
    );
}

#[test]
fn the_section_is_checked_with_the_rest() {
    let text = "target = 't'\nreferences = ['a']\n[reward]\nmax_samples = 0\ndeadline_s = -1.0\n\
                [models.t.mock]\n[models.a.mock]\n";
    let error = Config::parse(text, "c.toml", Path::new(""))
        .unwrap_err()
        .to_string();
    for words in [
        "line 3: rewards are decided",
        "line 4: [reward]: max_samples",
        "line 5: [reward]: deadline_s",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let typo = Config::parse("[reward]\ninvald = 'mask'", "c.toml", Path::new(""))
        .unwrap_err()
        .to_string();
    assert!(typo.contains("did you mean `invalid`?"), "{typo}");
}
