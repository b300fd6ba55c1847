//! What finding slices costs, and whether it finds what was planted and nothing else.
//!
//! ```sh
//! cargo bench --bench slice -- planted 5000000       # time, memory, planted slices found; exit code 1 if one is missing
//! cargo bench --bench slice -- noise 200000 20       # how many of 20 seeds report anything
//! cargo bench --bench slice -- file rows.parquet 100000   # the same rows for a peer
//! cargo bench --bench slice -- tables FROM TO 2222   # an audit's tables 2 222 times over
//! ```

#![allow(clippy::print_stdout, missing_docs, reason = "a program that prints figures")]

mod copies;
mod planted;

use auditdm::slice::{Findings, Frame, Search, discover};
use parquet::arrow::ArrowWriter;
use planted::{PLANTED, Rows};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const BATCH_ROWS: usize = 65_536;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let number = |at: usize, otherwise: usize| {
        words
            .get(at)
            .and_then(|word| word.parse().ok())
            .unwrap_or(otherwise)
    };
    match words.first().map(String::as_str) {
        Some("noise") => noise(number(1, 200_000), number(2, 20)),
        Some("tables") => tables(&words),
        Some("file") => file(&words[1], number(2, 100_000)),
        _ => planted(number(1, 1_000_000)),
    }
}

/// Takes the rows in and searches them; the time to make them does not count.
fn search(rows: Rows) -> (Findings, Duration, Duration) {
    let mut taken = Duration::ZERO;
    let mut frame: Option<Frame> = None;
    for batch in rows.batches(BATCH_ROWS) {
        let start = Instant::now();
        let frame = frame.get_or_insert_with(|| Frame::new(&batch.schema(), &[]));
        frame.push(&batch).expect("the columns fit");
        taken += start.elapsed();
    }
    let start = Instant::now();
    let findings = discover(frame.expect("there are rows"), &Search::default());
    (findings, taken, start.elapsed())
}

fn planted(rows: usize) -> ExitCode {
    let (findings, taken, searched) = search(Rows {
        count: rows,
        seed: 1,
        planted: true,
        alike: false,
    });
    println!(
        "{rows} rows, {} conditions, {} slices counted: {:.2} s to take rows in, {:.2} s to search, {} MB at most",
        findings.conditions,
        findings.counted,
        taken.as_secs_f64(),
        searched.as_secs_f64(),
        peak_mb()
    );
    let mut missing = 0;
    for (conditions, rate) in PLANTED {
        let sql = planted::sql(conditions);
        let found = findings.weak.iter().find(|found| found.sql == sql);
        missing += usize::from(found.is_none());
        let told = found.map_or("MISSING".to_owned(), |found| found.target.to_string());
        println!("  {sql} (planted {:.0} %): {told}", rate * 100.0);
    }
    let others = findings.weak.len() - (PLANTED.len() - missing);
    println!("  {others} other slices reported, {} tested", findings.tested);
    if missing == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn noise(rows: usize, seeds: usize) -> ExitCode {
    let reports = |alike: bool| {
        let seeds = (0..seeds as u64).filter(|seed| {
            let (findings, ..) = search(Rows {
                count: rows,
                seed: 1_000 + seed,
                planted: false,
                alike,
            });
            !findings.weak.is_empty()
        });
        seeds.count()
    };
    let (independent, alike) = (reports(false), reports(true));
    println!(
        "noise, {rows} rows: {independent} of {seeds} seeds report a slice; {alike} where rows of an image are alike"
    );
    if independent.max(alike) <= 3 * seeds / 20 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn file(path: &str, rows: usize) -> ExitCode {
    let rows = Rows {
        count: rows,
        seed: 1,
        planted: true,
        alike: false,
    };
    let mut writer: Option<ArrowWriter<std::fs::File>> = None;
    for batch in rows.batches(BATCH_ROWS) {
        let writer = writer.get_or_insert_with(|| {
            let file = std::fs::File::create(path).expect("a path to write to");
            ArrowWriter::try_new(file, batch.schema(), None).expect("a schema for Parquet")
        });
        writer.write(&batch).expect("room for the file");
    }
    writer
        .expect("there are rows")
        .close()
        .expect("room for the file");
    ExitCode::SUCCESS
}

fn tables(words: &[String]) -> ExitCode {
    let [_, from, to, times] = words else {
        eprintln!("name the tables to copy, a new place and how many times");
        return ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let times = times.parse().expect("a number of copies");
    runtime
        .block_on(copies::write(from, to, times))
        .expect("tables that can be copied");
    ExitCode::SUCCESS
}

/// The most memory that this process ever held.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1_024
}
