//! Curated rows: what selections choose from and exports write, whatever format they leave in.
//!
//! Columns: `id`, `images` (ids of the table `images`), `prompt` and `completion` are needed; `choices`, `label_source`,
//! `agreement`, `category`, `root_image_id`, `split` and `licence` may be there; everything else is prefixed `audit_`, so
//! that no trainer takes it for a column of its own.

mod decode;

use crate::error::{Error, Result};
use arrow::array::{Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;
use futures::stream::{self, Stream, StreamExt};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

const NEEDED: [&str; 4] = ["id", "images", "prompt", "completion"];
const KNOWN: [&str; 7] = [
    "choices",
    "label_source",
    "agreement",
    "category",
    "root_image_id",
    "split",
    "licence",
];

/// Options that a multiple-choice question can have: they are named by letters.
pub(crate) const MOST_CHOICES: usize = 26;

/// Rows that come to more than this are read again instead of being held.
const HELD_BYTE: usize = 256 << 20;

/// Completions of one category that wrong options are drawn from.
const MOST_COMPLETIONS: usize = 64;

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) id: String,
    pub(crate) images: Vec<String>,
    pub(crate) prompt: String,
    pub(crate) completion: String,
    pub(crate) choices: Vec<String>,
    pub(crate) label_source: Option<String>,
    pub(crate) agreement: Option<f64>,
    pub(crate) category: Option<String>,
    pub(crate) root_image_id: Option<String>,
    pub(crate) split: Option<String>,
    pub(crate) licence: Option<String>,
    /// The columns `audit_…`.
    pub(crate) audit: Map<String, Value>,
}

impl Sample {
    /// The split's name, `train` without one.
    pub(crate) fn split(&self) -> &str {
        self.split.as_deref().unwrap_or("train")
    }

    /// The question with its options, as a model is asked.
    pub(crate) fn question(&self) -> String {
        let options = self.choices.iter().enumerate();
        let options = options.map(|(at, choice)| format!("\n{}. {choice}", letter(at)));
        self.prompt.clone() + &options.collect::<String>()
    }

    /// What the target said instead, where it is known to be wrong.
    pub(crate) fn rejected(&self) -> Option<&str> {
        let wrong = self.audit.get("audit_target_correct") == Some(&Value::Bool(false));
        let said = self.audit.get("audit_target_answer").and_then(Value::as_str);
        said.filter(|said| wrong && !said.trim().is_empty())
    }

    /// What it has in a column that rows can be counted by.
    pub(crate) fn value(&self, column: &str) -> String {
        let value = match column {
            "category" => self.category.clone(),
            "label_source" => self.label_source.clone(),
            "licence" => self.licence.clone(),
            "root_image_id" => self.root_image_id.clone(),
            "split" => self.split.clone(),
            other => self
                .audit
                .get(other)
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        };
        value.unwrap_or_else(|| "(none)".to_owned())
    }

    /// Whether anything can be learned from it.
    pub(crate) fn complete(&self) -> Result<(), String> {
        let plain = |name: &str| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let problem = match self {
            _ if self.prompt.trim().is_empty() => "the prompt is empty",
            _ if self.completion.trim().is_empty() => "the completion is empty",
            _ if self.images.is_empty() => "there is no image",
            _ if self.choices.len() > MOST_CHOICES => "there are more than 26 choices",
            _ if self.split().is_empty() || self.split().len() > 64 || !plain(self.split()) => {
                "the split's name has other characters than letters, digits and _"
            }
            _ => return Ok(()),
        };
        Err(problem.to_owned())
    }
}

/// The name of an option.
pub(crate) fn letter(at: usize) -> char {
    char::from(b'A' + (at % MOST_CHOICES) as u8)
}

/// The columns of a query whose rows are samples.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    /// Those besides images, prompt and completion, as they go into tables.
    pub(crate) others: Vec<FieldRef>,
}

/// What is to be known of all rows before the first is written.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// All images.
    pub(crate) image_ids: HashSet<String>,
    /// Of one row.
    pub(crate) most_images: usize,
    /// Of one row.
    pub(crate) most_choices: usize,
    /// Some right answers of each category.
    pub(crate) completions: BTreeMap<String, Vec<String>>,
}

impl Columns {
    /// Checks a query's columns.
    pub(crate) fn of(frame: &DataFrame) -> Result<Self> {
        let schema = frame.schema().as_arrow();
        let refused = |problem: String| Error::Sql {
            problem,
            sql: "the curated rows".to_owned(),
        };
        for name in NEEDED {
            let field = schema.field_with_name(name).map_err(|_| {
                refused(format!(
                    "no column `{name}`; these rows need {}, may have {} and names all others audit_…",
                    NEEDED.join(", "),
                    KNOWN.join(", ")
                ))
            })?;
            let is_list = matches!(field.data_type(), DataType::List(_) | DataType::LargeList(_));
            if (name == "images") != is_list {
                let kind = if name == "images" {
                    "a list of image ids"
                } else {
                    "text"
                };
                return Err(refused(format!(
                    "`{name}` is a {}; it must be {kind}",
                    field.data_type()
                )));
            }
        }
        let mut others = Vec::new();
        for field in schema.fields() {
            let name = field.name().as_str();
            if !NEEDED.contains(&name) && !KNOWN.contains(&name) && !name.starts_with("audit_") {
                return Err(refused(format!(
                    "a trainer could take the column `{name}` for its own; call it audit_{name}"
                )));
            }
            if name == "id" || !NEEDED.contains(&name) {
                others.push(Field::new(name, owned(field.data_type()), true).into());
            }
        }
        Ok(Self { others })
    }

    /// The rows of a batch, and the columns of theirs that go into tables as they are.
    pub(crate) fn read(&self, batch: &RecordBatch) -> Result<(Vec<Sample>, RecordBatch)> {
        let column = |field: &FieldRef| Ok(cast(&batch[field.name()], field.data_type())?);
        let columns = self.others.iter().map(column).collect::<Result<_>>()?;
        let schema = Arc::new(Schema::new(self.others.clone()));
        Ok((decode::samples(batch)?, RecordBatch::try_new(schema, columns)?))
    }

    /// Whether rows can be counted by a column.
    pub(crate) fn need(&self, column: &str) -> Result<()> {
        let counted = ["category", "label_source", "licence", "root_image_id", "split"];
        let there = self.others.iter().any(|field| field.name() == column);
        if there && (counted.contains(&column) || column.starts_with("audit_")) {
            return Ok(());
        }
        Err(Error::Sql {
            problem: format!(
                "rows cannot be counted by `{column}`: name one of {} or a column audit_…",
                counted.join(", ")
            ),
            sql: "the curated rows".to_owned(),
        })
    }
}

impl Survey {
    /// Looks through the rows once, and holds them if they are not too many.
    pub(crate) async fn of(frame: DataFrame) -> Result<(Self, Rows)> {
        let mut survey = Self::default();
        let (mut held, mut byte) = (Some(Vec::new()), 0);
        let mut batches = frame.clone().execute_stream().await?;
        while let Some(batch) = batches.try_next().await? {
            byte += batch.get_array_memory_size();
            survey.look(&batch)?;
            held = held.filter(|_| byte < HELD_BYTE);
            if let Some(held) = &mut held {
                held.push(batch);
            }
        }
        Ok((survey, held.map_or(Rows::Again(Box::new(frame)), Rows::Held)))
    }

    fn look(&mut self, batch: &RecordBatch) -> Result<()> {
        for images in decode::texts(batch, "images")? {
            self.most_images = self.most_images.max(images.len());
            self.image_ids.extend(images);
        }
        for choices in decode::texts(batch, "choices")? {
            self.most_choices = self.most_choices.max(choices.len());
        }
        let (category, completion) = (
            decode::text(batch, "category")?,
            decode::text(batch, "completion")?,
        );
        for row in 0..batch.num_rows() {
            let at = |column: &Option<StringArray>| {
                let column = column.as_ref().filter(|column| column.is_valid(row));
                column
                    .map(|column| column.value(row).to_owned())
                    .unwrap_or_default()
            };
            let completion = at(&completion);
            let known = self.completions.entry(at(&category)).or_default();
            if known.len() < MOST_COMPLETIONS && completion.len() < 100 && !known.contains(&completion) {
                known.push(completion);
            }
        }
        Ok(())
    }
}

/// Rows that are to be read.
pub(crate) enum Rows {
    Held(Vec<RecordBatch>),
    Again(Box<DataFrame>),
}

impl Rows {
    async fn batches(self) -> Result<impl Stream<Item = Result<RecordBatch>> + use<>> {
        Ok(match self {
            Self::Held(batches) => stream::iter(batches.into_iter().map(Ok)).boxed(),
            Self::Again(frame) => frame.execute_stream().await?.map_err(Error::from).boxed(),
        })
    }

    /// The rows, in the query's order.
    pub(crate) async fn samples(self) -> Result<impl Stream<Item = Result<Sample>> + use<>> {
        Ok(self.batches().await?.flat_map(|batch| {
            let rows = batch.and_then(|batch| decode::samples(&batch));
            stream::iter(rows.map_or_else(
                |error| vec![Err(error)],
                |rows| rows.into_iter().map(Ok).collect(),
            ))
        }))
    }

    /// The rows in the query's order, at most so many together.
    pub(crate) async fn parts(self, rows: usize) -> Result<impl Stream<Item = Result<RecordBatch>> + use<>> {
        Ok(self.batches().await?.flat_map(move |batch| {
            let parts: Vec<Result<RecordBatch>> = match batch {
                Ok(batch) => (0..batch.num_rows())
                    .step_by(rows)
                    .map(|from| Ok(batch.slice(from, rows.min(batch.num_rows() - from))))
                    .collect(),
                Err(error) => vec![Err(error)],
            };
            stream::iter(parts)
        }))
    }
}

/// The type that readers of Parquet know: no views, no dictionaries.
fn owned(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Dictionary(_, value) => owned(value),
        DataType::List(item) | DataType::LargeList(item) => DataType::new_list(owned(item.data_type()), true),
        other => other.clone(),
    }
}

#[cfg(test)]
pub(crate) fn sample(id: &str) -> Sample {
    Sample {
        id: id.to_owned(),
        images: vec!["a".repeat(64)],
        prompt: "how many?".to_owned(),
        completion: "4".to_owned(),
        choices: Vec::new(),
        label_source: Some("truth".to_owned()),
        agreement: Some(1.0),
        category: Some("counting".to_owned()),
        root_image_id: Some("b".repeat(64)),
        split: None,
        licence: None,
        audit: Map::from_iter([
            ("audit_target_answer".to_owned(), Value::from("5")),
            ("audit_target_correct".to_owned(), Value::from(false)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::SessionContext;

    async fn frame(sql: &str) -> DataFrame {
        SessionContext::new().sql(sql).await.unwrap()
    }

    #[tokio::test]
    async fn columns_are_checked_and_rows_read() {
        let sql = "SELECT 'a' AS id, ['x', 'y'] AS images, 'q' AS prompt, NULL::TEXT AS completion, 0.5 AS agreement, true AS audit_ok";
        Columns::of(&frame(sql).await).unwrap();
        let (survey, rows) = Survey::of(frame(sql).await).await.unwrap();
        assert_eq!((survey.most_images, survey.image_ids.len()), (2, 2));
        let rows: Vec<_> = rows.samples().await.unwrap().collect().await;
        let row = rows[0].as_ref().unwrap();
        assert_eq!(
            (row.images.len(), row.completion.as_str(), row.agreement),
            (2, "", Some(0.5))
        );
        assert_eq!(row.audit["audit_ok"], Value::Bool(true));
        assert!(row.complete().unwrap_err().contains("completion is empty"));
        for (sql, said) in [
            ("SELECT 'a' AS id", "no column `images`"),
            (
                "SELECT 'a' AS id, 'x' AS images, 'q' AS prompt, 'c' AS completion",
                "a list of image ids",
            ),
            (
                "SELECT 'a' AS id, ['x'] AS images, 'q' AS prompt, 'c' AS completion, 1 AS score",
                "call it audit_score",
            ),
        ] {
            let error = Columns::of(&frame(sql).await).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn choices_are_lettered_and_names_of_splits_plain() {
        let mut row = sample("1");
        row.choices = vec!["red".to_owned(), "blue".to_owned()];
        assert_eq!(row.question(), "how many?\nA. red\nB. blue");
        assert_eq!(row.rejected(), Some("5"));
        row.split = Some("../x".to_owned());
        assert!(row.complete().is_err());
    }
}
