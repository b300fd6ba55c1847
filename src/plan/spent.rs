//! What a run has spent so far, in all its sittings: by the table `calls`, and by what a killed process
//! received and did not commit.

use super::quoted;
use crate::budget::Spend;
use crate::error::Result;
use crate::row::CallRow;
use crate::tables::Tables;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use futures::TryStreamExt;
use std::time::Duration;

/// What remote models took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Towards the budget: an answer whose tokens nobody told counts as dear.
    pub towards_budget: Spend,
    /// How long calls were made.
    pub time: Duration,
}

/// Pauses longer than this lie between two sittings, in seconds.
const PAUSE_S: u32 = 300;
/// Tokens of an answer of unknown size, in and out.
const UNTOLD: (u32, u32) = (3_000, 300);

/// What a run has spent; calls that were `received` count once, whether they were committed or not.
///
/// # Errors
/// [`crate::Error::Table`] when a table cannot be read.
pub async fn spent(tables: &Tables, run_id: &str, received: &[CallRow]) -> Result<Spent> {
    let run_id = quoted(run_id);
    let (untold_in, untold_out) = UNTOLD;
    let sql = format!(
        "WITH committed AS (SELECT * FROM calls WHERE run_id = {run_id}),
        both AS (
            SELECT * FROM committed UNION ALL
            SELECT * FROM memory.received LEFT ANTI JOIN committed
                ON committed.model_id = received.model_id AND committed.subject = received.subject
                AND committed.started_at = received.started_at
        ),
        mine AS (
            SELECT calls.*, models.kind IN ('http', 'images_http') AS remote,
                calls.status = 'ok' AND (tokens_in IS NULL OR tokens_out IS NULL) AS untold,
                ({untold_in} * input_usd_per_mtok + {untold_out} * output_usd_per_mtok) / 1e6 AS untold_usd,
                date_part('epoch', started_at)
                    - lag(date_part('epoch', started_at)) OVER (ORDER BY started_at) AS pause_s
            FROM both AS calls JOIN models ON models.model_id = calls.model_id
        )
        SELECT count(*) FILTER (WHERE remote),
            coalesce(sum(CASE WHEN untold THEN {untold_in} + {untold_out}
                ELSE coalesce(tokens_in, 0) + coalesce(tokens_out, 0) END) FILTER (WHERE remote), 0),
            coalesce(sum(CASE WHEN untold THEN coalesce(untold_usd, 0.0)
                ELSE coalesce(cost_usd, 0.0) END) FILTER (WHERE remote), 0.0),
            coalesce(sum(pause_s) FILTER (WHERE pause_s < {PAUSE_S}), 0.0)
        FROM mine"
    );
    let summed = tables.query_beside(&sql, "received", received).await?;
    let batches: Vec<_> = summed.try_collect().await?;
    let Some(row) = batches.iter().find(|batch| batch.num_rows() > 0) else {
        return Ok(Spent::default());
    };
    let whole = |column: usize| row.column(column).as_primitive::<Int64Type>().value(0).max(0) as u64;
    let real = |column: usize| {
        let column = row.column(column).as_primitive::<Float64Type>();
        column.is_valid(0).then(|| column.value(0))
    };
    Ok(Spent {
        towards_budget: Spend {
            requests: whole(0),
            tokens: whole(1),
            usd: real(2).unwrap_or_default(),
        },
        time: Duration::try_from_secs_f64(real(3).unwrap_or_default()).unwrap_or_default(),
    })
}

/// What the remote models of a run have cost, in dollars; none where the price or the tokens of an answer are
/// not known, or nobody was asked.
///
/// # Errors
/// [`crate::Error::Table`] when a table cannot be read.
pub async fn cost_usd(tables: &Tables, run_id: &str) -> Result<Option<f64>> {
    let run_id = quoted(run_id);
    let sql = format!(
        "SELECT CASE WHEN count(*) FILTER (WHERE status = 'ok' AND cost_usd IS NULL) = 0 THEN sum(cost_usd) END
        FROM calls WHERE run_id = {run_id}
        AND model_id IN (SELECT model_id FROM models WHERE kind IN ('http', 'images_http'))"
    );
    let batches: Vec<_> = tables.query(&sql).await?.try_collect().await?;
    let sums = batches
        .iter()
        .map(|batch| batch.column(0).as_primitive::<Float64Type>());
    Ok(sums
        .filter(|sum| !sum.is_empty() && sum.is_valid(0))
        .map(|sum| sum.value(0))
        .next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelCard;
    use chrono::{DateTime, Utc};

    fn call(number: i64, model: &ModelCard, status: &str, tokens: Option<i64>, usd: Option<f64>) -> CallRow {
        CallRow {
            call_id: format!("{number:032x}"),
            run_id: "run".to_owned(),
            model_id: model.model_id.clone(),
            role: "target".to_owned(),
            subject: "pair".to_owned(),
            attempt: 0,
            status: status.to_owned(),
            error: None,
            tokens_in: tokens,
            tokens_out: tokens.map(|_| 10),
            latency_ms: 1.0,
            cost_usd: usd,
            started_at: DateTime::from_timestamp(number * 60, 0).unwrap(),
        }
    }

    #[tokio::test]
    async fn attempts_tokens_money_and_time_of_remote_models() {
        let tables = Tables::open("memory://").await.unwrap();
        assert_eq!(spent(&tables, "run", &[]).await.unwrap(), Spent::default());
        let remote = ModelCard::new("http", "m", "1", "", "", "").with_prices(Some(1.0), Some(10.0));
        let local = ModelCard::new("local", "l", "1", "", "", "");
        tables
            .append_rows(&[remote.row(Utc::now()), local.row(Utc::now())])
            .await
            .unwrap();
        let calls = [
            call(0, &remote, "ok", Some(90), Some(0.25)),
            call(1, &remote, "transient", None, None),
            call(2, &local, "ok", Some(5), None),
            call(60, &remote, "ok", Some(190), Some(0.5)),
        ];
        let known = spent(&tables, "run", &calls).await.unwrap();
        tables.append_rows(&calls).await.unwrap();
        let after = spent(&tables, "run", &calls[1..]).await.unwrap();
        assert_eq!(after, known, "what was received and what was committed of it");
        let towards_budget = Spend {
            requests: 3,
            tokens: 300,
            usd: 0.75,
        };
        let time = Duration::from_mins(2);
        assert_eq!(known, Spent { towards_budget, time });
        assert_eq!(cost_usd(&tables, "run").await.unwrap(), Some(0.75));

        let untold = call(61, &remote, "ok", None, None);
        tables.append_rows(&[untold]).await.unwrap();
        let unknown = spent(&tables, "run", &[]).await.unwrap();
        assert_eq!(cost_usd(&tables, "run").await.unwrap(), None, "unknown, not 0");
        assert_eq!(unknown.towards_budget.tokens, 300 + 3_300);
        assert!((unknown.towards_budget.usd - 0.756).abs() < 1e-9);
        assert_eq!(spent(&tables, "other", &[]).await.unwrap(), Spent::default());
    }
}
