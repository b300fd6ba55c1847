//! The section `[source]` of a configuration.

use super::Age;
use crate::error::Error;
use crate::image::Depth;
use serde::{Deserialize, Serialize};

/// Where images come from, and which of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceOptions {
    /// A folder, a glob or a file: a local path, `file://`, `s3://`, `gs://` or `az://`; or
    /// `lab://?scenes=500&seed=0&difficulty=1&split=held_out`. `*`, `?`, `**` and `{jpg,png}` match as in a
    /// shell; `{name}` matches within a path segment and becomes a column: `s3://photos/{country}/*.jpg`.
    /// A `.parquet` file has its images inside; a `.jsonl` or `.json` file names them, relative to itself.
    pub url: String,
    /// A `.jsonl` or `.json` file of questions about images that lie under `url`.
    pub questions: Option<String>,
    /// Answers in a file of their own, as VQAv2 has them, joined by `question_id`.
    pub annotations: Option<String>,
    /// How VQAv2's `image_id` becomes a file name: `COCO_val2014_{image_id:012}.jpg`.
    pub image_name: Option<String>,
    /// The column with the image (binary, `struct<bytes, path>`, or a path in JSON); found by common names.
    pub image_column: Option<String>,
    /// The column with the question.
    pub question_column: Option<String>,
    /// The column with the answer or the list of accepted answers.
    pub answer_column: Option<String>,
    /// The column with the options of multiple-choice questions.
    pub choices_column: Option<String>,
    /// The column with the source's own category.
    pub category_column: Option<String>,
    /// The licence of all its images; without it a column or placeholder named `licence` or `license`.
    pub licence: Option<String>,
    /// Only files that changed within this time: `7d`, `12h`.
    pub modified_within: Option<Age>,
    /// A random draw of this many images; for Parquet, of rows.
    pub sample: Option<usize>,
    /// What the draw derives from: the same seed draws the same images, in whatever order they are listed.
    pub seed: u64,
    /// A column or placeholder whose values the sample has in equal numbers, as far as there are enough.
    pub balance_by: Option<String>,
    /// At most this many images, the first by name.
    pub limit: Option<usize>,
    /// Images with more bytes are not read.
    pub max_bytes: usize,
    /// How far images are looked into: `full` (every pixel) or `header` (much quicker; no perceptual hash, and
    /// damage in the middle of a file shows only when a model refuses it).
    pub decode: Depth,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            url: "lab://".to_owned(),
            questions: None,
            annotations: None,
            image_name: None,
            image_column: None,
            question_column: None,
            answer_column: None,
            choices_column: None,
            category_column: None,
            licence: None,
            modified_within: None,
            sample: None,
            seed: 0,
            balance_by: None,
            limit: None,
            max_bytes: 64 << 20,
            decode: Depth::Full,
        }
    }
}

/// How a source is read; its address decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// The procedural world.
    Lab,
    /// Image files below a folder, matching a glob, or in a bucket.
    Folder,
    /// Parquet files with an image column.
    Parquet,
    /// JSON files that name images, with questions.
    Json,
}

impl SourceOptions {
    /// What kind of source the address names.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        let url = self.url.to_lowercase();
        if url.starts_with("lab:") {
            SourceKind::Lab
        } else if self.questions.is_some()
            || [".json", ".jsonl", ".ndjson"]
                .iter()
                .any(|end| url.ends_with(end))
        {
            SourceKind::Json
        } else if url.ends_with(".parquet") {
            SourceKind::Parquet
        } else {
            SourceKind::Folder
        }
    }

    /// Everything that is wrong without looking at the source, each with its remedy.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |wrong: bool, problem: &str| {
            if wrong {
                problems.push(problem.to_owned());
            }
        };
        check(
            self.url.trim().is_empty(),
            "`url` is empty; name a folder, a file, a bucket or `lab://`",
        );
        check(
            self.sample == Some(0),
            "`sample` is 0; leave it out to take every image",
        );
        check(
            self.limit == Some(0),
            "`limit` is 0; leave it out to take every image",
        );
        check(self.max_bytes == 0, "`max_bytes` is 0; no image could be read");
        check(
            self.balance_by.is_some() && self.sample.is_none(),
            "`balance_by` needs `sample`: how many images are to be drawn",
        );
        let json = self.kind() == SourceKind::Json;
        check(
            self.annotations.is_some() && !json,
            "`annotations` needs a JSON file of questions, in `questions` or `url`",
        );
        check(
            self.image_name.is_some() && !json,
            "`image_name` needs a JSON file of questions, in `questions` or `url`",
        );
        problems
    }

    /// An error about this source.
    pub(super) fn error(&self, problem: String) -> Error {
        Error::ImageSource {
            url: super::place::without_credentials(&self.url),
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_their_kind() {
        let kind = |url: &str| {
            SourceOptions {
                url: url.to_owned(),
                ..SourceOptions::default()
            }
            .kind()
        };
        assert_eq!(kind("lab://?scenes=3"), SourceKind::Lab);
        assert_eq!(kind("s3://photos/{country}/*.jpg"), SourceKind::Folder);
        assert_eq!(kind("data/train-*.parquet"), SourceKind::Parquet);
        assert_eq!(kind("vqa.JSONL"), SourceKind::Json);
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let options: SourceOptions = toml::from_str(
            "url = 'photos'\nsample = 0\nmodified_within = '2w'\nannotations = 'a.json'\nmax_bytes = 0",
        )
        .unwrap();
        assert_eq!(options.validate().len(), 3);
        assert_eq!(SourceOptions::default().validate(), Vec::<String>::new());
        assert!(toml::from_str::<SourceOptions>("urls = 'photos'").is_err());
        let again: SourceOptions = toml::from_str(&toml::to_string(&options).unwrap()).unwrap();
        assert_eq!(again, options);
    }
}
