//! The tables, views and functions for DuckDB, under the same names.
//!
//! In: tables. Out: a script that needs no extension of DuckDB for local tables: it names the files of the tables' present
//! version, so it is printed anew after an audit.

use super::{RESULTS, RUN_NAMES};
use crate::error::Result;
use crate::tables::{TableName, Tables};
use std::fmt::Write;

const MACROS: &str = include_str!("duckdb/macros.sql");

/// The statements.
pub async fn script(tables: &Tables) -> Result<String> {
    let mut script = format!(
        "-- {} as it is now; print this anew after an audit.\n",
        tables.url().replace('\n', " ")
    );
    for table in TableName::ALL {
        let (files, unique) = tables.addresses(table).await?;
        let name = table.name();
        if files.is_empty() {
            script += &table.ddl().replacen("CREATE TABLE", "CREATE OR REPLACE TABLE", 1);
            continue;
        }
        let files: Vec<String> = files
            .iter()
            .map(|file| format!("    '{}'", file.replace('\'', "''")))
            .collect();
        let _ = write!(
            script,
            "CREATE OR REPLACE VIEW {name} AS FROM read_parquet([\n{}\n], union_by_name = true)",
            files.join(",\n")
        );
        // Of rows with one key the first counts, of a run's the last.
        if !unique {
            let key = table.key().join(", ");
            let written = table
                .schema()
                .fields()
                .last()
                .map(|field| field.name().clone())
                .unwrap_or_default();
            let order = if table == TableName::Runs {
                format!("{written} DESC")
            } else {
                written
            };
            let _ = write!(
                script,
                "\nQUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {order}) = 1"
            );
        }
        script += ";\n";
    }
    script += MACROS;
    script += "CREATE SCHEMA IF NOT EXISTS single;\nCREATE OR REPLACE VIEW single.divergences AS FROM main.divergences";
    if !tables.scored_once().await? {
        script += "\nQUALIFY row_number() OVER (
    PARTITION BY probe_id, target_id ORDER BY computed_at DESC, reference_set, judge_set, measure
) = 1";
    }
    script += ";\nCREATE OR REPLACE VIEW single.answers AS FROM main.answers WHERE sample = 0;\n";
    for name in ["images", "models"] {
        let _ = writeln!(
            script,
            "CREATE OR REPLACE VIEW single.{name} AS FROM main.{name};"
        );
    }
    for (name, sql) in [("results", RESULTS), ("run_names", RUN_NAMES)] {
        let sql = sql.replace("make_array(", "list_value(");
        let _ = write!(script, "CREATE OR REPLACE VIEW {name} AS\n{};\n", sql.trim_end());
    }
    Ok(script)
}
