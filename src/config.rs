//! The one TOML file that says what an audit does. Defaults live in `Default`, checks in [`validate`];
//! all problems of a file are reported at once, each with its line and remedy.
//!
//! Relative paths are meant from the folder of the file. The resolved configuration is stored with the
//! run; secrets are named by environment variable and never stored.

mod claim;
mod problems;
mod validate;

pub use claim::Claim;

use crate::diverge::Measure;
use crate::error::{Error, Result};
use crate::imagine::http::ImagesOptions;
use crate::model::http::HttpOptions;
use crate::model::mock::MockOptions;
use crate::probe::Strategy;
use crate::source::SourceOptions;
use crate::vlm::Sampling;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that an audit needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Names the run; the same configuration under the same label is the same run, and goes on.
    pub label: String,
    /// Where the tables are: a folder, `s3://…`, `gs://…` or `az://…`.
    pub tables: String,
    /// The folder for received answers that are not committed yet; beside local tables, or in the user's
    /// state folder, unless named.
    pub journal: Option<String>,
    /// The images that this process works on, of all that the source has. Not part of a file.
    #[serde(skip)]
    pub claim: Claim,
    /// Seeds whatever is drawn at random.
    pub seed: u64,
    /// Whether image bytes are kept in the table `image_bytes`.
    pub copy_bytes: CopyBytes,
    /// Where images come from.
    pub source: SourceOptions,
    /// The models by name.
    pub models: BTreeMap<String, ModelOptions>,
    /// The name of the model that is audited.
    pub target: String,
    /// The names of the models that it is compared with.
    pub references: Vec<String>,
    /// The names of the models that decide where there is no ground truth.
    pub judges: Vec<String>,
    /// Who asks.
    pub probers: Vec<ProberOptions>,
    /// Who draws, for the strategies `edit` and `generation`.
    pub painter: Option<PainterOptions>,
    /// How target and references draw their answers: greedy unless told otherwise.
    pub answers: Sampling,
    /// How answers are compared.
    pub divergence: Measure,
    /// How much is under way at once.
    pub pace: Pace,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            label: "audit".to_owned(),
            tables: "auditdm-tables".to_owned(),
            journal: None,
            claim: Claim::default(),
            seed: 1,
            copy_bytes: CopyBytes::default(),
            source: SourceOptions::default(),
            models: BTreeMap::new(),
            target: String::new(),
            references: Vec::new(),
            judges: Vec::new(),
            probers: Vec::new(),
            painter: None,
            answers: Sampling::default(),
            divergence: Measure::default(),
            pace: Pace::default(),
        }
    }
}

/// Which images are copied into the tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyBytes {
    /// Those that painters made; originals are read again from where they are.
    #[default]
    Derived,
    /// All.
    All,
}

/// A model, by kind: the section is `[models.NAME.http]`, `[models.NAME.local]` or `[models.NAME.mock]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelOptions {
    /// A server with OpenAI-compatible chat completions: vLLM, SGLang, Ollama, llama.cpp, hosted APIs.
    Http(Box<HttpOptions>),
    /// A checkpoint folder, run in this process.
    Local(LocalOptions),
    /// A function of the request and a seed, for trying a configuration out without paying.
    Mock(MockOptions),
}

/// A checkpoint in the hub's layout.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocalOptions {
    /// The folder with `config.json`, weights, tokenizer and preprocessor.
    pub path: String,
}

/// Who writes the probes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProberKind {
    /// The source's own questions: conventional evaluation.
    #[default]
    Dataset,
    /// The lab's templates, edits and captions.
    Lab,
    /// A model that is asked for probes.
    Prompted,
}

/// A prober and how much it writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProberOptions {
    /// `dataset`, `lab` or `prompted`.
    pub kind: ProberKind,
    /// `prompted`: the name of the model that writes.
    pub model: String,
    /// `prompted`: how it draws its probes.
    pub sampling: Sampling,
    /// Which pairs are made: `question`, `edit`, `generation`.
    pub strategies: Vec<Strategy>,
    /// Probes of each image and strategy.
    pub probes: usize,
    /// Another number gives other probes of the same images.
    pub round: i32,
}

impl Default for ProberOptions {
    fn default() -> Self {
        Self {
            kind: ProberKind::Dataset,
            model: String::new(),
            sampling: Sampling {
                temperature: 1.0,
                max_tokens: 256,
                ..Sampling::default()
            },
            strategies: vec![Strategy::Question],
            probes: 4,
            round: 0,
        }
    }
}

/// A painter, by kind: `painter = "lab"` or the section `[painter.http]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PainterOptions {
    /// The lab's own, on scene graphs.
    Lab,
    /// A server with the OpenAI-compatible images API.
    Http(Box<ImagesOptions>),
}

/// How much is under way at once. None of it changes what the tables hold in the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// Source images that are worked on together.
    pub batch_images: usize,
    /// Batches under way at once.
    pub batches_in_flight: usize,
    /// The tables are committed to at least this often.
    pub commit_every_s: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            batch_images: 16,
            batches_in_flight: 4,
            commit_every_s: 5.0,
        }
    }
}

impl Config {
    /// Reads, resolves and checks a file.
    ///
    /// # Errors
    /// [`Error::Config`] with every problem found, [`Error::File`] when the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::File {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, &path.display().to_string(), folder)
    }

    /// Parses and checks the text of a file that lies in `folder`; `name` is for messages.
    ///
    /// # Errors
    /// [`Error::Config`] with every problem found.
    pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Self> {
        let (config, mut problems) = problems::parse::<Self>(text);
        problems.extend(validate::validate(&config, text));
        if !problems.is_empty() {
            problems.sort_unstable();
            return Err(Error::Config {
                path: name.to_owned(),
                problems: problems.into_iter().map(|problem| problem.to_string()).collect(),
            });
        }
        Ok(config.resolved(folder))
    }

    /// Makes relative paths start from the configuration's folder.
    fn resolved(mut self, folder: &Path) -> Self {
        let resolve = |path: &mut String| {
            if !path.is_empty() && !path.contains("://") && Path::new(path.as_str()).is_relative() {
                *path = folder.join(path.as_str()).display().to_string();
            }
        };
        [&mut self.tables, &mut self.source.url]
            .into_iter()
            .for_each(resolve);
        self.source.questions.iter_mut().for_each(resolve);
        self.journal.iter_mut().for_each(resolve);
        self.source.annotations.iter_mut().for_each(resolve);
        for model in self.models.values_mut() {
            if let ModelOptions::Local(local) = model {
                resolve(&mut local.path);
            }
        }
        self
    }
}
