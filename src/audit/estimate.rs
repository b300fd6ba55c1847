//! What is to do would take: calls by role, tokens, money and time, without asking anybody.
//!
//! In: the source's listing, what the tables hold, and what earlier calls of the same models took. Out: an
//! estimate, line by line, that says where it rests on assumptions. An image is read (not decoded) only when
//! the tables know probes of these probers, to find which are done.
//!
//! Assumed where nothing is known: every probe becomes a pair; truth decides on all answers in the lab and on
//! datasets with answers, and a judge on all others; a call takes [`ASSUMED_S`] seconds, an image
//! [`ASSUMED_IMAGE_TOKENS`] tokens, a prompt a token for four bytes, and an answer a quarter of what it may.
//! Left out: waits for a server that limits its rate.

use super::Audit;
use crate::config::{Config, ModelOptions, PainterOptions};
use crate::diverge::judge;
use crate::error::Result;
use crate::model::{EncodedImage, ModelCard};
use crate::plan::{self, Habit, Habits};
use crate::probe::{Strategy, Subject, asks};
use crate::row::{Role, content_id};
use crate::source::{Found, SourceKind};
use crate::tables::Tables;
use bytes::Bytes;
use futures::stream::{BoxStream, TryStreamExt};
use serde::Serialize;
use std::collections::BTreeMap;

/// Seconds that a call takes, before any was made.
const ASSUMED_S: f64 = 1.0;
/// Tokens of an image, before a server told.
const ASSUMED_IMAGE_TOKENS: f64 = 300.0;
/// Bytes of a question with its template, before any was asked.
const ASSUMED_PROMPT_BYTE: f64 = 160.0;
/// Bytes of an auditor's or judge's instructions.
const ASSUMED_INSTRUCTION_BYTE: f64 = 1_200.0;
/// Bytes of a token.
const TOKEN_BYTE: f64 = 4.0;
/// The share of `max_tokens` that an answer takes.
const ASSUMED_ANSWER: f64 = 0.25;

/// What the rest of a run would take.
#[derive(Debug, Clone, Serialize)]
pub struct Estimate {
    /// Images that the source lists.
    pub images: usize,
    /// Everybody who would be called.
    pub lines: Vec<Line>,
    /// Dollars; none where a price is not known.
    pub usd: Option<f64>,
    /// Seconds from start to end.
    pub seconds: f64,
}

/// What one part of the cast would take.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// prober, painter, target, reference, judge or drift.
    pub role: &'static str,
    /// The name in the configuration.
    pub model: String,
    /// Whether it is remote, so that the budget counts it.
    pub remote: bool,
    /// Calls, repeats included.
    pub calls: f64,
    /// Tokens into the model.
    pub tokens_in: f64,
    /// Tokens of its answers.
    pub tokens_out: f64,
    /// Dollars; none where a price is not known.
    pub usd: Option<f64>,
    /// Seconds, were it alone.
    pub seconds: f64,
    /// Whether earlier calls tell, or all is assumed.
    pub measured: bool,
}

impl Estimate {
    /// Calls to remote models.
    #[must_use]
    pub fn requests(&self) -> f64 {
        self.lines
            .iter()
            .filter(|line| line.remote)
            .map(|line| line.calls)
            .sum()
    }

    /// Tokens in and out of remote models.
    #[must_use]
    pub fn tokens(&self) -> f64 {
        let remote = self.lines.iter().filter(|line| line.remote);
        remote.map(|line| line.tokens_in + line.tokens_out).sum()
    }
}

/// How many calls of each part are to be made, by the part's place in the cast.
struct Todo {
    /// Images about which something is to do.
    images: usize,
    proposals: Vec<f64>,
    drawings: f64,
    answers: Vec<f64>,
    verdicts: Vec<f64>,
    /// Pairs whose answers are there.
    stored: usize,
}

/// Estimates what is to do.
pub(super) async fn estimate(
    audit: &Audit,
    config: &Config,
    tables: &Tables,
    starts: bool,
    mut found: BoxStream<'static, Result<Found>>,
) -> Result<Estimate> {
    let (cast, players) = (&audit.cast, audit.cast.players().count());
    let mut todo = Todo {
        images: 0,
        proposals: vec![0.0; cast.askers.len()],
        drawings: 0.0,
        answers: vec![0.0; players],
        verdicts: vec![0.0; cast.judges.len()],
        stored: 0,
    };
    let habits = plan::habits(tables).await?;
    let is_lab = config.source.kind() == SourceKind::Lab;
    let reads = audit.done.has_probes();
    let mut images = 0;
    while let Some(found) = found.try_next().await? {
        images += 1;
        let Some(subject) = subject(found, reads).await else {
            continue; // a file that cannot be read is a row without calls
        };
        let known_truth = is_lab || subject.questions.iter().any(|known| !known.answers.is_empty());
        let mut is_open = false;
        for (at, asker) in cast.askers.iter().enumerate() {
            let wrote = habits.wrote(&asker.prober.card().model_id);
            for (ask, _) in asks(asker, &subject, audit.seed) {
                let said = if let Some(open) = audit.done.open(&ask.probe_id)? {
                    for (count, is_open) in todo.answers.iter_mut().zip(&open.answers) {
                        *count += f64::from(u8::from(*is_open));
                    }
                    todo.stored += usize::from(open.is_done && !open.answers.is_empty());
                    if open.is_done { 0.0 } else { players as f64 }
                } else {
                    todo.proposals[at] += 1.0;
                    if matches!(ask.strategy, Strategy::Edit | Strategy::Generation) {
                        todo.drawings += wrote.parsed;
                    }
                    todo.answers.iter_mut().for_each(|count| *count += wrote.paired);
                    wrote.paired * players as f64
                };
                is_open |= said > 0.0;
                for (count, judge) in todo.verdicts.iter_mut().zip(&cast.judges) {
                    let share = habits.judged(&judge.model.card().model_id);
                    *count += said * share.unwrap_or(if known_truth { 0.0 } else { 1.0 });
                }
            }
        }
        todo.images += usize::from(is_open);
    }
    let again = if starts {
        todo.stored.min(config.drift_pairs)
    } else {
        0
    };
    Ok(price(audit, config, &habits, &todo, again as f64, images))
}

/// What probers need to know of an image to say what they would ask.
async fn subject(found: Found, reads: bool) -> Option<Subject> {
    let image_id = if reads {
        content_id(&(found.read)().await.ok()?)
    } else {
        found.uri.clone()
    };
    Some(Subject {
        image: EncodedImage::new(image_id.as_str(), Bytes::new()),
        scene: found.scene,
        questions: found.questions.into(),
        licence: None,
    })
}

/// One part of the cast, and how it is asked.
struct Part<'a> {
    role: Role,
    name: &'a str,
    card: &'a ModelCard,
    calls: f64,
    prompt_byte: f64,
    max_tokens: f64,
}

fn price(
    audit: &Audit,
    config: &Config,
    habits: &Habits,
    todo: &Todo,
    again: f64,
    images: usize,
) -> Estimate {
    let cast = &audit.cast;
    let part = |role, name, card, calls, prompt_byte, max_tokens: usize| Part {
        role,
        name,
        card,
        calls,
        prompt_byte,
        max_tokens: max_tokens as f64,
    };
    let mut parts = Vec::new();
    for ((asker, options), calls) in cast.askers.iter().zip(&config.probers).zip(&todo.proposals) {
        if options.writer().is_some() {
            let (card, tokens) = (asker.prober.card(), options.sampling.max_tokens);
            parts.push(part(
                Role::Prober,
                &asker.name,
                card,
                *calls,
                ASSUMED_INSTRUCTION_BYTE,
                tokens,
            ));
        }
    }
    if let Some(painter) = &cast.painter {
        parts.push(part(
            Role::Painter,
            "painter",
            painter.card(),
            todo.drawings,
            ASSUMED_PROMPT_BYTE,
            8_000,
        ));
    }
    let answer_tokens = config.answers.max_tokens;
    for ((role, player), calls) in cast.players().zip(&todo.answers) {
        let card = player.model.card();
        parts.push(part(
            role,
            &player.name,
            card,
            *calls,
            ASSUMED_PROMPT_BYTE,
            answer_tokens,
        ));
        if card.kind == "http" && config.answers.temperature == 0.0 && again > 0.0 {
            parts.push(part(
                Role::Drift,
                &player.name,
                card,
                again,
                ASSUMED_PROMPT_BYTE,
                answer_tokens,
            ));
        }
    }
    for (judge, calls) in cast.judges.iter().zip(&todo.verdicts) {
        let (card, tokens) = (judge.model.card(), judge::sampling().max_tokens);
        parts.push(part(
            Role::Judge,
            &judge.name,
            card,
            *calls,
            ASSUMED_INSTRUCTION_BYTE,
            tokens,
        ));
    }

    let at_once = (config.pace.batch_images * config.pace.batches_in_flight) as f64;
    // What one image waits for in each stage, and what each lane takes for everything.
    let (mut stages, mut lanes) = (BTreeMap::new(), BTreeMap::new());
    let mut lines = Vec::new();
    for part in parts.into_iter().filter(|part| part.calls > 0.0) {
        let (line, call_s) = line(config, habits, &part, at_once);
        if line.remote && part.role != Role::Drift {
            let stage = if part.role == Role::Reference {
                Role::Target
            } else {
                part.role
            };
            let waits: &mut f64 = stages.entry(stage).or_default();
            *waits = waits.max(call_s);
        }
        *lanes.entry(part.name).or_default() += line.seconds;
        lines.push(line);
    }
    let one_image: f64 = stages.values().sum();
    let slowest = lanes.values().copied().fold(0.0, f64::max);
    let seconds = slowest.max(one_image * todo.images as f64 / at_once) + one_image;
    let remote = || lines.iter().filter(|line| line.remote);
    Estimate {
        images,
        usd: remote().map(|line| line.usd).sum(),
        seconds,
        lines,
    }
}

/// What one part takes, and the seconds that a call of it takes.
fn line(config: &Config, habits: &Habits, part: &Part, at_once: f64) -> (Line, f64) {
    let card = part.card;
    let habit = habits.of(&card.model_id);
    let Habit {
        attempts,
        tokens_in,
        tokens_out,
        call_s,
        each_s,
    } = habit.unwrap_or(Habit {
        attempts: 1.0,
        tokens_in: ASSUMED_IMAGE_TOKENS
            + (part.prompt_byte + card.prompt_template.len().min(400) as f64) / TOKEN_BYTE,
        tokens_out: part.max_tokens * ASSUMED_ANSWER,
        call_s: ASSUMED_S,
        each_s: ASSUMED_S,
    });
    let remote = matches!(card.kind.as_str(), "http" | "images_http");
    let seconds = match (config.models.get(part.name), &config.painter) {
        (Some(ModelOptions::Http(http)), _) => call_s / at_once.min(http.max_in_flight as f64),
        (Some(ModelOptions::Mock(mock)), _) => mock.latency_ms as f64 / 1e3 / at_once,
        (None, Some(PainterOptions::Http(http))) => call_s / at_once.min(http.max_in_flight as f64),
        _ => each_s,
    };
    let price = |usd: Option<f64>, tokens: f64| usd.map(|usd| usd * tokens * part.calls / 1e6);
    let (input, output) = (card.input_usd_per_mtok, card.output_usd_per_mtok);
    let line = Line {
        role: part.role.name(),
        model: part.name.to_owned(),
        remote,
        calls: part.calls * attempts,
        tokens_in: part.calls * tokens_in,
        tokens_out: part.calls * tokens_out,
        usd: price(input, tokens_in)
            .zip(price(output, tokens_out))
            .map(|(input, output)| input + output),
        seconds: part.calls * seconds,
        measured: habit.is_some(),
    };
    (line, call_s)
}
