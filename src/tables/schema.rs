//! The tables' schemas, from `schemas/*.sql`.
//!
//! The DDL is the one place where columns are named, typed and described; it is plain enough to run in
//! DuckDB as it stands. Here it becomes Arrow: `TIMESTAMPTZ` is microseconds in UTC, a list's element is
//! called `element` as Delta Lake calls it.

use crate::error::{Error, Result};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use datafusion::sql::sqlparser::ast::{self, ArrayElemTypeDef, ColumnOption, Statement};
use datafusion::sql::sqlparser::{dialect::DuckDbDialect, parser::Parser};
use std::sync::{Arc, LazyLock};

macro_rules! tables {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, [$($key:literal),+];)+) => {
        /// A table of an audit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum TableName {
            $($(#[$doc])* $variant,)+
        }

        impl TableName {
            /// All of them, in the order of a record's path.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// The name in SQL and in the tables' folder.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The columns that tell its rows apart.
            #[must_use]
            pub const fn key(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($key),+],)+ }
            }

            /// The statement that describes it, with a comment on every column.
            #[must_use]
            pub const fn ddl(self) -> &'static str {
                match self { $(Self::$variant => include_str!(concat!("../../schemas/", $name, ".sql")),)+ }
            }
        }
    };
}

tables! {
    /// Whatever asks, draws, answers or judges.
    Models = "models", ["model_id"];
    /// Invocations of an audit.
    Runs = "runs", ["run_id"];
    /// Which probes a run covered.
    RunProbes = "run_probes", ["run_id", "probe_id"];
    /// Numbers of training steps.
    Steps = "steps", ["run_id", "step", "phase", "metric"];
    /// Images, found or made.
    Images = "images", ["image_id"];
    /// Encoded images that are kept.
    ImageBytes = "image_bytes", ["image_id"];
    /// Question-image pairs and where they come from.
    Probes = "probes", ["probe_id"];
    /// Tokens of probers' outputs.
    Rollouts = "rollouts", ["probe_id"];
    /// What models said to pairs.
    Answers = "answers", ["pair_id", "model_id", "sample"];
    /// Attempts to call models.
    Calls = "calls", ["call_id"];
    /// Judges' words on answers.
    Verdicts = "verdicts", ["probe_id", "model_id", "judge_id"];
    /// How a target and its references differ.
    Divergences = "divergences", ["probe_id", "target_id", "reference_set", "judge_set", "measure"];
    /// Rows chosen for training or testing.
    Selections = "selections", ["selection_id", "id"];
}

impl TableName {
    /// The Arrow schema of its rows.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<[SchemaRef; TableName::ALL.len()]> = LazyLock::new(|| {
            TableName::ALL.map(|table| {
                Arc::new(parse(table.ddl()).expect("schemas/*.sql is part of the crate and tested"))
            })
        });
        SCHEMAS[self as usize].clone()
    }
}

/// The Arrow schema of one `CREATE TABLE`.
fn parse(ddl: &str) -> Result<Schema> {
    let refused = |problem: String| Error::Sql {
        problem,
        sql: ddl.to_owned(),
    };
    let statements = Parser::parse_sql(&DuckDbDialect {}, ddl).map_err(|error| refused(error.to_string()))?;
    let [Statement::CreateTable(table)] = statements.as_slice() else {
        return Err(refused("one CREATE TABLE was expected".to_owned()));
    };
    let fields = table.columns.iter().map(|column| {
        let nullable = !column
            .options
            .iter()
            .any(|def| matches!(def.option, ColumnOption::NotNull));
        let data_type = arrow_type(&column.data_type)
            .ok_or_else(|| refused(format!("`{}` has a type that tables cannot hold", column.name)))?;
        Ok(Field::new(&column.name.value, data_type, nullable))
    });
    Ok(Schema::new(fields.collect::<Result<Vec<_>>>()?))
}

fn arrow_type(sql: &ast::DataType) -> Option<DataType> {
    Some(match sql {
        ast::DataType::Text => DataType::Utf8,
        ast::DataType::Integer(None) => DataType::Int32,
        ast::DataType::BigInt(None) => DataType::Int64,
        ast::DataType::Real => DataType::Float32,
        ast::DataType::Double(_) => DataType::Float64,
        ast::DataType::Boolean => DataType::Boolean,
        ast::DataType::Blob(None) => DataType::Binary,
        ast::DataType::Timestamp(None, ast::TimezoneInfo::Tz) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        ast::DataType::Array(ArrayElemTypeDef::SquareBracket(element, None)) => {
            DataType::List(Arc::new(Field::new("element", arrow_type(element)?, true)))
        }
        ast::DataType::Struct(fields, _) => DataType::Struct(
            fields
                .iter()
                .map(|field| {
                    let name = &field.field_name.as_ref()?.value;
                    Some(Field::new(name, arrow_type(&field.field_type)?, true))
                })
                .collect::<Option<Fields>>()?,
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_and_column_is_described() {
        for table in TableName::ALL {
            let schema = table.schema();
            let mut lines = table.ddl().lines();
            let header = lines.next().unwrap();
            assert!(
                header.starts_with("-- ") && header.contains("Key: "),
                "{}",
                table.name()
            );
            assert_eq!(
                lines.next(),
                Some(format!("CREATE TABLE {} (", table.name()).as_str())
            );
            for (field, line) in schema.fields().iter().zip(&mut lines) {
                let (column, comment) = line.split_once("-- ").expect(line);
                assert!(column.trim().starts_with(&format!("{} ", field.name())), "{line}");
                assert!(comment.len() > 3, "{line}");
            }
            assert_eq!(lines.next(), Some(");"), "{}", table.name());
            for key in table.key() {
                assert!(
                    !schema.field_with_name(key).unwrap().is_nullable(),
                    "{}.{key}",
                    table.name()
                );
                assert!(header.contains(key), "{header} names {key}");
            }
        }
    }

    #[test]
    fn sql_types_become_arrow_types() {
        let schema = parse("CREATE TABLE t (a TEXT NOT NULL, b REAL[], c TIMESTAMPTZ)").unwrap();
        assert_eq!(schema.field(0), &Field::new("a", DataType::Utf8, false));
        let element = Arc::new(Field::new("element", DataType::Float32, true));
        assert_eq!(schema.field(1), &Field::new("b", DataType::List(element), true));
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        assert_eq!(schema.field(2), &Field::new("c", utc, true));
        assert!(parse("CREATE TABLE t (a UINTEGER)").is_err());
        assert!(parse("SELECT 1").is_err());
    }
}
