//! The stage: target, references and judges say their part, each at its own pace.
//!
//! In: pairs with an image, and the answers that are there already. Out: the answers by pair and model,
//! new ones as rows. Identical pairs are asked once; a refusal is an answer with its status, a transient
//! failure only a call.

use crate::diverge::{TRUTH, Truth, judge, normalize};
use crate::model::{CallError, Completion, Halt, Model, Reply, Request, Sampling, Stop, calls};
use crate::probe::Pair;
pub(crate) use crate::probe::with_choices;
use crate::progress::ModelProgress;
use crate::row::{AnswerRow, Role, Rows, VerdictRow, id};
use chrono::Utc;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A model in its part.
pub struct Player {
    /// The model, with its limits around it.
    pub model: Arc<dyn Model>,
    /// The name in the configuration.
    pub name: String,
    /// How it draws its answers.
    pub sampling: Sampling,
    /// The brake of the run, for when nothing sent to the model can succeed.
    pub halt: Halt,
}

impl Player {
    fn give_up(&self, problem: String) {
        self.halt.stop(Stop::Model {
            model: self.name.clone(),
            problem,
        });
    }
}

/// Answers by (pair, model).
pub type Answers = HashMap<(String, String), AnswerRow>;

/// Verdicts by (probe, answering model, judge).
pub type Verdicts = HashMap<(String, String, String), VerdictRow>;

/// Has one model answer those of the pairs that it has not answered yet. When it says that nothing sent to
/// it can succeed, the run stops, and what was answered so far counts.
pub async fn ask(
    player: &Player,
    role: Role,
    pairs: &[Pair],
    known: &Answers,
    run_id: &str,
    progress: &ModelProgress,
) -> Rows {
    let model_id = &player.model.card().model_id;
    let mut asked = HashSet::new();
    let (ids, requests): (Vec<String>, Vec<Request>) = pairs
        .iter()
        .filter_map(|pair| {
            let pair_id = pair.row.pair_id.clone()?;
            let open =
                !known.contains_key(&(pair_id.clone(), model_id.clone())) && asked.insert(pair_id.clone());
            open.then(|| request(pair, &pair_id, &player.sampling))
                .flatten()
                .map(|request| (pair_id, request))
        })
        .unzip();
    progress.asked.add(requests.len());
    let replies = if requests.is_empty() {
        Vec::new()
    } else {
        player.model.answer(requests).await
    };
    let mut rows = Rows::default();
    for (pair_id, Reply { outcome, attempts }) in ids.into_iter().zip(replies) {
        rows.calls
            .extend(calls(run_id, player.model.card(), role, &pair_id, &attempts));
        let row = match answer_row(&pair_id, model_id, outcome) {
            Ok(row) => row,
            Err(error) => {
                if let CallError::Fatal { message } = error {
                    player.give_up(message);
                }
                progress.failed.add(1);
                continue;
            }
        };
        progress.done.add(1);
        rows.answers.push(row);
    }
    rows
}

/// An answer or a refusal as a row.
///
/// # Errors
/// What has not answered: it is asked again another time.
pub(crate) fn answer_row(
    pair_id: &str,
    model_id: &str,
    outcome: Result<Completion, CallError>,
) -> Result<AnswerRow, CallError> {
    let mut row = AnswerRow {
        pair_id: pair_id.to_owned(),
        model_id: model_id.to_owned(),
        sample: 0,
        text: None,
        normalized: None,
        finish_reason: None,
        mean_log_probability: None,
        status: "ok".to_owned(),
        error: None,
        answered_at: Utc::now(),
    };
    match outcome {
        Ok(completion) => {
            let count = completion.log_probabilities.len() as f32;
            row.mean_log_probability =
                (count > 0.0).then(|| completion.log_probabilities.iter().sum::<f32>() / count);
            row.normalized = Some(normalize(&completion.text));
            row.text = Some(completion.text);
            row.finish_reason = Some(completion.finish_reason);
        }
        Err(CallError::Refused { message }) => {
            "refused".clone_into(&mut row.status);
            row.error = Some(message);
        }
        Err(error) => return Err(error),
    }
    Ok(row)
}

/// The seed of a pair's first sample.
pub(crate) fn seed(pair_id: &str) -> u64 {
    u64::from_str_radix(&id([pair_id, "sample 0"])[..15], 16).unwrap_or_default()
}

pub(crate) fn request(pair: &Pair, pair_id: &str, sampling: &Sampling) -> Option<Request> {
    Some(Request {
        subject: pair_id.into(),
        images: vec![pair.image.clone()?],
        prompt: with_choices(pair.row.question.as_deref()?, &pair.row.choices),
        system: None,
        sampling: sampling.clone(),
        seed: seed(pair_id),
    })
}

/// What is to be decided on: who said what to which pairs.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    /// The pairs.
    pub pairs: &'a [Pair],
    /// Everybody's answers.
    pub answers: &'a Answers,
    /// Whose answers count, by model_id.
    pub models: &'a [String],
    /// Relative distance at which two numbers still count as equal.
    pub number_tolerance: f64,
}

/// The word of ground truth on every answer that it can decide, as verdicts.
pub fn by_truth(said: Said) -> Vec<VerdictRow> {
    let Said {
        pairs,
        answers,
        models,
        number_tolerance,
    } = said;
    let mut verdicts = Vec::new();
    for pair in pairs {
        for model_id in models {
            let Some(answer) = answer_of(pair, model_id, answers) else {
                continue;
            };
            let (verdict, reason) = match (&pair.truth, &answer.text) {
                (Truth::Unknown, _) => continue,
                (Truth::Unanswerable(reason), _) => (judge::Verdict::Unanswerable, reason.clone()),
                (Truth::Answers(_), None) => (judge::Verdict::Incorrect, "no answer".to_owned()),
                (Truth::Answers(accepted), Some(text)) => {
                    match pair.truth.accepts(text, &pair.row.choices, number_tolerance) {
                        Some(true) => (judge::Verdict::Correct, accepted[0].clone()),
                        Some(false) => (judge::Verdict::Incorrect, accepted[0].clone()),
                        None => continue,
                    }
                }
            };
            verdicts.push(verdict_row(pair, model_id, TRUTH, verdict, reason));
        }
    }
    verdicts
}

/// Has a judge decide on the answers that ground truth leaves open; like [`ask`], it may stop the run.
pub async fn judge(
    player: &Player,
    said: Said<'_>,
    known: &Verdicts,
    run_id: &str,
    progress: &ModelProgress,
) -> Rows {
    let judge_id = &player.model.card().model_id;
    let mut open: Vec<(&Pair, &String)> = Vec::new();
    let mut requests = Vec::new();
    for pair in said.pairs {
        for model_id in said.models {
            let Some(text) = said.undecided(pair, model_id) else {
                continue;
            };
            if known.contains_key(&(pair.row.probe_id.clone(), model_id.clone(), judge_id.clone())) {
                continue;
            }
            let subject = id([&pair.row.probe_id, model_id, judge_id]);
            let question = pair.row.question.as_deref().unwrap_or_default();
            let images = pair.image.iter().cloned().collect();
            requests.push(judge::request(
                &subject,
                images,
                question,
                &pair.row.choices,
                text,
            ));
            open.push((pair, model_id));
        }
    }
    progress.asked.add(requests.len());
    let subjects: Vec<Arc<str>> = requests.iter().map(|request| request.subject.clone()).collect();
    let replies = if requests.is_empty() {
        Vec::new()
    } else {
        player.model.answer(requests).await
    };
    let mut rows = Rows::default();
    for (((pair, model_id), subject), reply) in open.into_iter().zip(subjects).zip(replies) {
        rows.calls.extend(calls(
            run_id,
            player.model.card(),
            Role::Judge,
            &subject,
            &reply.attempts,
        ));
        let (verdict, reason) = match reply.outcome {
            Ok(completion) => judge::parse(&completion.text),
            Err(CallError::Refused { message }) => (judge::Verdict::Unsure, message),
            Err(error) => {
                if let CallError::Fatal { message } = error {
                    player.give_up(message);
                }
                progress.failed.add(1);
                continue;
            }
        };
        progress.done.add(1);
        rows.verdicts
            .push(verdict_row(pair, model_id, judge_id, verdict, reason));
    }
    rows
}

/// The key of a verdict: probe, answering model, judge.
pub fn verdict_key(row: &VerdictRow) -> (String, String, String) {
    (row.probe_id.clone(), row.model_id.clone(), row.judge_id.clone())
}

impl<'a> Said<'a> {
    /// What a model said to a pair, when ground truth does not decide on it and a judge must.
    pub fn undecided(&self, pair: &Pair, model_id: &str) -> Option<&'a str> {
        let text = answer_of(pair, model_id, self.answers)?.text.as_deref()?;
        let decided = match &pair.truth {
            Truth::Unanswerable(_) => true,
            truth => truth
                .accepts(text, &pair.row.choices, self.number_tolerance)
                .is_some(),
        };
        (!decided).then_some(text)
    }
}

/// A model's answer to a pair, where it is there.
pub fn answer_of<'a>(pair: &Pair, model_id: &str, answers: &'a Answers) -> Option<&'a AnswerRow> {
    answers.get(&(pair.row.pair_id.clone()?, model_id.to_owned()))
}

fn verdict_row(
    pair: &Pair,
    model_id: &str,
    judge_id: &str,
    verdict: judge::Verdict,
    reason: String,
) -> VerdictRow {
    VerdictRow {
        probe_id: pair.row.probe_id.clone(),
        model_id: model_id.to_owned(),
        judge_id: judge_id.to_owned(),
        verdict: verdict.name().to_owned(),
        reason: Some(reason),
        created_at: Utc::now(),
    }
}
