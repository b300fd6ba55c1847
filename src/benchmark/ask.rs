//! Questions put to models: what is in the tables is not asked again, and what is answered goes there.
//!
//! A pair is an image (or several) and the prompt as it is sent, keyed by content as in an audit: two benchmarks with
//! the same question about the same image ask once. A refusal is an answer; what failed for now is asked by a later run.

use super::candidate::Candidate;
use super::suite::Suite;
use super::{Question, Set};
use crate::answer::{answer_row, seed};
use crate::error::{Error, Result};
use crate::image::{decode, perceptual_hash};
use crate::model::{CallError, EncodedImage, ModelCard, Request, calls};
use crate::plan::{self, Ids, Known, KnownImages};
use crate::row::{AnswerRow, ImageRow, ProbeRow, Role, Rows, content_id, id};
use crate::tables::Tables;
use chrono::Utc;
use futures::future::join_all;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A text, or why there is none.
pub type Answer = Result<String, String>;

/// What this run has written.
#[derive(Default)]
struct Written {
    /// Images and probes by id.
    ids: HashSet<String>,
    /// Answers by (pair, model).
    answers: HashMap<(String, String), AnswerRow>,
}

/// What was said to one question: by each candidate in order, an answer, a reason why there is none, or nothing yet.
pub struct Asked {
    /// The question, without its pictures and with its image's size.
    pub question: Question,
    /// The original of the first image, else its id.
    pub image: String,
    /// By candidate; none where a failure postponed it.
    pub answers: Vec<Option<Answer>>,
    /// By candidate, where there is an image: the question as it was put to it.
    pub probes: Vec<Option<String>>,
}

/// Asks the candidates, and remembers what is known.
pub struct Asker {
    suite: &'static Suite,
    /// What the answers' calls are counted to.
    pub run_id: String,
    prober: ModelCard,
    candidates: Vec<Candidate>,
    answered: Vec<Known<AnswerRow>>,
    images: KnownImages,
    probes: Ids,
    written: Mutex<Written>,
}

impl Asker {
    /// Looks up what is done already.
    ///
    /// # Errors
    /// [`Error::Table`] when a table cannot be read.
    pub async fn open(set: &Set, candidates: Vec<Candidate>, tables: &Tables) -> Result<Self> {
        let prober = ModelCard::new("benchmark", &set.name, "1", "", "", "");
        let mut answered = Vec::new();
        for candidate in &candidates {
            let model_id = &candidate.model.card().model_id;
            let pairs = plan::answered(tables, model_id).await?;
            answered.push(plan::answers(tables, model_id, &pairs).await?);
        }
        let models = plan::known_models(tables).await?;
        let asker = Self {
            run_id: run_id(set, &candidates),
            images: plan::known_images(tables).await?,
            probes: plan::known_probes(tables, &[&prober.model_id], &Ids::default())
                .await?
                .ids,
            written: Mutex::default(),
            suite: set.suite,
            prober,
            candidates,
            answered,
        };
        tables.append_rows(&asker.models(&models)).await?;
        Ok(asker)
    }

    fn models(&self, known: &Ids) -> Vec<crate::row::ModelRow> {
        let cards = self.candidates.iter().map(|candidate| candidate.model.card());
        let mut rows: Vec<_> = cards
            .chain([&self.prober])
            .map(|card| card.row(Utc::now()))
            .collect();
        rows.sort_by(|a, b| a.model_id.cmp(&b.model_id));
        rows.dedup_by(|a, b| a.model_id == b.model_id);
        rows.retain(|row| !known.contains(&row.model_id));
        rows
    }

    /// The candidates, in order.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Whether a probe was in the tables before.
    #[must_use]
    pub fn knew(&self, probe_id: &str) -> bool {
        self.probes.contains(probe_id)
    }

    /// How many answers were asked for here: the others were in the tables.
    #[must_use]
    pub fn paid(&self) -> usize {
        self.written().answers.len()
    }

    /// Asks everybody some questions; the rows are to be committed, also after an error.
    ///
    /// # Errors
    /// [`Error::Model`] when a model says that nothing sent to it can succeed.
    pub async fn ask(&self, questions: Vec<Question>, rows: &mut Rows) -> Result<Vec<Asked>> {
        let seen = join_all(questions.iter().map(look)).await;
        let mut shown: Vec<Result<Vec<EncodedImage>, String>> = Vec::with_capacity(seen.len());
        let mut asked = Vec::with_capacity(questions.len());
        for (mut question, seen) in questions.into_iter().zip(seen) {
            question.pictures = Vec::new();
            let images: Result<Vec<Look>, String> = seen.into_iter().collect();
            let images = images.map(|images| {
                if let Some(first) = images.first() {
                    let size = first.row.width.zip(first.row.height);
                    let size = size.map(|(width, height)| (f64::from(width), f64::from(height)));
                    question.size = question.size.or(size);
                }
                let image = |look: Look| {
                    self.note_image(look.row, rows);
                    look.image
                };
                images.into_iter().map(image).collect::<Vec<_>>()
            });
            let image = images.as_ref().ok().and_then(|images| images.first());
            let image = image.map_or_else(|| question.id.clone(), |image| image.image_id.to_string());
            let image = question.root.clone().unwrap_or(image);
            shown.push(images);
            asked.push(Asked {
                question,
                image,
                answers: Vec::new(),
                probes: Vec::new(),
            });
        }
        for (candidate, known) in self.candidates.iter().zip(&self.answered) {
            let said = self.one(candidate, known, &asked, &shown, rows).await?;
            for (asked, (answer, probe)) in asked.iter_mut().zip(said) {
                asked.answers.push(answer);
                asked.probes.push(probe);
            }
        }
        Ok(asked)
    }

    /// What one candidate says, and to which probe.
    async fn one(
        &self,
        candidate: &Candidate,
        known: &Known<AnswerRow>,
        asked: &[Asked],
        shown: &[Result<Vec<EncodedImage>, String>],
        rows: &mut Rows,
    ) -> Result<Vec<(Option<Answer>, Option<String>)>> {
        let card = candidate.model.card();
        let mut pairs: Vec<Result<(String, String), String>> = Vec::with_capacity(asked.len());
        let mut requests: Vec<Request> = Vec::new();
        let mut open: HashSet<String> = HashSet::new();
        for (each, images) in asked.iter().zip(shown) {
            let images = match images {
                Ok(images) => images,
                Err(problem) => {
                    pairs.push(Err(problem.clone()));
                    continue;
                }
            };
            let prompt = candidate.prompt(self.suite, &each.question);
            let ids: Vec<&str> = images.iter().map(|image| &*image.image_id).collect();
            let pair_id = id([ids.join(",").as_str(), &prompt, ""]);
            let probe_id = self.note_probe(&each.question, &prompt, &ids, &pair_id, rows);
            let done = known.contains(&[&pair_id]) || self.said(&pair_id, &card.model_id).is_some();
            if !done && open.insert(pair_id.clone()) {
                requests.push(Request {
                    subject: pair_id.as_str().into(),
                    images: images.clone(),
                    prompt,
                    system: None,
                    sampling: candidate.sampling.clone(),
                    seed: seed(&pair_id),
                });
            }
            pairs.push(Ok((pair_id, probe_id)));
        }
        self.answer(candidate, requests, rows).await?;
        pairs
            .into_iter()
            .map(|pair| {
                let (pair_id, probe_id) = match pair {
                    Ok(ids) => ids,
                    Err(problem) => return Ok((Some(Err(problem)), None)),
                };
                let row = match self.said(&pair_id, &card.model_id) {
                    None => known.get(&[&pair_id])?,
                    row => row,
                };
                let answer = row.map(|row| row.text.ok_or_else(|| row.error.unwrap_or(row.status)));
                Ok((answer, Some(probe_id)))
            })
            .collect()
    }

    async fn answer(&self, candidate: &Candidate, requests: Vec<Request>, rows: &mut Rows) -> Result<()> {
        if requests.is_empty() {
            return Ok(());
        }
        let card = candidate.model.card();
        let subjects: Vec<Arc<str>> = requests.iter().map(|request| request.subject.clone()).collect();
        let replies = candidate.model.answer(requests).await;
        let mut fatal = None;
        for (pair_id, reply) in subjects.into_iter().zip(replies) {
            rows.calls
                .extend(calls(&self.run_id, card, Role::Target, &pair_id, &reply.attempts));
            let row = match answer_row(&pair_id, &card.model_id, reply.outcome) {
                Ok(row) => row,
                Err(CallError::Fatal { message }) => {
                    fatal = Some(message);
                    continue;
                }
                Err(_) => continue,
            };
            let key = (row.pair_id.clone(), row.model_id.clone());
            self.written().answers.insert(key, row.clone());
            rows.answers.push(row);
        }
        fatal.map_or(Ok(()), |problem| {
            Err(Error::Model {
                model: candidate.name.clone(),
                problem,
            })
        })
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self, pair_id: &str, model_id: &str) -> Option<AnswerRow> {
        let key = (pair_id.to_owned(), model_id.to_owned());
        self.written().answers.get(&key).cloned()
    }

    fn note_image(&self, row: ImageRow, rows: &mut Rows) {
        if !self.images.contains(&row.image_id) && self.written().ids.insert(row.image_id.clone()) {
            rows.images.push(row);
        }
    }

    fn note_probe(
        &self,
        question: &Question,
        prompt: &str,
        image_ids: &[&str],
        pair_id: &str,
        rows: &mut Rows,
    ) -> String {
        // The same question, however it is put: numbers repeat between the files of a benchmark.
        let parts = [self.prober.model_id.as_str(), &question.id, &question.text];
        let of = parts
            .into_iter()
            .chain(question.options.iter().map(String::as_str));
        let group_id = id(of.chain(image_ids.iter().copied()));
        let probe_id = id([group_id.as_str(), pair_id]);
        if self.probes.contains(&probe_id) || !self.written().ids.insert(probe_id.clone()) {
            return probe_id;
        }
        rows.probes.push(ProbeRow {
            probe_id: probe_id.clone(),
            group_id,
            source_image_id: image_ids
                .first()
                .map_or_else(String::new, |image| (*image).to_owned()),
            prober_id: self.prober.model_id.clone(),
            strategy: "dataset".to_owned(),
            round: 0,
            k: 0,
            seed: 0,
            raw_output: None,
            prober_status: "ok".to_owned(),
            prober_error: None,
            question: Some(prompt.to_owned()),
            instruction: None,
            choices: Vec::new(),
            category: question.category.clone(),
            category_source: question.category.as_ref().map(|_| "source".to_owned()),
            answer_type: None,
            expected_answer: None,
            truth: question.answers.clone(),
            painter_id: None,
            painter_status: None,
            painter_error: None,
            image_ids: image_ids.iter().map(|image| (*image).to_owned()).collect(),
            pair_id: Some(pair_id.to_owned()),
            created_at: Utc::now(),
        });
        probe_id
    }
}

/// An evaluation's identity: which models take which set.
fn run_id(set: &Set, candidates: &[Candidate]) -> String {
    let mut models: Vec<&str> = candidates
        .iter()
        .map(|candidate| candidate.model.card().model_id.as_str())
        .collect();
    models.sort_unstable();
    id(["eval", &set.name].into_iter().chain(models))
}

/// An image that was read and decoded.
struct Look {
    row: ImageRow,
    image: EncodedImage,
}

/// The images of a question, or why one cannot be shown.
async fn look(question: &Question) -> Vec<Result<Look, String>> {
    // As a source notes it, whose audit compares by it, too.
    let attributes = question
        .root
        .as_ref()
        .map(|root| json!({"root_image_id": root}).to_string());
    let attributes = &attributes;
    let one = async |picture: &super::picture::Picture| {
        let bytes = picture.read().await?;
        let attributes = attributes.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let decoded = decode(&bytes).map_err(|problem| problem.to_string())?;
            let image_id = content_id(&bytes);
            let row = ImageRow {
                root_image_id: image_id.clone(),
                parent_image_id: None,
                operation: "original".to_owned(),
                instruction: None,
                painter_id: None,
                uri: None,
                etag: None,
                attributes,
                width: Some(decoded.pixels.width() as i32),
                height: Some(decoded.pixels.height() as i32),
                format: Some(decoded.format.to_owned()),
                perceptual_hash: Some(perceptual_hash(&decoded.pixels)),
                licence: None,
                scene: None,
                status: "ok".to_owned(),
                error: None,
                created_at: Utc::now(),
                image_id,
            };
            let image = EncodedImage::new(row.image_id.as_str(), bytes);
            Ok(Look { row, image })
        });
        looked
            .await
            .map_err(|_| "the decoder gave up on this image".to_owned())?
    };
    join_all(question.pictures.iter().map(one)).await
}
