//! What counts as done, on tables in memory.

use super::*;
use crate::row::{DivergenceRow, ImageRow, content_id, id};
use chrono::{DateTime, Utc};

fn time() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_700_000_000_000_000).unwrap()
}

fn probe(prober: &str, k: i32) -> ProbeRow {
    ProbeRow {
        probe_id: id([prober, &k.to_string()]),
        group_id: id([prober]),
        source_image_id: content_id(b"image"),
        prober_id: prober.to_owned(),
        strategy: "question".to_owned(),
        round: 0,
        k,
        seed: i64::MIN,
        raw_output: Some("Q: …".to_owned()),
        prober_status: "ok".to_owned(),
        prober_error: None,
        question: Some(format!("what is number {k}?")),
        instruction: None,
        choices: vec!["a".to_owned()],
        category: None,
        category_source: None,
        answer_type: None,
        expected_answer: None,
        truth: Vec::new(),
        painter_id: None,
        painter_status: None,
        painter_error: None,
        image_ids: vec![content_id(b"image")],
        pair_id: Some(id(["pair", &k.to_string()])),
        created_at: time(),
    }
}

fn image(bytes: &[u8], uri: &str, etag: Option<&str>, status: &str) -> ImageRow {
    ImageRow {
        image_id: content_id(bytes),
        root_image_id: content_id(bytes),
        parent_image_id: None,
        operation: "original".to_owned(),
        instruction: None,
        painter_id: None,
        uri: Some(uri.to_owned()),
        etag: etag.map(str::to_owned),
        attributes: None,
        width: None,
        height: None,
        format: None,
        perceptual_hash: None,
        licence: None,
        scene: None,
        status: status.to_owned(),
        error: None,
        created_at: time(),
    }
}

#[tokio::test]
async fn probes_are_known_by_their_prober() {
    let tables = Tables::open("memory://").await.unwrap();
    let none = Ids::default();
    assert!(known_probes(&tables, &["a"], &none).await.unwrap().ids.is_empty());
    let (first, second, other) = (probe("it's", 0), probe("it's", 1), probe("b", 0));
    tables
        .append_rows(&[first.clone(), second.clone()])
        .await
        .unwrap();
    let again = ProbeRow {
        question: Some("written twice".to_owned()),
        created_at: time() + chrono::TimeDelta::seconds(1),
        ..first.clone()
    };
    tables.append_rows(&[other.clone(), again]).await.unwrap();
    let known = known_probes(&tables, &["it's"], &none).await.unwrap();
    assert_eq!((known.ids.len(), known.open.len(), known.pairs.len()), (2, 2, 2));
    assert!(!known.ids.contains(&other.probe_id));
    assert_eq!(known.rows.get(&[&other.probe_id]).unwrap(), None);
    let read = known.rows.get(&[&second.probe_id]).unwrap();
    let second = ProbeRow {
        raw_output: None,
        ..second
    };
    assert_eq!(read.as_ref(), Some(&second));

    let read = known.rows.get(&[&first.probe_id]).unwrap().unwrap();
    assert_eq!(read.question, first.question, "the first of two counts");

    // What is compared, or is no pair, is known and needs no row.
    let mut diverged = Ids::default();
    diverged.insert(&first.probe_id);
    let unparsed = ProbeRow {
        pair_id: None,
        ..probe("it's", 2)
    };
    tables.append_rows(&[unparsed]).await.unwrap();
    let known = known_probes(&tables, &["it's", "b"], &diverged).await.unwrap();
    assert_eq!((known.ids.len(), known.open.len()), (4, 2));
    assert!(known.open.contains(&second.probe_id) && known.open.contains(&other.probe_id));
    assert_eq!(known.rows.get(&[&first.probe_id]).unwrap(), None);
    assert!(known_probes(&tables, &[], &none).await.unwrap().ids.is_empty());
}

#[tokio::test]
async fn images_are_known_by_content_and_by_place() {
    let tables = Tables::open("memory://").await.unwrap();
    let good = image(b"1", "file:///1.png", Some("v1"), "ok");
    let bad = image(b"2", "file:///2.png", Some("v1"), "invalid");
    let unsure = image(b"3", "lab://?n=3", None, "ok");
    let unread = image(b"file:///4.png", "file:///4.png", Some("v1"), "broken");
    tables
        .append_rows(&[good.clone(), bad.clone(), unsure.clone(), unread])
        .await
        .unwrap();
    let known = known_images(&tables).await.unwrap();
    assert!(known.contains(&good.image_id) && known.contains(&unsure.image_id));
    assert!(!known.contains(&content_id(b"4")));
    let found = |ok, image: &ImageRow| {
        Some(KnownImage {
            image_id: image.image_id.clone(),
            ok,
        })
    };
    assert_eq!(known.find("file:///1.png", Some("v1")), found(true, &good));
    assert_eq!(known.find("file:///2.png", Some("v1")), found(false, &bad));
    assert_eq!(
        known.find("file:///1.png", Some("v2")),
        None,
        "its content changed"
    );
    assert_eq!(known.find("lab://?n=3", None), None);
    let unread = known.find("file:///4.png", Some("v1"));
    assert_eq!(unread, None, "what could not be read is tried again");
}

#[tokio::test]
async fn answers_verdicts_and_divergences_are_known_by_who_made_them() {
    let tables = Tables::open("memory://").await.unwrap();
    let answer = |pair: &str, model: &str, sample| AnswerRow {
        pair_id: id([pair]),
        model_id: model.to_owned(),
        sample,
        text: Some("red".to_owned()),
        normalized: Some("red".to_owned()),
        finish_reason: None,
        mean_log_probability: Some(-0.25),
        status: "ok".to_owned(),
        error: None,
        answered_at: time(),
    };
    tables
        .append_rows(&[answer("1", "m", 0), answer("2", "m", 1), answer("3", "n", 0)])
        .await
        .unwrap();
    let known = answered(&tables, "m").await.unwrap();
    assert!(known.len() == 1 && known.contains(&id(["1"])));
    let rows = answers(&tables, "m", &known).await.unwrap();
    assert_eq!(rows.get(&[&id(["1"])]).unwrap(), Some(answer("1", "m", 0)));
    assert!(answers(&tables, "n", &known).await.unwrap().is_empty());

    let verdict = |judge: &str| VerdictRow {
        probe_id: id(["p"]),
        model_id: "m".to_owned(),
        judge_id: judge.to_owned(),
        verdict: "correct".to_owned(),
        reason: None,
        created_at: time(),
    };
    tables.append_rows(&[verdict("j"), verdict("i")]).await.unwrap();
    let mut probes = Ids::default();
    assert!(judged(&tables, &["j"], &probes).await.unwrap().is_empty());
    probes.insert(&id(["p"]));
    let known = judged(&tables, &["j"], &probes).await.unwrap();
    assert_eq!(known.get(&[&id(["p"]), "m", "j"]).unwrap(), Some(verdict("j")));
    assert!(!known.contains(&[&id(["p"]), "m", "i"]));

    let divergence = |probe: &str, references: &str| DivergenceRow {
        probe_id: id([probe]),
        target_id: "t".to_owned(),
        reference_set: references.to_owned(),
        judge_set: String::new(),
        measure: "exact".to_owned(),
        consensus: None,
        agreement: None,
        status: "unknown".to_owned(),
        score: None,
        target_correct: None,
        reference_correct: None,
        verified_by: None,
        blame: None,
        reason: None,
        computed_at: time(),
    };
    tables
        .append_rows(&[divergence("1", "r"), divergence("2", "s")])
        .await
        .unwrap();
    let known = diverged(&tables, "t", "r", "", "exact").await.unwrap();
    assert!(known.contains(&id(["1"])) && !known.contains(&id(["2"])) && known.len() == 1);
    assert!(diverged(&tables, "t", "r", "", "judge").await.unwrap().is_empty());
}
