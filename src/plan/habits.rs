//! What models took and did in all runs so far: the ground of an estimate.

use crate::error::Result;
use crate::tables::Tables;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use futures::TryStreamExt;
use std::collections::HashMap;

/// What a call of one model takes on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Habit {
    /// Attempts a call.
    pub attempts: f64,
    /// Prompt tokens.
    pub tokens_in: f64,
    /// Answer tokens.
    pub tokens_out: f64,
    /// Seconds from sending to the reply, repeats included.
    pub call_s: f64,
    /// Seconds of the run for each call, with as many at once as there were.
    pub each_s: f64,
}

/// What becomes of the probes of one prober, as shares of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wrote {
    /// Those with a question.
    pub parsed: f64,
    /// Those that became pairs.
    pub paired: f64,
}

/// What is known of everybody.
#[derive(Debug, Default)]
pub struct Habits {
    calls: HashMap<String, Habit>,
    wrote: HashMap<String, Wrote>,
    judged: HashMap<String, f64>,
}

impl Habits {
    /// What a call of that model takes, if it was ever called.
    #[must_use]
    pub fn of(&self, model_id: &str) -> Option<Habit> {
        self.calls.get(model_id).copied()
    }

    /// What becomes of a prober's probes: pairs, all of them, if it never wrote any.
    #[must_use]
    pub fn wrote(&self, prober_id: &str) -> Wrote {
        let all = Wrote {
            parsed: 1.0,
            paired: 1.0,
        };
        self.wrote.get(prober_id).copied().unwrap_or(all)
    }

    /// The share of answers that a judge had to decide on, if it ever did.
    #[must_use]
    pub fn judged(&self, judge_id: &str) -> Option<f64> {
        self.judged.get(judge_id).copied()
    }
}

/// Seconds between two calls that count as a pause, not as work.
const PAUSE_S: u32 = 60;

/// Looks everybody's habits up.
///
/// # Errors
/// [`crate::Error::Table`] when a table cannot be read.
pub async fn habits(tables: &Tables) -> Result<Habits> {
    let calls = format!(
        "SELECT model_id, count(*) * 1.0 / count(DISTINCT subject),
            coalesce(avg(tokens_in), 0.0), coalesce(avg(tokens_out), 0.0),
            sum(latency_ms) / 1e3 / count(DISTINCT subject),
            coalesce(sum(gap_s) FILTER (WHERE gap_s < {PAUSE_S}), 0.0) / count(*)
        FROM (SELECT *, date_part('epoch', started_at) - lag(date_part('epoch', started_at))
                OVER (PARTITION BY model_id ORDER BY started_at) AS gap_s
            FROM calls WHERE role <> 'drift')
        GROUP BY model_id"
    );
    let probes = "SELECT prober_id, count(*) FILTER (WHERE prober_status = 'ok') * 1.0 / count(*),
            count(pair_id) * 1.0 / count(*)
        FROM probes GROUP BY prober_id";
    let judged = "WITH judges AS (SELECT DISTINCT judge_id FROM verdicts WHERE judge_id <> 'truth')
        SELECT judges.judge_id,
            count(DISTINCT probe_id || model_id) FILTER (WHERE verdicts.judge_id = judges.judge_id) * 1.0
                / count(DISTINCT probe_id || model_id)
        FROM judges JOIN verdicts ON verdicts.judge_id IN (judges.judge_id, 'truth')
        GROUP BY judges.judge_id";
    Ok(Habits {
        calls: keyed(tables, &calls, |row| Habit {
            attempts: row(1),
            tokens_in: row(2),
            tokens_out: row(3),
            call_s: row(4),
            each_s: row(5),
        })
        .await?,
        wrote: keyed(tables, probes, |row| Wrote {
            parsed: row(1),
            paired: row(2),
        })
        .await?,
        judged: keyed(tables, judged, |row| row(1)).await?,
    })
}

/// Rows by the id in their first column; the others are numbers.
async fn keyed<T>(
    tables: &Tables,
    sql: &str,
    read: impl Fn(&dyn Fn(usize) -> f64) -> T,
) -> Result<HashMap<String, T>> {
    let batches: Vec<RecordBatch> = tables.query(sql).await?.try_collect().await?;
    let mut found = HashMap::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let number = |column: usize| {
                let column = batch.column(column).as_primitive::<Float64Type>();
                if column.is_valid(row) {
                    column.value(row)
                } else {
                    0.0
                }
            };
            let id = batch.column(0).as_string::<i32>().value(row).to_owned();
            found.insert(id, read(&number));
        }
    }
    Ok(found)
}
