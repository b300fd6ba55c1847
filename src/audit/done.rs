//! What the tables held when the run began, and the probes that this cast has not been compared on yet.
//!
//! Held in memory as columns; bytes of drawn images are read when a batch needs them.

use super::Cast;
use crate::answer::{Answers, Verdicts, verdict_key};
use crate::diverge::{TRUTH, Truth};
use crate::error::Result;
use crate::imagine;
use crate::lab::scene::Scene;
use crate::model::EncodedImage;
use crate::plan::{self, Ids, Known, KnownImage, KnownImages, Probes};
use crate::probe::{Ask, Pair, SOURCE, Strategy, Subject};
use crate::row::{AnswerRow, ImageBytesRow, ImageRow, ProbeRow, VerdictRow};
use crate::tables::Tables;
use futures::TryStreamExt;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// What is done already.
pub struct Done {
    tables: Tables,
    images: KnownImages,
    models: Ids,
    probes: Probes,
    answers: Vec<Answered>,
    verdicts: Known<VerdictRow>,
    judges: Vec<String>,
    diverged: Ids,
    covered: Ids,
}

/// What is to do about a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Nothing: it is scored, or it never became a pair.
    pub is_done: bool,
    /// Whether target and references, in order, are still to answer; none where it is no pair.
    pub answers: Vec<bool>,
}

/// What one model answered.
struct Answered {
    model_id: String,
    pairs: Ids,
    /// The answers that the open probes need.
    open: Known<AnswerRow>,
    /// All, from when a new probe turns out to be a pair that was answered before.
    all: OnceCell<Known<AnswerRow>>,
}

impl Done {
    /// As if the tables held nothing: what is asked is asked anew.
    pub(crate) fn nothing(tables: &Tables) -> Self {
        Self {
            tables: tables.clone(),
            images: KnownImages::default(),
            models: Ids::default(),
            probes: Probes::default(),
            answers: Vec::new(),
            verdicts: Known::default(),
            judges: Vec::new(),
            diverged: Ids::default(),
            covered: Ids::default(),
        }
    }

    /// Looks up what concerns this cast, measure and run.
    ///
    /// # Errors
    /// [`crate::Error::Table`] when a table cannot be read.
    pub async fn load(tables: &Tables, cast: &Cast, measure: &str, run_id: &str) -> Result<Self> {
        let probers: Vec<&str> = cast
            .askers
            .iter()
            .map(|asker| asker.prober.card().model_id.as_str())
            .collect();
        let mut judges: Vec<String> = cast
            .judges
            .iter()
            .map(|player| player.model.card().model_id.clone())
            .collect();
        judges.push(TRUTH.to_owned());
        let target = &cast.target.model.card().model_id;
        let (references, judge_set) = (cast.reference_set(), cast.judge_set());
        let diverged = plan::diverged(tables, target, &references, &judge_set, measure).await?;
        let probes = plan::known_probes(tables, &probers, &diverged).await?;
        let mut answers = Vec::new();
        for (_, player) in cast.players() {
            let model_id = player.model.card().model_id.clone();
            answers.push(Answered {
                pairs: plan::answered(tables, &model_id).await?,
                open: plan::answers(tables, &model_id, &probes.pairs).await?,
                all: OnceCell::new(),
                model_id,
            });
        }
        let judge_ids: Vec<&str> = judges.iter().map(String::as_str).collect();
        Ok(Self {
            images: plan::known_images(tables).await?,
            models: plan::known_models(tables).await?,
            verdicts: plan::judged(tables, &judge_ids, &probes.open).await?,
            probes,
            answers,
            judges,
            diverged,
            covered: plan::covered(tables, run_id).await?,
            tables: tables.clone(),
        })
    }

    /// Whether the table `models` has that row.
    pub fn knows_model(&self, model_id: &str) -> bool {
        self.models.contains(model_id)
    }

    /// Whether the table `images` has that row.
    pub fn knows_image(&self, image_id: &str) -> bool {
        self.images.contains(image_id)
    }

    /// What was found at an address before, if its content is still the same.
    pub fn find(&self, uri: &str, etag: Option<&str>) -> Option<KnownImage> {
        self.images.find(uri, etag)
    }

    /// Whether the table `probes` has that row.
    pub fn knows_probe(&self, probe_id: &str) -> bool {
        self.probes.ids.contains(probe_id)
    }

    /// Whether nothing is left to do about a probe.
    pub fn is_finished(&self, probe_id: &str) -> bool {
        self.knows_probe(probe_id) && self.covers(probe_id) && !self.probes.open.contains(probe_id)
    }

    /// Whether the run is known to cover the probe.
    pub fn covers(&self, probe_id: &str) -> bool {
        self.covered.contains(probe_id)
    }

    /// Whether the tables hold probes of these probers.
    pub fn has_probes(&self) -> bool {
        !self.probes.ids.is_empty()
    }

    /// Whether the tables hold an answer of the model.
    pub fn has_answered(&self, model_id: &str) -> bool {
        let mut models = self.answers.iter();
        models.any(|model| model.model_id == model_id && !model.pairs.is_empty())
    }

    /// What is to do about a known probe; none where the probe is to be written.
    ///
    /// # Errors
    /// [`crate::Error::Arrow`] when a row is not what it should be.
    pub fn open(&self, probe_id: &str) -> Result<Option<Open>> {
        if !self.knows_probe(probe_id) {
            return Ok(None);
        }
        let row = self.probes.rows.get(&[probe_id])?;
        let answers = match row.as_ref().and_then(|row| row.pair_id.as_deref()) {
            Some(pair_id) => {
                let is_open = |model: &Answered| !model.pairs.contains(pair_id);
                self.answers.iter().map(is_open).collect()
            }
            None if self.diverged.contains(probe_id) => vec![false; self.answers.len()],
            None => Vec::new(),
        };
        let is_done = row.is_none();
        Ok(Some(Open { is_done, answers }))
    }

    /// The known ones of the asks about a subject that are pairs without a divergence, ready to be
    /// answered.
    ///
    /// # Errors
    /// [`crate::Error::Table`] when drawn images cannot be read.
    pub async fn pending(&self, subject: &Subject, asks: &[Ask]) -> Result<Vec<Pair>> {
        self.pairs(subject, asks, &self.probes.rows).await
    }

    /// The pairs about these subjects that the tables hold, done or not, and one model's answers to them.
    ///
    /// # Errors
    /// [`crate::Error::Table`] when a table cannot be read.
    pub async fn stored(
        &self,
        asked: &[(Subject, Vec<Ask>)],
        model_id: &str,
    ) -> Result<(Vec<Pair>, Answers)> {
        let mut wanted = Ids::default();
        for ask in asked.iter().flat_map(|(_, asks)| asks) {
            wanted.insert(&ask.probe_id);
        }
        let rows = plan::probes(&self.tables, &wanted).await?;
        let mut pairs = Vec::new();
        for (subject, asks) in asked {
            pairs.extend(self.pairs(subject, asks, &rows).await?);
        }
        let answers = plan::answers(&self.tables, model_id, &rows.ids("pair_id")).await?;
        let mut found = Answers::new();
        for pair_id in pairs.iter().filter_map(|pair| pair.row.pair_id.clone()) {
            let row = answers.get(&[&pair_id])?;
            found.extend(row.map(|row| ((pair_id, model_id.to_owned()), row)));
        }
        Ok((pairs, found))
    }

    async fn pairs(&self, subject: &Subject, asks: &[Ask], rows: &Known<ProbeRow>) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for ask in asks {
            let row = rows.get(&[&ask.probe_id])?;
            if let Some(row) = row.filter(|row| row.pair_id.is_some()) {
                let same_content = matches!(
                    ask.strategy,
                    Strategy::Dataset | Strategy::Question | Strategy::Perturbation
                );
                let told = subject.scene.is_none() || row.category_source.as_deref() == Some(SOURCE);
                let known = same_content && told && !row.truth.is_empty();
                let truth = if known {
                    Truth::Answers(row.truth.clone())
                } else {
                    Truth::Unknown
                };
                pairs.push(Pair {
                    row,
                    subject: subject.clone(),
                    image: None,
                    truth,
                    perturbed: None,
                });
            }
        }
        let drawn = self.drawn(&pairs).await?;
        pairs.retain_mut(|pair| {
            let image_id = pair.row.image_ids[0].clone();
            let found = if image_id == *subject.image.image_id {
                Some((subject.image.clone(), subject.scene.clone()))
            } else {
                drawn.get(&image_id).cloned()
            };
            if let Some((image, scene)) = &found {
                imagine::finish(pair, image.clone(), scene.as_deref());
            } else {
                let probe_id = &pair.row.probe_id;
                tracing::warn!(image_id, probe_id, "a drawn image is not in image_bytes");
            }
            found.is_some()
        });
        Ok(pairs)
    }

    async fn drawn(&self, pairs: &[Pair]) -> Result<HashMap<String, (EncodedImage, Option<Arc<Scene>>)>> {
        let original = |pair: &&Pair| pair.row.image_ids[0] == *pair.subject.image.image_id;
        let ids: Vec<String> = pairs
            .iter()
            .filter(|pair| !original(pair))
            .map(|pair| format!("'{}'", pair.row.image_ids[0]))
            .collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let wanted = ids.join(", ");
        let bytes = format!("SELECT * FROM image_bytes WHERE image_id IN ({wanted})");
        let rows = format!("SELECT * FROM images WHERE image_id IN ({wanted})");
        let bytes: Vec<ImageBytesRow> = self.tables.rows(&bytes).await?.try_collect().await?;
        let rows: Vec<ImageRow> = self.tables.rows(&rows).await?.try_collect().await?;
        let scenes: HashMap<String, Option<Arc<Scene>>> = rows
            .into_iter()
            .map(|row| {
                (
                    row.image_id,
                    row.scene
                        .and_then(|scene| serde_json::from_str(&scene).ok())
                        .map(Arc::new),
                )
            })
            .collect();
        Ok(bytes
            .into_iter()
            .map(|row| {
                let scene = scenes.get(&row.image_id).cloned().flatten();
                let image = EncodedImage::new(row.image_id.as_str(), row.bytes);
                (row.image_id, (image, scene))
            })
            .collect())
    }

    /// The answers of the cast to these pairs.
    ///
    /// # Errors
    /// [`crate::Error::Table`] when old answers cannot be read.
    pub async fn answers(&self, pairs: &[Pair]) -> Result<Answers> {
        let mut found = Answers::new();
        for pair_id in pairs.iter().filter_map(|pair| pair.row.pair_id.as_deref()) {
            for model in self.answers.iter().filter(|model| model.pairs.contains(pair_id)) {
                let mut row = model.open.get(&[pair_id])?;
                if row.is_none() {
                    let all = || plan::answers(&self.tables, &model.model_id, &model.pairs);
                    row = model.all.get_or_try_init(all).await?.get(&[pair_id])?;
                }
                found.extend(row.map(|row| ((pair_id.to_owned(), model.model_id.clone()), row)));
            }
        }
        Ok(found)
    }

    /// The verdicts on the cast's answers to these pairs.
    ///
    /// # Errors
    /// [`crate::Error::Arrow`] when a row is not what it should be.
    pub fn verdicts(&self, pairs: &[Pair]) -> Result<Verdicts> {
        let mut found = Verdicts::new();
        for pair in pairs {
            for Answered { model_id, .. } in &self.answers {
                for judge_id in &self.judges {
                    let key: [&str; 3] = [&pair.row.probe_id, model_id, judge_id];
                    if let Some(row) = self.verdicts.get(&key)? {
                        found.insert(verdict_key(&row), row);
                    }
                }
            }
        }
        Ok(found)
    }
}
