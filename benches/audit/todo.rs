//! The time to find what is to do among a million probes.

use auditdm::audit::{Cast, Done};
use auditdm::config::Config;
use auditdm::row::{AnswerRow, DivergenceRow, ImageRow, ProbeRow, RunProbeRow, VerdictRow, content_id, id};
use auditdm::tables::{Row, Tables};
use chrono::Utc;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

const PROBES: usize = 1_000_000;
const PROBES_OF_AN_IMAGE: usize = 4;
const ROWS_OF_A_COMMIT: usize = 50_000;

/// Writes tables as an audit of a million probes with one reference leaves them while the last tenth is not
/// compared yet, and gives the configuration.
pub(crate) async fn fill(folder: &Path) -> PathBuf {
    let place = folder.join("todo");
    let text = format!(
        "tables = \"{}\"\ntarget = \"a\"\nreferences = [\"b\"]\n[source]\nurl = \"lab://\"\n\
         [models.a.mock]\nname = \"a\"\n[models.b.mock]\nname = \"b\"\n[[probers]]\nkind = \"dataset\"\n",
        place.display()
    );
    let path = place.with_extension("toml");
    std::fs::write(&path, &text).expect("a configuration");
    let config = Config::read(&path).expect("a sound one");
    let cast = Cast::open(&config, None).expect("mocks open");
    let tables = Tables::open(&config.tables).await.expect("a folder");
    let compared = PROBES - PROBES / 10;
    for start in (0..PROBES).step_by(ROWS_OF_A_COMMIT) {
        let numbers = start..start + ROWS_OF_A_COMMIT;
        let done = numbers.clone().filter(|number| *number < compared);
        append(&tables, divergences(&cast, done)).await;
        rows(&tables, &cast, numbers).await;
    }
    path
}

/// Compares the last tenth.
pub(crate) async fn finish(config: &Path) {
    let config = Config::read(config).expect("a sound one");
    let cast = Cast::open(&config, None).expect("mocks open");
    let tables = Tables::open(&config.tables).await.expect("a folder");
    append(&tables, divergences(&cast, PROBES - PROBES / 10..PROBES)).await;
}

/// Seconds to look up what is to do, and how many probes are finished.
pub(crate) async fn find(config: &Path) -> (f64, usize) {
    let config = Config::read(config).expect("a sound one");
    let cast = Cast::open(&config, None).expect("mocks open");
    let clock = Instant::now();
    let tables = Tables::open(&config.tables).await.expect("they are there");
    let done = Done::load(&tables, &cast, &cast.scale.name(), "run").await;
    let done = done.expect("they can be read");
    let took_s = clock.elapsed().as_secs_f64();
    let finished = (0..PROBES).filter(|number| done.is_finished(&probe_id(*number)));
    (took_s, finished.count())
}

async fn append<R: Row>(tables: &Tables, rows: impl Iterator<Item = R>) {
    let rows: Vec<R> = rows.collect();
    tables.append_rows(&rows).await.expect("a folder takes tables");
}

fn probe_id(number: usize) -> String {
    id(["probe", &number.to_string()])
}

async fn rows(tables: &Tables, cast: &Cast, numbers: Range<usize>) {
    let now = Utc::now();
    let (target, reference) = (cast.target.model.card(), cast.references[0].model.card());
    let image_id = |number: usize| content_id(&(number / PROBES_OF_AN_IMAGE).to_le_bytes());
    let pair_id = |number: usize| id(["pair", &number.to_string()]);
    let images = numbers
        .clone()
        .step_by(PROBES_OF_AN_IMAGE)
        .map(|number| ImageRow {
            image_id: image_id(number),
            root_image_id: image_id(number),
            parent_image_id: None,
            operation: "original".to_owned(),
            instruction: None,
            painter_id: None,
            uri: Some(format!("file:///photos/{number:09}.jpg")),
            etag: Some(format!("{number:x}-186a0")),
            attributes: None,
            width: Some(640),
            height: Some(480),
            format: Some("jpeg".to_owned()),
            perceptual_hash: Some(number as i64),
            licence: None,
            scene: None,
            status: "ok".to_owned(),
            error: None,
            created_at: now,
        });
    let probes = numbers.clone().map(|number| ProbeRow {
        probe_id: probe_id(number),
        group_id: image_id(number)[..32].to_owned(),
        source_image_id: image_id(number),
        prober_id: cast.askers[0].prober.card().model_id.clone(),
        strategy: "dataset".to_owned(),
        round: 0,
        k: (number % PROBES_OF_AN_IMAGE) as i32,
        seed: number as i64,
        raw_output: None,
        prober_status: "ok".to_owned(),
        prober_error: None,
        question: Some(format!(
            "how many things are there in the corner of image {number}?"
        )),
        instruction: None,
        choices: Vec::new(),
        category: Some("counting".to_owned()),
        category_source: Some("source".to_owned()),
        answer_type: Some("number".to_owned()),
        expected_answer: None,
        truth: vec![(number % 7).to_string()],
        painter_id: None,
        painter_status: None,
        painter_error: None,
        image_ids: vec![image_id(number)],
        pair_id: Some(pair_id(number)),
        created_at: now,
    });
    let answer = |number: usize, model_id: &str| AnswerRow {
        pair_id: pair_id(number),
        model_id: model_id.to_owned(),
        sample: 0,
        text: Some((number % 5).to_string()),
        normalized: Some((number % 5).to_string()),
        finish_reason: Some("stop".to_owned()),
        mean_log_probability: Some(-0.5),
        status: "ok".to_owned(),
        error: None,
        answered_at: now,
    };
    let verdict = |number: usize, model_id: &str| VerdictRow {
        probe_id: probe_id(number),
        model_id: model_id.to_owned(),
        judge_id: "truth".to_owned(),
        verdict: "incorrect".to_owned(),
        reason: Some((number % 7).to_string()),
        created_at: now,
    };
    let both = |number| [(number, &target.model_id), (number, &reference.model_id)];
    let answers = numbers
        .clone()
        .flat_map(both)
        .map(|(number, model_id)| answer(number, model_id));
    let verdicts = numbers
        .clone()
        .flat_map(both)
        .map(|(number, model_id)| verdict(number, model_id));
    let covered = numbers.clone().map(|number| RunProbeRow {
        run_id: "run".to_owned(),
        probe_id: probe_id(number),
        origin: "new".to_owned(),
    });
    append(tables, images).await;
    append(tables, probes).await;
    append(tables, answers).await;
    append(tables, verdicts).await;
    append(tables, covered).await;
}

fn divergences(cast: &Cast, numbers: impl Iterator<Item = usize>) -> impl Iterator<Item = DivergenceRow> {
    let now = Utc::now();
    numbers.map(move |number| DivergenceRow {
        probe_id: probe_id(number),
        target_id: cast.target.model.card().model_id.clone(),
        reference_set: cast.reference_set(),
        judge_set: cast.judge_set(),
        measure: cast.scale.name(),
        consensus: Some((number % 5).to_string()),
        agreement: None,
        status: "valid".to_owned(),
        score: Some(0.0),
        target_correct: Some(false),
        reference_correct: Some(false),
        verified_by: Some("truth".to_owned()),
        blame: Some("both".to_owned()),
        reason: Some("equal".to_owned()),
        computed_at: now,
    })
}
