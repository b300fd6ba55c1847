//! What is said when SQL fails: the problem in a reader's words, then what to do.

use crate::error::Error;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::prelude::SessionContext;

/// More of a statement than this many characters is left out of a message.
const LONGEST_SHOWN: usize = 400;

/// An engine's error about a statement, with the remedy.
pub(super) fn clear(context: &SessionContext, sql: &str, error: &DataFusionError) -> Error {
    let problem = match error.find_root() {
        DataFusionError::SQL(parser, _) => format!("cannot be parsed: {parser}"),
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let names: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
                match super::near(&field.name, names.iter().copied()).as_slice() {
                    [] => format!("no column `{}`; there are: {}", field.name, names.join(", ")),
                    near => format!("no column `{}`; did you mean {}?", field.name, near.join(", ")),
                }
            }
            other => other.to_string(),
        },
        DataFusionError::Plan(message) | DataFusionError::NotImplemented(message) => plan(context, message),
        DataFusionError::ResourcesExhausted(message) => format!(
            "the query needs more memory than it may have; ask for fewer columns or rows, or raise the limit ({message})"
        ),
        other => other.strip_backtrace(),
    };
    Error::Sql {
        problem,
        sql: shorten(sql),
    }
}

fn plan(context: &SessionContext, message: &str) -> String {
    let missing = message
        .strip_prefix("table '")
        .and_then(|rest| rest.strip_suffix("' not found"));
    if let Some(missing) = missing {
        let missing = missing.strip_prefix("auditdm.public.").unwrap_or(missing);
        return format!(
            "no table `{missing}`; there are: {} (files are out of reach here)",
            tables(context).join(", ")
        );
    }
    if message.contains("only supports a single SQL statement") {
        return "one statement at a time, please; run the others on their own".to_owned();
    }
    if message.contains("Recursive CTEs are not enabled") {
        return "recursive queries are not accepted; use generate_series to count".to_owned();
    }
    if message.ends_with("not supported") || message.contains("not supported: ") {
        return format!(
            "only reading is allowed ({message}); to keep a result, choose another output format"
        );
    }
    message.to_owned()
}

/// The names of all tables and views.
fn tables(context: &SessionContext) -> Vec<String> {
    let schema = context
        .catalog("auditdm")
        .and_then(|catalog| catalog.schema("public"));
    let mut names = schema.map_or_else(Vec::new, |schema| schema.table_names());
    names.sort_unstable();
    names
}

/// A statement as far as a message shows it.
pub(super) fn shorten(sql: &str) -> String {
    let sql = sql.trim();
    match sql.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{} …", &sql[..end]),
        None => sql.to_owned(),
    }
}
