//! Models that take a benchmark: those of a configuration by name, or a checkpoint's folder.

use super::Question;
use super::prompt::Family;
use super::suite::Suite;
use crate::budget::{Budget, BudgetOptions};
use crate::config::ModelOptions;
use crate::error::{Error, Result};
use crate::hub::Id;
use crate::journal::{self, Journal, Journaled};
use crate::model::http::{HttpModel, client, lane};
use crate::model::local::{LocalModel, LocalOptions};
use crate::model::mock::Mock;
use crate::model::{Model, Sampling, Traffic};
use crate::tables::Tables;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What a checkpoint's own template adds to questions with a short answer.
const ANSWER: &str = "answer en ";

/// A model that takes the benchmark.
pub struct Candidate {
    /// Its name in tables.
    pub name: String,
    /// The model, with its limits around it.
    pub model: Arc<dyn Model>,
    /// How it is asked.
    pub family: Family,
    /// How it draws its answers.
    pub sampling: Sampling,
    /// What its own template puts before a prompt.
    prefix: &'static str,
}

/// A model, and how its kind is asked.
type Opened = (Arc<dyn Model>, Family);

/// The part of a configuration that names models, and what they may cost.
#[derive(Default)]
pub struct Models {
    /// The file, for messages.
    path: String,
    options: Vec<(String, ModelOptions)>,
    /// Where its tables are.
    pub tables: Option<String>,
    /// Where the journal is to lie, if not where it usually does.
    journal_folder: Option<String>,
    journal: Option<Arc<Journal>>,
    /// How they draw their answers: as in an audit by the same configuration, so that they are the same models.
    sampling: Sampling,
    /// The budget and the brake that all remote ones share.
    pub traffic: Traffic,
    /// Each model is opened once, whatever the number of benchmarks.
    opened: Mutex<HashMap<String, Opened>>,
}

impl Models {
    /// Reads `[models.*]`, `tables`, `journal`, `[answers]` and `[budget]` of a configuration; the rest of it is not looked at. Without
    /// a budget there is no limit: a benchmark says itself how much is asked.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Config`] naming what is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::File {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let wrong = |problem: String| Error::Config {
            path: path.display().to_string(),
            problems: vec![problem],
        };
        let mut file: toml::Table = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let local = |address: String| {
            if address.contains("://") {
                address
            } else {
                folder.join(address).display().to_string()
            }
        };
        let mut named = Vec::new();
        if let Some(toml::Value::Table(sections)) = file.remove("models") {
            for (name, section) in sections {
                let mut options = ModelOptions::deserialize(section)
                    .map_err(|error| wrong(format!("[models.{name}]: {error}")))?;
                if let ModelOptions::Local(options) = &mut options {
                    options.path = local(std::mem::take(&mut options.path));
                }
                named.push((name, options));
            }
        }
        let budget = match file.remove("budget") {
            None => BudgetOptions::default(),
            Some(section) => {
                BudgetOptions::deserialize(section).map_err(|error| wrong(format!("[budget]: {error}")))?
            }
        };
        if let Some(problem) = budget.validate().into_iter().next() {
            return Err(wrong(format!("[budget]: {problem}")));
        }
        let sampling = match file.remove("answers") {
            None => Sampling::default(),
            Some(section) => {
                Sampling::deserialize(section).map_err(|error| wrong(format!("[answers]: {error}")))?
            }
        };
        let mut address = |name| {
            file.remove(name)
                .and_then(|value| value.as_str().map(str::to_owned))
                .map(local)
        };
        Ok(Self {
            path: path.display().to_string(),
            options: named,
            tables: address("tables"),
            journal_folder: address("journal"),
            sampling,
            traffic: Traffic {
                budget: Budget::new(budget),
                ..Traffic::default()
            },
            ..Self::default()
        })
    }

    /// Has what remote models answer written down until it is in those tables.
    ///
    /// # Errors
    /// [`Error::File`] when what an earlier process left cannot be read.
    pub fn keep_journal(&mut self, tables: &Tables) -> Result<Option<Arc<Journal>>> {
        let folder = journal::folder(self.journal_folder.as_deref(), tables.url())?;
        self.journal = folder
            .map(|folder| Journal::open(&folder).map(Arc::new))
            .transpose()?;
        Ok(self.journal.clone())
    }

    /// Opens a model by its name here, or a checkpoint by its folder. Loading takes a while and blocks.
    ///
    /// # Errors
    /// Which names there are, or why the model cannot be opened or asked this benchmark.
    pub fn open(&self, name: &str, suite: &Suite, family: Option<Family>) -> Result<Candidate> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let (model, usual) = match opened.get(name) {
            Some(known) => known.clone(),
            None => opened.entry(name.to_owned()).or_insert(self.model(name)?).clone(),
        };
        drop(opened);
        let problem = |problem: String| Error::Model {
            model: name.to_owned(),
            problem,
        };
        let family = family.unwrap_or(usual);
        let template = &model.card().prompt_template;
        let local = model.card().kind == "local";
        let prompt = (suite.prompt)(&Question::default(), family);
        if local && template.starts_with(ANSWER) && !prompt.starts_with(ANSWER) {
            return Err(problem(format!(
                "{} is asked without a prefix or with another one, but this checkpoint's prompt template is \
                 `{template}`; give its config.json the section \"auditdm\": {{\"prompt_template\": \"{{question}}\"}}",
                suite.title
            )));
        }
        let name = Path::new(name)
            .file_name()
            .map_or_else(|| name.to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Candidate {
            name,
            model,
            family,
            sampling: self.sampling.clone(),
            prefix: if local { ANSWER } else { "" },
        })
    }

    fn model(&self, name: &str) -> Result<Opened> {
        let sampling = self.sampling.clone();
        let options = self
            .options
            .iter()
            .find(|(each, _)| each == name)
            .map(|(_, options)| options.clone());
        let folder = || Path::new(name).join("config.json").exists() || Id::parse(name).is_some();
        let options = options.or_else(|| {
            let local = LocalOptions {
                path: name.to_owned(),
                ..LocalOptions::default()
            };
            folder().then_some(ModelOptions::Local(local))
        });
        let problem = |problem: String| Error::Model {
            model: name.to_owned(),
            problem,
        };
        Ok(match options {
            None => {
                let names: Vec<&str> = self.options.iter().map(|(name, _)| name.as_str()).collect();
                return Err(problem(match self.path.as_str() {
                    "" => "no checkpoint is in that folder; name a folder with config.json, a model of the hub, or a model of --config FILE".to_owned(),
                    path => format!("it is neither a folder with config.json nor a model of {path}, which has: {}", names.join(", ")),
                }));
            }
            Some(ModelOptions::Mock(options)) => (Arc::new(Mock::new(&options)), Family::Chat),
            Some(ModelOptions::Http(options)) => {
                let mut options = *options;
                // The benchmark says how to answer; a template for audits would say it twice.
                "{prompt}".clone_into(&mut options.prompt_template);
                let lane = Arc::new(lane(name, &options, &self.traffic));
                let model = HttpModel::new(client()?, options, &sampling)?.in_lane(lane);
                let model = match &self.journal {
                    Some(journal) => Arc::new(Journaled::new(model, journal.clone())),
                    None => model,
                };
                (model, Family::Chat)
            }
            Some(ModelOptions::Local(options)) => (
                Arc::new(LocalModel::open(&options, &sampling)?),
                Family::PaliGemma,
            ),
        })
    }
}

impl Candidate {
    /// The prompt of a question, as far as the model's own template does not add it.
    #[must_use]
    pub fn prompt(&self, suite: &Suite, question: &Question) -> String {
        let prompt = (suite.prompt)(question, self.family);
        prompt
            .strip_prefix(self.prefix)
            .map_or_else(|| prompt.clone(), str::to_owned)
    }
}
