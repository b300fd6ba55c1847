//! Queries that have a name: those of this crate (`queries/*.sql`) and a user's own beside the configuration.
//!
//! A query is one SQL file. Its comment lines at the top say what it answers; lines of the form
//! `-- param name = default: meaning` declare the parameters, used as `$name` in the text. A default's type
//! (whole number, number, true or false, text) is the parameter's type; values are bound, never spliced.

use crate::error::{Error, Result};
use datafusion::common::ScalarValue;
use datafusion::prelude::{DataFrame, SessionContext};
use std::collections::BTreeMap;
use std::path::Path;

const EMBEDDED: [(&str, &str); 13] = [
    ("accuracy", include_str!("../../queries/accuracy.sql")),
    ("agreement", include_str!("../../queries/agreement.sql")),
    ("cost", include_str!("../../queries/cost.sql")),
    ("divergence", include_str!("../../queries/divergence.sql")),
    ("errors", include_str!("../../queries/errors.sql")),
    ("failures", include_str!("../../queries/failures.sql")),
    ("flips", include_str!("../../queries/flips.sql")),
    ("runs", include_str!("../../queries/runs.sql")),
    ("search_success", include_str!("../../queries/search_success.sql")),
    (
        "select_rectification",
        include_str!("../../queries/select_rectification.sql"),
    ),
    ("select_rl", include_str!("../../queries/select_rl.sql")),
    ("training", include_str!("../../queries/training.sql")),
    ("weaknesses", include_str!("../../queries/weaknesses.sql")),
];

/// A query, read from its file.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedQuery {
    /// The file's name without `.sql`.
    pub name: String,
    /// What it answers.
    pub description: String,
    /// What can be asked differently.
    pub parameters: Vec<Parameter>,
    /// The whole file.
    pub sql: String,
}

/// A placeholder of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Without the `$`.
    pub name: String,
    /// Taken when the user gives none; its type is the parameter's type.
    pub default: ScalarValue,
    /// For the list of queries.
    pub meaning: String,
}

/// All queries by name.
#[derive(Debug, Clone)]
pub struct Queries(BTreeMap<String, NamedQuery>);

impl Queries {
    /// The crate's queries, and those of a folder, which may replace them. A folder that does not exist is empty.
    pub fn load(folder: Option<&Path>) -> Result<Self> {
        let mut queries = BTreeMap::new();
        for (name, sql) in EMBEDDED {
            queries.insert(name.to_owned(), NamedQuery::parse(name, sql)?);
        }
        for (name, sql) in folder.map(sql_files).transpose()?.unwrap_or_default() {
            queries.insert(name.clone(), NamedQuery::parse(&name, &sql)?);
        }
        Ok(Self(queries))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &NamedQuery> {
        self.0.values()
    }

    /// The one with that name, or an error that names those nearest to it.
    pub fn find(&self, name: &str) -> Result<&NamedQuery> {
        self.0.get(name).ok_or_else(|| Error::Sql {
            problem: match super::near(name, self.0.keys().map(String::as_str)).as_slice() {
                [] => format!(
                    "no query has this name; there are: {}",
                    self.0.keys().cloned().collect::<Vec<_>>().join(", ")
                ),
                near => format!("no query has this name; did you mean {}?", near.join(", ")),
            },
            sql: name.to_owned(),
        })
    }
}

impl NamedQuery {
    /// Reads a query's header.
    pub fn parse(name: &str, sql: &str) -> Result<Self> {
        let mut description = Vec::new();
        let mut parameters = Vec::new();
        for line in sql
            .lines()
            .map_while(|line| line.strip_prefix("--"))
            .map(str::trim)
        {
            match line.strip_prefix("param ") {
                None => description.push(line),
                Some(declared) => parameters.push(Parameter::parse(declared).ok_or_else(|| Error::Sql {
                    problem: format!(
                        "query `{name}`: a parameter is declared as `-- param name = default: meaning`"
                    ),
                    sql: line.to_owned(),
                })?),
            }
        }
        Ok(Self {
            name: name.to_owned(),
            description: description.join(" ").trim().to_owned(),
            parameters,
            sql: sql.to_owned(),
        })
    }

    /// Values for all parameters, from the texts that the user gave.
    pub fn bind(&self, given: &[(String, String)]) -> Result<Vec<(&str, ScalarValue)>> {
        let refused = |problem: String| Error::Sql {
            problem,
            sql: self.name.clone(),
        };
        if let Some((name, _)) = given
            .iter()
            .find(|(name, _)| self.parameters.iter().all(|each| each.name != *name))
        {
            let known: Vec<_> = self.parameters.iter().map(|each| each.name.as_str()).collect();
            return Err(refused(match known.as_slice() {
                [] => format!("no parameter `{name}`: this query has none"),
                known => format!("no parameter `{name}`; there are: {}", known.join(", ")),
            }));
        }
        let mut values = Vec::new();
        for Parameter { name, default, .. } in &self.parameters {
            let text = given
                .iter()
                .rev()
                .find(|(each, _)| each == name)
                .map(|(_, text)| text);
            let value = match text {
                None => default.clone(),
                Some(text) => {
                    ScalarValue::try_from_string(text.clone(), &default.data_type()).map_err(|_| {
                        refused(format!(
                            "parameter `{name}` is a {}, like {default}; `{text}` is not",
                            default.data_type()
                        ))
                    })?
                }
            };
            values.push((name.as_str(), value));
        }
        Ok(values)
    }

    /// Plans the query with the user's parameters. A `run` that matches no run is an error, not an empty result.
    pub async fn plan(&self, context: &SessionContext, given: &[(String, String)]) -> Result<DataFrame> {
        let values = self.bind(given)?;
        if let Some((_, run)) = values.iter().find(|(name, _)| *name == "run") {
            check_run(context, run).await?;
        }
        super::query(context, &self.sql, &values).await
    }
}

/// Whether a run can be asked for by this name.
pub(crate) async fn check_run(context: &SessionContext, run: &ScalarValue) -> Result<()> {
    let wanted = run.to_string();
    let found = super::query(
        context,
        "SELECT name FROM run_names WHERE name = $run LIMIT 1",
        &[("run", run.clone())],
    )
    .await?;
    if found.count().await? > 0 {
        return Ok(());
    }
    let labels = super::query(
        context,
        "SELECT DISTINCT label FROM runs ORDER BY label LIMIT 20",
        &[],
    );
    let labels: Vec<String> = labels
        .await?
        .collect()
        .await?
        .iter()
        .flat_map(|batch| {
            let column = batch.column(0);
            (0..batch.num_rows()).filter_map(|row| ScalarValue::try_from_array(column, row).ok())
        })
        .map(|label| label.to_string())
        .collect();
    Err(Error::Sql {
        problem: match labels.as_slice() {
            [] => "there is no run yet; `auditdm audit` makes one".to_owned(),
            labels => format!("no run `{wanted}`; there are: {}, latest, all", labels.join(", ")),
        },
        sql: format!("run = {wanted}"),
    })
}

impl Parameter {
    /// `name = default: meaning`
    fn parse(declared: &str) -> Option<Self> {
        let (name, rest) = declared.split_once('=')?;
        let (default, meaning) = rest.split_once(':')?;
        let (name, default) = (name.trim(), default.trim());
        let plain = |text: &str| {
            text.chars()
                .all(|each| each.is_ascii_alphanumeric() || each == '_')
        };
        (!name.is_empty() && plain(name)).then(|| Self {
            name: name.to_owned(),
            default: typed(default),
            meaning: meaning.trim().to_owned(),
        })
    }
}

/// The narrowest type that a default has.
fn typed(default: &str) -> ScalarValue {
    let whole = default.parse().map(|value| ScalarValue::Int64(Some(value)));
    let real = || default.parse().map(|value| ScalarValue::Float64(Some(value)));
    let logical = || default.parse().map(|value| ScalarValue::Boolean(Some(value)));
    whole
        .or_else(|_| real())
        .or_else(|_| logical())
        .unwrap_or_else(|_| ScalarValue::from(default))
}

/// Name and text of every `.sql` file of a folder, by name; none if there is no such folder.
pub(crate) fn sql_files(folder: &Path) -> Result<Vec<(String, String)>> {
    let failed = |path: &Path, source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder, error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        if let (Some("sql"), Some(name)) = (
            path.extension().and_then(|each| each.to_str()),
            path.file_stem().and_then(|each| each.to_str()),
        ) {
            let sql = std::fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            files.push((name.to_owned(), sql));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "-- Counts things.\n-- Twice.\n-- param limit = 5: at most\n-- param share = 0.5: of all\n\
                         -- param run = latest: which\nSELECT 1 -- param late = 1: no";

    fn given(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn a_header_declares_description_and_typed_parameters() {
        let query = NamedQuery::parse("count", QUERY).unwrap();
        assert_eq!(query.description, "Counts things. Twice.");
        let defaults: Vec<_> = query.parameters.iter().map(|each| each.default.clone()).collect();
        assert_eq!(
            defaults,
            [
                ScalarValue::Int64(Some(5)),
                ScalarValue::Float64(Some(0.5)),
                ScalarValue::from("latest")
            ]
        );
        assert!(NamedQuery::parse("bad", "-- param limit: 5\nSELECT 1").is_err());
    }

    #[test]
    fn values_are_typed_and_unknown_parameters_refused() {
        let query = NamedQuery::parse("count", QUERY).unwrap();
        let given_limit = given("limit", "7");
        let values = query.bind(&given_limit).unwrap();
        assert_eq!(values[0], ("limit", ScalarValue::Int64(Some(7))));
        assert_eq!(values[2], ("run", ScalarValue::from("latest")));
        let wrong = query
            .bind(&given("limit", "1; DROP TABLE runs"))
            .unwrap_err()
            .to_string();
        assert!(wrong.contains("`limit` is a Int64"), "{wrong}");
        let unknown = query.bind(&given("lmit", "7")).unwrap_err().to_string();
        assert!(unknown.contains("limit, share, run"), "{unknown}");
    }

    #[test]
    fn every_file_of_the_crate_is_embedded_and_described() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
        let files: Vec<_> = sql_files(&folder)
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let queries = Queries::load(None).unwrap();
        assert_eq!(
            queries.iter().map(|query| query.name.clone()).collect::<Vec<_>>(),
            files
        );
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        for query in queries.iter() {
            assert!(
                readme.contains(&format!("\n## {}\n", query.name)),
                "{}",
                query.name
            );
            assert!(query.description.len() > 20, "{}", query.name);
            for parameter in &query.parameters {
                assert!(
                    query.sql.contains(&format!("${}", parameter.name)),
                    "{}",
                    query.name
                );
            }
        }
    }

    #[test]
    fn an_unknown_name_suggests_near_ones_and_a_user_file_replaces() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("runs.sql"), "-- mine\nSELECT 1").unwrap();
        let queries = Queries::load(Some(folder.path())).unwrap();
        assert_eq!(queries.find("runs").unwrap().description, "mine");
        let error = queries.find("acuracy").unwrap_err().to_string();
        assert!(error.contains("did you mean accuracy?"), "{error}");
        assert!(Queries::load(Some(Path::new("no/such/folder"))).is_ok());
    }
}
