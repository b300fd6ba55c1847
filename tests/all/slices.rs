//! Slices that are found: what was planted, nothing in noise, and nothing that hostile values could do.

#[path = "../../benches/slice/planted.rs"]
mod planted;

use crate::slt::in_memory;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use auditdm::slice::{
    Against, Findings, Frame, Search, Sides, Subject, diff, discover, evaluate, load, saved, weakness,
};
use auditdm::sql;
use datafusion::datasource::MemTable;
use planted::{PLANTED, Rows};
use std::sync::Arc;

fn search(rows: Rows, options: &Search) -> Findings {
    let mut frame: Option<Frame> = None;
    for batch in rows.batches(8_192) {
        let frame = frame.get_or_insert_with(|| Frame::new(&batch.schema(), &[]));
        frame.push(&batch).unwrap();
    }
    discover(frame.unwrap(), options)
}

/// With `AUDITDM_SLICE_ROWS=5000000` on that many rows, and `--nocapture` tells the time.
#[test]
fn all_planted_slices_of_one_to_three_conditions_are_found() {
    let rows = Rows {
        count: std::env::var("AUDITDM_SLICE_ROWS").map_or(100_000, |rows| rows.parse().unwrap()),
        seed: 7,
        planted: true,
        alike: false,
    };
    for against in [Against::Elsewhere, Against::Reference] {
        let options = Search {
            against,
            ..Search::default()
        };
        let start = std::time::Instant::now();
        let findings = search(rows, &options);
        println!(
            "{against:?}: {} slices of {} conditions counted, {:.1} s with making the rows",
            findings.counted,
            findings.conditions,
            start.elapsed().as_secs_f64()
        );
        let found: Vec<&str> = findings.weak.iter().map(|found| found.sql.as_str()).collect();
        for (conditions, rate) in PLANTED {
            let wanted = planted::sql(conditions);
            let slice = findings.weak.iter().find(|found| found.sql == wanted);
            let slice = slice.unwrap_or_else(|| panic!("{against:?}: {wanted} is not among {found:?}"));
            // Planted slices overlap, so that the rate may be higher.
            let above = slice.target.rate - rate;
            assert!((-0.08..0.1).contains(&above), "{slice:?}");
            let contributions: f64 = slice.parts.iter().map(|part| part.contribution).sum();
            assert!((contributions - slice.divergence).abs() < 1e-9, "{slice:?}");
        }
        assert!(found.len() <= PLANTED.len() + 2, "{found:?}");
    }
}

#[test]
fn in_noise_nothing_is_found() {
    for alike in [false, true] {
        let reports = (0..20).filter(|seed| {
            let rows = Rows {
                count: 20_000,
                seed: 500 + seed,
                planted: false,
                alike,
            };
            let findings = search(rows, &Search::default());
            assert!(findings.tested > 0, "there was nothing to test");
            !findings.weak.is_empty()
        });
        let reports = reports.count();
        assert!(
            reports <= 3,
            "{reports} of 20 seeds report a slice; rows of an image alike: {alike}"
        );
    }
}

/// A table of hostile texts, in every one of which the target fails more than elsewhere.
fn hostile() -> RecordBatch {
    let long = "\u{1b}]0;x\u{7}".repeat(150_000);
    let texts = [
        "'; DROP TABLE runs; --\u{1b}[31m\nred",
        "\u{202e}\u{200f}desrever\"",
        &long,
        "a\0b",
        "",
    ];
    let rows = 0..6_000_usize;
    // Every fifth row has a hostile text; those fail.
    let text = |row: usize| {
        if row.is_multiple_of(5) {
            texts[row / 5 % texts.len()]
        } else {
            "plain"
        }
    };
    let failure = |row: usize| {
        if row.is_multiple_of(5) {
            !(row / 25).is_multiple_of(4)
        } else {
            row.is_multiple_of(7)
        }
    };
    let flags = |of: &dyn Fn(usize) -> bool| -> ArrayRef {
        Arc::new(rows.clone().map(|row| Some(of(row))).collect::<BooleanArray>())
    };
    let all = |of: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new(rows.clone().map(|row| Some(of(row))).collect::<StringArray>())
    };
    RecordBatch::try_from_iter([
        ("failure", flags(&failure)),
        ("reference_correct", flags(&|_| true)),
        ("root_image_id", all(&|row| format!("image {row}"))),
        ("Odd \"; name", all(&|row| text(row).to_owned())),
        ("hidden\u{1b}[2J", all(&|row| text(row).to_owned())),
        ("where", all(&|row| format!("place {}", row % 3))),
        (
            "attributes",
            all(&|row| format!("{{\"k'\\u001b\": \"{}\"}}", row % 4)),
        ),
        (
            "question",
            all(&|row| {
                format!(
                    "Is it {}?",
                    if row.is_multiple_of(5) {
                        "ÉTRANGE'"
                    } else {
                        "plain"
                    }
                )
            }),
        ),
    ])
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_are_text_in_words_and_quoted_in_sql() {
    let context = in_memory().await;
    let rows = hostile();
    let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap();
    context.register_table("hostile", Arc::new(table)).unwrap();
    for columns in [vec![], vec!["Odd \"; name".to_owned(), "attributes".to_owned()]] {
        let subject = Subject {
            from: "hostile".to_owned(),
            columns,
            ..Subject::default()
        };
        let weakness = weakness(&context, &subject, &Search::default()).await.unwrap();
        let weak = &weakness.findings.weak;
        assert!(!weak.is_empty());
        for found in weak.iter().chain(&weakness.findings.strong) {
            let statement = format!(
                "SELECT count(*), count(*) FILTER (WHERE failure) FROM hostile WHERE {}",
                found.sql
            );
            let batches = sql::collect(&context, &statement, &[]).await.unwrap();
            let count = |column: usize| {
                let counts = batches[0].column(column).as_any().downcast_ref::<Int64Array>();
                counts.unwrap().value(0)
            };
            assert_eq!(
                [count(0), count(1)],
                [found.all.n, found.all.count].map(i64::from),
                "{statement}"
            );
            let plain = |text: &str| {
                text.chars()
                    .all(|each| !each.is_control() && each != '\u{202e}' && each != '\u{200f}')
            };
            assert!(plain(&found.words) && plain(&found.sql), "{found:?}");
            assert!(found.words.len() < 400 && found.sql.len() < 1_000, "{found:?}");
        }
        assert!(
            weakness
                .to_string()
                .chars()
                .all(|each| each == '\n' || !each.is_control())
        );
        let remarks = weakness.findings.remarks.join("\n");
        assert!(remarks.contains("NUL"), "{remarks}");
        assert_eq!(
            remarks.contains("control characters in its name"),
            subject.columns.is_empty()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slice_that_was_saved_is_evaluated() {
    let context = in_memory().await;
    let rows = Rows {
        count: 20_000,
        seed: 3,
        planted: true,
        alike: false,
    };
    let mut found = search(rows, &Search::default()).weak.remove(0);
    // Over the columns of the fixture.
    found.sql = "category = 'counting'".to_owned();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("worst.sql"), saved(&found)).unwrap();
    let slices = load(folder.path()).unwrap();
    let evaluation = evaluate(&context, &slices, "latest").await.unwrap();
    assert!(evaluation.broken.is_empty(), "{:?}", evaluation.broken);
    assert_eq!(evaluation.batches[0].num_rows(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_searched_says_what_is_missing() {
    let context = in_memory().await;
    for (from, columns, remedy) in [
        ("SELECT 1 AS x", vec![], "column `failure`"),
        ("SELECT true AS failure", vec![], "root_image_id"),
        ("nothing", vec![], "no table `nothing`"),
        ("results", vec!["kategory".to_owned()], "no column `kategory`"),
        ("SELECT * FROM results WHERE false", vec![], "no verified row"),
        ("DROP TABLE runs", vec![], "only queries"),
    ] {
        let subject = Subject {
            from: from.to_owned(),
            columns,
            ..Subject::default()
        };
        let error = weakness(&context, &subject, &Search::default())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(remedy), "{from}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_are_compared_on_their_common_pairs() {
    let context = in_memory().await;
    let sides = |before: &str, after: &str| Sides {
        runs: [before.to_owned(), after.to_owned()],
        ..Sides::default()
    };
    let same = diff(&context, &sides("baseline", "wider")).await.unwrap();
    assert_eq!((same.all.before.n, same.all.broke, same.all.fixed), (2, 0, 0));
    assert_eq!((same.all.before.count, same.categories.len()), (1, 2));
    let listed = sql::collect(&context, &same.sql, &[]).await.unwrap();
    assert_eq!(listed.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    let error = diff(&context, &sides("baseline", "nightly"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("no run `nightly`"), "{error}");
}

/// One target that gets better in one category and worse in another, in two runs over the same pairs.
#[tokio::test(flavor = "multi_thread")]
async fn what_broke_and_what_got_fixed_is_told_by_category() {
    let context = in_memory().await;
    let view = "
        SELECT 'run-' || run AS run_id, 'pair-' || n AS pair_id, 'probe-' || n AS probe_id, 'small' AS target,
            'valid' AS status, CASE WHEN n % 2 = 0 THEN 'counting' ELSE 'colour' END AS category,
            'what''s n? ' || n AS question, 'answer ' || run AS target_answer, '1' AS truth, '1' AS consensus,
            'u' AS image_uri, 'i' AS image_id,
            CASE WHEN n % 2 = 0 THEN run = 2 AND n < 40 ELSE run = 1 AND n < 10 END AS failure
        FROM generate_series(1, 100) AS pairs (n) CROSS JOIN (VALUES (1), (2)) AS runs (run)";
    for (name, view) in [
        ("results", view),
        (
            "run_names",
            "SELECT * FROM (VALUES ('run-1', 'it''s'), ('run-2', 'b')) AS r (run_id, name)",
        ),
    ] {
        let view = context.sql(view).await.unwrap().into_view();
        context.deregister_table(name).unwrap();
        context.register_table(name, view).unwrap();
    }
    let sides = Sides {
        runs: ["it's".to_owned(), "b".to_owned()],
        ..Sides::default()
    };
    let diff = diff(&context, &sides).await.unwrap();
    assert_eq!((diff.all.before.n, diff.all.broke, diff.all.fixed), (100, 19, 5));
    let [counting, colour] = diff.categories.as_slice() else {
        panic!("{diff:?}")
    };
    assert_eq!(
        (counting.category.as_str(), counting.broke, counting.fixed),
        ("counting", 19, 0)
    );
    assert_eq!(
        (colour.category.as_str(), colour.broke, colour.fixed),
        ("colour", 0, 5)
    );
    // scipy: binomtest(0, 19).pvalue, binomtest(0, 5).pvalue.
    assert!((counting.p - 3.814_697_265_625e-6).abs() < 1e-12 && (colour.p - 0.0625).abs() < 1e-12);
    assert!((counting.q - 2.0 * counting.p).abs() < 1e-12);
    assert_eq!((diff.broke.len(), diff.fixed.len()), (5, 5));
    let listed = sql::collect(&context, &diff.sql, &[]).await.unwrap();
    assert_eq!(listed.iter().map(RecordBatch::num_rows).sum::<usize>(), 24);
    assert!(diff.to_string().contains("19"), "{diff}");
}
