//! What tells formats apart: how a sample becomes a record, and in which files records lie.

use super::{Format, hugging_face, inspect, llama_factory, llava, lmms_eval, swift, trl, verl};
use crate::sample::{Columns, Sample, Survey};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use bytes::Bytes;
use serde_json::Value;

/// An encoded image of a row.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub(super) id: String,
    pub(super) bytes: Bytes,
    /// jpg, png or webp.
    pub(super) extension: &'static str,
}

impl Picture {
    pub(super) fn new(id: &str, bytes: Bytes, media_type: &str) -> Self {
        Self {
            id: id.to_owned(),
            bytes,
            extension: match media_type {
                "image/jpeg" => "jpg",
                "image/png" => "png",
                _ => "webp",
            },
        }
    }

    /// Where it lies beside records that name it: not too many files in a folder.
    pub(super) fn path(&self) -> String {
        format!(
            "images/{}/{}.{}",
            self.id.get(..2).unwrap_or("xx"),
            self.id,
            self.extension
        )
    }
}

/// A sample and the paths of its images as a record.
pub(super) type Record = fn(&Sample, &[String]) -> Value;

/// How records are kept.
pub(super) enum Shape {
    /// A JSON text a line, images as files.
    Lines(Record),
    /// One JSON array, images as files.
    Array(Record),
    /// Parquet with the images inside.
    Parquet(Parquet),
    /// Tar files.
    Tar,
    /// Tables for eyes and VLMEvalKit.
    Tsv,
}

/// Records in Parquet.
pub(super) struct Parquet {
    /// What the format has of its own, without the images.
    pub(super) record: Record,
    /// The columns of that.
    pub(super) fields: Vec<FieldRef>,
    /// Columns that come from the query as they are.
    pub(super) others: Vec<FieldRef>,
    /// Whether the images' column is `image`, one struct, or `images`, a list.
    pub(super) single: bool,
}

impl Shape {
    pub(super) fn of(format: Format, columns: &Columns, survey: &Survey) -> Self {
        let table = |record: Record, fields: Vec<FieldRef>, single| {
            Self::Parquet(Parquet {
                record,
                fields,
                others: columns.others.clone(),
                single,
            })
        };
        let single = survey.most_images <= 1;
        match format {
            Format::Hf => table(hugging_face::record, hugging_face::fields(), single),
            Format::TrlSft => table(trl::sft, trl::fields(&["prompt", "completion"], &[]), false),
            Format::TrlGrpo => table(trl::grpo, trl::fields(&["prompt"], &["solution"]), false),
            Format::TrlDpo => table(
                trl::dpo,
                trl::fields(&["prompt", "chosen", "rejected"], &[]),
                false,
            ),
            Format::Verl => Self::Parquet(Parquet {
                record: verl::record,
                fields: verl::fields(),
                others: Vec::new(),
                single: false,
            }),
            Format::LmmsEval => table(lmms_eval::record, lmms_eval::fields(), single),
            Format::LlamaFactory => Self::Lines(llama_factory::record),
            Format::MsSwift => Self::Lines(swift::record),
            Format::InspectAi => Self::Lines(inspect::record),
            Format::Llava => Self::Array(llava::record),
            Format::Webdataset => Self::Tar,
            Format::Vlmevalkit => Self::Tsv,
        }
    }
}

/// A nullable column of text.
pub(super) fn text(name: &str) -> FieldRef {
    Field::new(name, DataType::Utf8, true).into()
}

/// A nullable column of records.
pub(super) fn object(name: &str, fields: impl Into<Fields>) -> FieldRef {
    Field::new(name, DataType::Struct(fields.into()), true).into()
}

/// A list of {role, content}.
pub(super) fn messages(name: &str) -> FieldRef {
    let message = DataType::Struct(vec![text("role"), text("content")].into());
    Field::new(name, DataType::new_list(message, true), true).into()
}

/// The placeholders of a sample's images, each on a line of its own.
pub(super) fn placeholders(sample: &Sample) -> String {
    "<image>\n".repeat(sample.images.len())
}
