//! Records on their way into files.

mod lines;
pub(super) mod table;

use super::output::Output;
use super::shape::Shape;
use super::{Format, Options, Ready, llama_factory, lmms_eval, vlmeval, webdataset};
use crate::error::Result;
use crate::sample::{Columns, Sample, Survey};
use async_trait::async_trait;
use std::collections::BTreeMap;

/// What trainers look for in texts to put a picture, a film or a sound there.
const PLACEHOLDERS: [&str; 3] = ["<image>", "<video>", "<audio>"];

/// Files that grow with every row.
#[async_trait]
pub(super) trait Files: Send {
    /// Takes a row.
    async fn write(&mut self, output: &Output, row: Ready) -> Result<()>;

    /// Ends all files, and gives the start of a hash over what is in them, where one was asked for.
    async fn close(self: Box<Self>, output: &Output) -> Result<String>;
}

/// The files of an export, and what was written to them.
pub(super) struct Writer {
    format: Format,
    name: String,
    single: bool,
    files: Box<dyn Files>,
    /// Rows of each split.
    splits: BTreeMap<String, usize>,
}

/// What a data card says about the files.
pub(super) struct Usage {
    /// YAML for readers that look for it.
    pub(super) front: String,
    /// How the files are loaded.
    pub(super) how: String,
    /// Rows of each split.
    pub(super) splits: BTreeMap<String, usize>,
}

pub(super) fn open(options: &Options, columns: &Columns, survey: Survey) -> Result<Writer> {
    let single = survey.most_images <= 1;
    let files: Box<dyn Files> = match Shape::of(options.format, columns, &survey) {
        Shape::Lines(record) => Box::new(lines::Lines::new(record, false)),
        Shape::Array(record) => Box::new(lines::Lines::new(record, true)),
        Shape::Parquet(parquet) => {
            let hashed = options.format == Format::LmmsEval; // its tasks are named by it
            Box::new(table::Table::new(parquet, options.shard_byte, hashed)?)
        }
        Shape::Tar => Box::new(webdataset::Tar::new(options.shard_byte)),
        Shape::Tsv => Box::new(vlmeval::Tables::new(&options.name, survey)),
    };
    Ok(Writer {
        format: options.format,
        name: options.name.clone(),
        single,
        files,
        splits: BTreeMap::new(),
    })
}

impl Writer {
    /// Why a sample cannot be a row of this format.
    pub(super) fn refuse(&self, sample: &Sample) -> Option<String> {
        let is_plain = matches!(
            self.format,
            Format::Hf | Format::Webdataset | Format::Vlmevalkit | Format::InspectAi | Format::LmmsEval
        );
        if self.format == Format::TrlDpo && sample.rejected().is_none() {
            return Some(
                "no answer that is known to be wrong (audit_target_answer, audit_target_correct)".to_owned(),
            );
        }
        let texts = [sample.question(), sample.completion.clone()];
        let is_in = |mark: &&&str| texts.iter().any(|text| text.contains(**mark));
        let mark = PLACEHOLDERS.iter().find(is_in).filter(|_| !is_plain)?;
        Some(format!(
            "the text has {mark} in it, which trainers replace by a picture"
        ))
    }

    pub(super) async fn write(&mut self, output: &Output, row: Ready) -> Result<()> {
        *self.splits.entry(row.sample.split().to_owned()).or_default() += 1;
        self.files.write(output, row).await
    }

    /// Ends all files and writes those that describe them.
    pub(super) async fn finish(self, output: &Output) -> Result<Usage> {
        let Self {
            format,
            name,
            single,
            files,
            splits,
        } = self;
        let hash = files.close(output).await?;
        let names = || splits.keys().map(String::as_str);
        match format {
            Format::LlamaFactory => {
                let info = format!("{:#}\n", llama_factory::info(&name, names()));
                output.put("dataset_info.json", info.into()).await?;
            }
            Format::LmmsEval => {
                for split in names() {
                    let task = lmms_eval::task(&name, split, single, &hash);
                    output.put(&format!("{name}_{split}.yaml"), task.into()).await?;
                }
            }
            _ => {}
        }
        let is_parquet = matches!(
            format,
            Format::Hf | Format::TrlSft | Format::TrlGrpo | Format::TrlDpo | Format::Verl
        );
        let front = if is_parquet {
            let files =
                names().map(|split| format!("  - split: {split}\n    path: data/{split}-*.parquet\n"));
            format!(
                "configs:\n- config_name: default\n  data_files:\n{}",
                files.collect::<String>()
            )
        } else {
            String::new()
        };
        Ok(Usage {
            front,
            how: how(format, &name),
            splits,
        })
    }
}

/// A line of code or configuration that loads the files.
fn how(format: Format, name: &str) -> String {
    match format {
        Format::Hf | Format::TrlSft | Format::TrlGrpo | Format::TrlDpo => {
            "datasets.load_dataset(\"FOLDER\", split=\"train\")".to_owned()
        }
        Format::Verl => "data.train_files=FOLDER/data/train-00000.parquet data.image_key=images".to_owned(),
        Format::LlamaFactory => format!("dataset_dir: FOLDER\ndataset: {name}_train"),
        Format::Llava => "--data_path FOLDER/train.json --image_folder FOLDER".to_owned(),
        Format::Webdataset => {
            "webdataset.WebDataset(\"FOLDER/train-{000000..000000}.tar\").decode(\"pil\")".to_owned()
        }
        Format::Vlmevalkit => format!("LMUData=FOLDER python run.py --data {name}_MCQ --model MODEL"),
        Format::MsSwift => {
            "swift sft --dataset FOLDER/train.jsonl (in FOLDER: image paths are relative)".to_owned()
        }
        Format::InspectAi => "inspect_ai.dataset.json_dataset(\"FOLDER/train.jsonl\")".to_owned(),
        Format::LmmsEval => {
            "lmms_eval --include_path FOLDER --tasks TASK (in FOLDER; the task's name is in the .yaml)"
                .to_owned()
        }
    }
}
