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
    /// Everything but the images.
    pub(super) record: Record,
    /// The columns, without the images.
    pub(super) fields: Vec<FieldRef>,
    /// Whether the images' column is `image`, one struct, or `images`, a list.
    pub(super) single: bool,
}

impl Shape {
    pub(super) fn of(format: Format, columns: &Columns, survey: &Survey) -> Self {
        let others = &columns.others;
        let table = |record: Record, fields: Vec<FieldRef>, single| {
            Self::Parquet(Parquet {
                record,
                fields,
                single,
            })
        };
        let single = survey.most_images <= 1;
        match format {
            Format::Hf => table(hugging_face::record, hugging_face::fields(others), single),
            Format::TrlSft => table(
                trl::sft,
                trl::fields(others, &["prompt", "completion"], &[]),
                false,
            ),
            Format::TrlGrpo => table(trl::grpo, trl::fields(others, &["prompt"], &["solution"]), false),
            Format::TrlDpo => table(
                trl::dpo,
                trl::fields(others, &["prompt", "chosen", "rejected"], &[]),
                false,
            ),
            Format::Verl => table(verl::record, verl::fields(), false),
            Format::LmmsEval => table(lmms_eval::record, lmms_eval::fields(others), single),
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

/// The columns that all records in tables carry beside those of their format.
pub(super) fn others(sample: &Sample) -> serde_json::Map<String, Value> {
    let mut record = sample.audit.clone();
    record.insert("id".to_owned(), sample.id.clone().into());
    record.insert("choices".to_owned(), sample.choices.clone().into());
    record.insert("agreement".to_owned(), sample.agreement.into());
    for (name, value) in [
        ("label_source", &sample.label_source),
        ("category", &sample.category),
        ("root_image_id", &sample.root_image_id),
        ("split", &sample.split),
        ("licence", &sample.licence),
    ] {
        record.insert(name.to_owned(), value.clone().into());
    }
    record
}

/// The placeholders of a sample's images, each on a line of its own.
pub(super) fn placeholders(sample: &Sample) -> String {
    "<image>\n".repeat(sample.images.len())
}
