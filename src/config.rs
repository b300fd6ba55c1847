//! The one TOML file that says what an audit does. Defaults live in `Default`, checks in [`validate`];
//! all problems of a file are reported at once, each with its line and remedy.
//!
//! Relative paths are meant from the folder of the file. The resolved configuration is stored with the
//! run; secrets are named by environment variable and never stored.

mod claim;
mod prober;
mod problems;
mod rectification;
mod reward;
mod training;
mod validate;

pub use claim::Claim;
pub use prober::{ProberKind, ProberOptions};
pub use rectification::RectificationOptions;
pub use reward::{Repeats, RewardOptions};
pub use training::{Among, FocusChoice, LoraOptions, TrainingOptions};

use crate::budget::BudgetOptions;
use crate::diverge::Measure;
use crate::error::{Error, Result};
use crate::hub::Id;
use crate::imagine::http::ImagesOptions;
use crate::imagine::local::LocalPainterOptions;
use crate::model::BreakerOptions;
use crate::model::http::HttpOptions;
use crate::model::local::LocalOptions;
use crate::model::mock::MockOptions;
use crate::probe::CategoryOptions;
use crate::source::{Age, SourceOptions};
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
    /// What probers' words for categories mean beside the fifteen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<CategoryOptions>,
    /// For `auditdm serve reward`: how an auditor that learns elsewhere is rewarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward: Option<RewardOptions>,
    /// How much is under way at once.
    pub pace: Pace,
    /// What may be spent on remote models; a thousand requests where it is left out.
    pub budget: Option<BudgetOptions>,
    /// When a server is given up.
    pub breaker: BreakerOptions,
    /// How `auditdm train auditor` trains the prober; an audit does not read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingOptions>,
    /// How `auditdm rectify` trains the target; an audit does not read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rectification: Option<RectificationOptions>,
    /// Stored pairs that each HTTP model is asked again at the start of a run, to see whether it still
    /// answers the same; 0 asks none.
    pub drift_pairs: usize,
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
            categories: None,
            reward: None,
            pace: Pace::default(),
            budget: None,
            breaker: BreakerOptions::default(),
            training: None,
            rectification: None,
            drift_pairs: 32,
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

/// A painter, by kind: `painter = "lab"` or a section `[painter.http]` or `[painter.local]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PainterOptions {
    /// The lab's own, on scene graphs.
    Lab,
    /// A server with the OpenAI-compatible images API.
    Http(Box<ImagesOptions>),
    /// FLUX.1 or FLUX.1-Kontext, run in this process.
    Local(LocalPainterOptions),
}

/// How much is under way at once. None of it changes what the tables hold in the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// Source images that local models see together; remote ones get each image when it comes.
    pub batch_images: usize,
    /// How many times that many images are under way at once. While one model is slow, the others need enough
    /// of them: at least as many as all models' `max_in_flight` together.
    pub batches_in_flight: usize,
    /// The tables are committed to at least this often.
    pub commit_every_s: f64,
    /// A table's small files are merged when there are so many of them; 0 leaves them alone.
    pub compact_files: usize,
    /// Keep looking for new images, this often, until stopped.
    pub follow: Option<Age>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            batch_images: 16,
            batches_in_flight: 16,
            commit_every_s: 5.0,
            compact_files: 50,
            follow: None,
        }
    }
}

impl Pace {
    /// The same amount of work in flight, one image a batch while a source is followed: what arrives alone
    /// does not wait for company.
    pub(crate) fn as_followed(&self) -> Self {
        let mut pace = self.clone();
        if pace.follow.is_some() {
            pace.batches_in_flight = pace.batches_in_flight.saturating_mul(pace.batch_images);
            pace.batch_images = 1;
        }
        pace
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

    /// What may be spent, whether or not the file says so.
    #[must_use]
    pub fn budget(&self) -> BudgetOptions {
        self.budget.clone().unwrap_or_else(BudgetOptions::unsaid)
    }

    /// Makes relative paths start from the configuration's folder.
    fn resolved(mut self, folder: &Path) -> Self {
        let resolve = |path: &mut String| {
            if !path.is_empty() && !path.contains("://") && Path::new(path.as_str()).is_relative() {
                *path = folder.join(path.as_str()).display().to_string();
            }
        };
        // What is no folder may be the name of a model on the hub.
        let resolve_model = |name: &mut String| {
            if Id::parse(name).is_none() || folder.join(name.as_str()).exists() {
                resolve(name);
            }
        };
        [&mut self.tables, &mut self.source.url]
            .into_iter()
            .for_each(resolve);
        self.source.questions.iter_mut().for_each(resolve);
        self.journal.iter_mut().for_each(resolve);
        let training = self.training.iter_mut();
        training.map(|training| &mut training.output).for_each(resolve);
        if let Some(rectification) = &mut self.rectification {
            resolve(&mut rectification.output);
            let sources = rectification
                .labelled
                .iter_mut()
                .chain(&mut rectification.examined);
            sources.map(|source| &mut source.url).for_each(resolve);
        }
        self.source.annotations.iter_mut().for_each(resolve);
        let semantic = self.divergence.semantic.iter_mut();
        semantic
            .map(|semantic| &mut semantic.path)
            .for_each(resolve_model);
        if let Some(PainterOptions::Local(local)) = &mut self.painter {
            resolve_model(&mut local.path);
        }
        let categories = self.categories.iter_mut();
        categories
            .filter_map(|categories| categories.embedder.as_mut())
            .for_each(resolve_model);
        for model in self.models.values_mut() {
            if let ModelOptions::Local(local) = model {
                [&mut local.path]
                    .into_iter()
                    .chain(&mut local.adapter)
                    .for_each(resolve_model);
            }
        }
        self
    }
}
