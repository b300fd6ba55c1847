//! Who plays which part: the configuration's models, opened and wrapped.
//!
//! The same model in two parts may be two cards: a judge is asked without the answering template.

use crate::answer::Player;
use crate::budget::Budget;
use crate::config::{Config, ModelOptions, PainterOptions, ProberKind, ProberOptions};
use crate::diverge::{Scale, TRUTH, judge};
use crate::error::{Error, Result};
use crate::imagine::Painter;
use crate::imagine::http::HttpPainter;
use crate::imagine::lab::LabPainter;
use crate::imagine::local::{LocalPainter, LocalPainterOptions};
use crate::journal::{Journal, Journaled, JournaledPainter};
use crate::model::http::{HttpModel, client, lane};
use crate::model::local::{LocalModel, LocalOptions};
use crate::model::mock::Mock;
use crate::model::{Attempt, Halt, Lane, Model, ModelCard, Traffic, calls};
use crate::probe::caption::{Caption, Captioner};
use crate::probe::concept::Concept;
use crate::probe::dataset::Dataset;
use crate::probe::lab::Lab;
use crate::probe::prompted::Prompted;
use crate::probe::rewriting::Rewriting;
use crate::probe::synthesis::Synthesis;
use crate::probe::text_attack::TextAttack;
use crate::probe::visual_attack::VisualAttack;
use crate::probe::{Asker, Categories, CategoryOptions, Prober, Strategy, Writer};
use crate::progress::{Counter, ModelProgress, Progress};
use crate::row::{CallRow, ModelRow, Role};
use crate::vlm::Sampling;
use chrono::Utc;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The name of the painter in progress and summaries.
pub(crate) const PAINTER: &str = "";

/// Everybody who takes part in an audit.
pub struct Cast {
    /// The model that is audited.
    pub target: Player,
    /// The models that it is compared with.
    pub references: Vec<Player>,
    /// The models that decide where there is no truth.
    pub judges: Vec<Player>,
    /// Who writes the probes.
    pub askers: Vec<Asker>,
    /// Who draws.
    pub painter: Option<Arc<dyn Painter>>,
    /// What answers are compared by.
    pub scale: Scale,
    /// What probers' words for categories mean.
    pub categories: Arc<Categories>,
    /// The budget and the brake that all remote ones share.
    pub traffic: Traffic,
}

impl Cast {
    /// Opens every model of a checked configuration; checkpoints are loaded, servers are not called yet.
    /// What remote ones answer goes through the journal.
    ///
    /// # Errors
    /// [`crate::Error::Checkpoint`] or [`crate::Error::Model`] naming what cannot be opened.
    pub fn open(config: &Config, journal: Option<&Arc<Journal>>) -> Result<Self> {
        let traffic = Traffic {
            budget: Budget::new(config.budget()),
            halt: Halt::default(),
            breaker: config.breaker.clone(),
        };
        let semantic = config.divergence.semantic.as_ref();
        let semantic = semantic.map(|semantic| semantic.path.as_str());
        let own = config.categories.clone().unwrap_or_default();
        let categories = Arc::new(Categories::open(&own, semantic)?);
        let mut opener = Opener {
            config,
            categories: categories.clone(),
            client: client()?,
            journal,
            loaded: Vec::new(),
            lanes: BTreeMap::new(),
            traffic: traffic.clone(),
        };
        let answers = &config.answers;
        Ok(Self {
            target: opener.player(&config.target, answers, true)?,
            references: config
                .references
                .iter()
                .map(|name| opener.player(name, answers, true))
                .collect::<Result<_>>()?,
            judges: config
                .judges
                .iter()
                .map(|name| opener.player(name, &judge::sampling(), false))
                .collect::<Result<_>>()?,
            askers: config
                .probers
                .iter()
                .map(|prober| opener.asker(prober))
                .collect::<Result<_>>()?,
            painter: match &config.painter {
                None => None,
                Some(PainterOptions::Lab) => Some(Arc::new(LabPainter::default())),
                Some(PainterOptions::Http(options)) => {
                    let painter = HttpPainter::new(opener.client.clone(), (**options).clone(), &traffic)?;
                    Some(match journal {
                        Some(journal) => Arc::new(JournaledPainter::new(Arc::new(painter), journal.clone())),
                        None => Arc::new(painter),
                    })
                }
                Some(PainterOptions::Local(options)) => {
                    Some(Arc::new(local_painter(options, &config.probers)?))
                }
            },
            scale: Scale::open(&config.divergence)?,
            categories,
            traffic,
        })
    }

    /// Whether anybody runs in this process and answers best in batches.
    pub fn is_local(&self) -> bool {
        self.cards().any(|(_, _, card)| card.kind == "local")
    }

    /// Target and references, in order.
    pub fn players(&self) -> impl Iterator<Item = (Role, &Player)> {
        let references = self.references.iter().map(|player| (Role::Reference, player));
        std::iter::once((Role::Target, &self.target)).chain(references)
    }

    /// The references' ids as they stand in `divergences`.
    pub fn reference_set(&self) -> String {
        set(self
            .references
            .iter()
            .map(|player| player.model.card().model_id.as_str()))
    }

    /// The judges' ids as they stand in `divergences` that are scored without ground truth.
    pub fn judges_alone(&self) -> String {
        set(self
            .judges
            .iter()
            .map(|player| player.model.card().model_id.as_str()))
    }

    /// The judges' ids as they stand in `divergences`, ground truth first.
    pub fn judge_set(&self) -> String {
        let judges = self.judges_alone();
        if judges.is_empty() {
            TRUTH.to_owned()
        } else {
            format!("{TRUTH},{judges}")
        }
    }

    /// Everybody's rows of the table `models`.
    pub fn rows(&self) -> Vec<ModelRow> {
        let now = Utc::now();
        let mut rows: Vec<ModelRow> = self.cards().map(|(_, _, card)| card.row(now)).collect();
        rows.sort_by(|a, b| a.model_id.cmp(&b.model_id));
        rows.dedup_by(|a, b| a.model_id == b.model_id);
        rows
    }

    /// Counters for everybody.
    pub fn progress(&self) -> Progress {
        let models = self.cards().map(|(role, name, _)| ModelProgress {
            role,
            name: name.to_owned(),
            done: Counter::default(),
            failed: Counter::default(),
            asked: Counter::default(),
        });
        Progress {
            models: models.collect(),
            ..Progress::default()
        }
    }

    /// Everybody's part, name and card.
    pub fn cards(&self) -> impl Iterator<Item = (Role, &str, &ModelCard)> {
        let askers = self
            .askers
            .iter()
            .map(|asker| (Role::Prober, asker.name.as_str(), asker.prober.card()));
        let painter = self
            .painter
            .iter()
            .map(|painter| (Role::Painter, PAINTER, painter.card()));
        let players = self
            .players()
            .map(|(role, player)| (role, player.name.as_str(), player.model.card()));
        let judges = self
            .judges
            .iter()
            .map(|player| (Role::Judge, player.name.as_str(), player.model.card()));
        askers.chain(painter).chain(players).chain(judges)
    }

    /// What a call came to, as rows of a part that the model plays; none where it plays none.
    pub fn calls(&self, run_id: &str, model_id: &str, subject: &str, attempts: &[Attempt]) -> Vec<CallRow> {
        let part = self.cards().find(|(_, _, card)| card.model_id == model_id);
        part.map_or_else(Vec::new, |(role, _, card)| {
            calls(run_id, card, role, subject, attempts).collect()
        })
    }
}

/// A painter in this process that can draw all that the probers may ask for.
fn local_painter(options: &LocalPainterOptions, probers: &[ProberOptions]) -> Result<LocalPainter> {
    let painter = LocalPainter::open(options)?;
    let edits = probers
        .iter()
        .flat_map(|prober| &prober.strategies)
        .any(|strategy| *strategy == Strategy::Edit);
    if edits && !painter.edits() {
        return Err(Error::Model {
            model: painter.card().name.clone(),
            problem: "FLUX.1 paints from captions alone, and a prober has the strategy `edit`: name a FLUX.1-Kontext, which \
                      does both, or leave `edit` out"
                .to_owned(),
        });
    }
    Ok(painter)
}

fn set<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids.join(",")
}

/// Opens models, each checkpoint once.
struct Opener<'a> {
    config: &'a Config,
    categories: Arc<Categories>,
    client: reqwest::Client,
    journal: Option<&'a Arc<Journal>>,
    loaded: Vec<(LocalOptions, Arc<LocalModel>)>,
    /// One lane a name, however many parts it plays.
    lanes: BTreeMap<String, Arc<Lane>>,
    traffic: Traffic,
}

impl Opener<'_> {
    /// A model; with its answering template or, for judges and auditors, with the bare prompt.
    fn model(&mut self, name: &str, sampling: &Sampling, templated: bool) -> Result<Arc<dyn Model>> {
        match &self.config.models[name] {
            ModelOptions::Mock(options) => Ok(Arc::new(Mock::new(options))),
            ModelOptions::Http(options) => {
                let mut options = (**options).clone();
                if !templated {
                    "{prompt}".clone_into(&mut options.prompt_template);
                }
                let lane = self
                    .lanes
                    .entry(name.to_owned())
                    .or_insert_with(|| Arc::new(lane(name, &options, &self.traffic)));
                let model = HttpModel::new(self.client.clone(), options, sampling)?.in_lane(lane.clone());
                Ok(match self.journal {
                    Some(journal) => Arc::new(Journaled::new(model, journal.clone())),
                    None => model,
                })
            }
            ModelOptions::Local(options) => {
                let mut options = options.clone();
                if !templated {
                    options.prompt_template = None;
                }
                Ok(self.local(options, sampling)?)
            }
        }
    }

    fn local(&mut self, options: LocalOptions, sampling: &Sampling) -> Result<Arc<LocalModel>> {
        if let Some((_, model)) = self.loaded.iter().find(|(loaded, _)| *loaded == options) {
            return Ok(model.clone());
        }
        let model = Arc::new(LocalModel::open(&options, sampling)?);
        self.loaded.push((options, model.clone()));
        Ok(model)
    }

    fn player(&mut self, name: &str, sampling: &Sampling, templated: bool) -> Result<Player> {
        Ok(Player {
            model: self.model(name, sampling, templated)?,
            name: name.to_owned(),
            sampling: sampling.clone(),
            halt: self.traffic.halt.clone(),
        })
    }

    fn asker(&mut self, options: &ProberOptions) -> Result<Asker> {
        let (prompt, sampling) = (options.prompt.clone(), &options.sampling);
        let model = match options.writer() {
            Some(name) => Some(self.model(name, sampling, false)?),
            None => None,
        };
        let writer = model.clone().map(|model| Writer::new(model, sampling.clone()));
        let captioner = || Captioner::new(writer.clone(), options.prompt.clone());
        let prober: Arc<dyn Prober> = match options.kind {
            ProberKind::Dataset => Arc::new(Dataset::new()),
            ProberKind::Lab => Arc::new(Lab::new()),
            ProberKind::Prompted => {
                let model = model.ok_or_else(|| Error::Model {
                    model: options.model.clone(),
                    problem: "a prompted prober needs the name of a model that writes".to_owned(),
                })?;
                let prompted = Prompted::new(model, sampling.clone(), prompt, options.foci());
                let own = self.config.categories.iter();
                Arc::new(prompted.naming(own.flat_map(CategoryOptions::names)))
            }
            ProberKind::VisualAttack => {
                let (target, answers) = (&self.config.target, &self.config.answers);
                let ModelOptions::Local(local) = &self.config.models[options.attacked(target)] else {
                    return Err(Error::Model {
                        model: options.attacked(target).to_owned(),
                        problem: "it has no gradients: a visual attack needs a local model".to_owned(),
                    });
                };
                let model = self.local(local.clone(), answers)?;
                let attack = options.attack.unwrap_or_default();
                Arc::new(VisualAttack::new(model, answers.clone(), attack))
            }
            ProberKind::TextAttack => Arc::new(TextAttack::default()),
            ProberKind::Caption => Arc::new(Caption::new(captioner())),
            ProberKind::Rewriting => Arc::new(Rewriting::new(writer, prompt)),
            ProberKind::Synthesis => Arc::new(Synthesis::new(captioner())),
            ProberKind::Concept => Arc::new(Concept::default()),
        };
        Ok(Asker {
            name: options.writer().unwrap_or(options.kind.name()).to_owned(),
            prober,
            strategies: options.makes(),
            probes: options.probes,
            round: options.round,
            categories: self.categories.clone(),
        })
    }
}
