//! What the model's thread does with one call: prompts, images, batches of one shape, answers.

use super::features::{FeatureCache, Features};
use crate::error::Result;
use crate::model::{CallError, Completion, EncodedImage, Request};
use crate::vlm::{Batch, Checkpoint, Continuation, Draw, Side, generate};
use candle_core::Tensor;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// Prompts are padded to multiples of this many tokens.
const STEP: usize = 16;
/// Longest prompt and answer together, in tokens.
const CONTEXT: usize = 8192;

/// What came of one request.
pub(super) struct Outcome {
    pub(super) result: Result<Completion, CallError>,
    pub(super) tokens_in: Option<i64>,
    pub(super) latency_ms: f64,
}

/// The weights, and the images seen last.
pub(super) struct Worker {
    checkpoint: Checkpoint,
    template: String,
    features: FeatureCache,
    rows: usize,
}

impl Worker {
    pub(super) fn new(checkpoint: Checkpoint, template: String) -> Self {
        // A large network fills the machine with few rows, and dummy rows cost as much as real ones.
        let text = &checkpoint.network.config().text_config;
        let rows = if text.hidden_size < 1024 { 32 } else { 4 };
        Self {
            checkpoint,
            template,
            features: FeatureCache::default(),
            rows,
        }
    }

    /// One outcome a request, in order.
    pub(super) fn answer(&mut self, requests: &[Request]) -> Vec<Outcome> {
        let clock = Instant::now();
        let mut outcomes: Vec<Option<Outcome>> = requests.iter().map(|_| None).collect();
        let mut prompts = Vec::with_capacity(requests.len());
        let mut lengths: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, request) in requests.iter().enumerate() {
            match self.prompt(request) {
                Ok(prompt) => {
                    lengths
                        .entry(prompt.len().next_multiple_of(STEP))
                        .or_default()
                        .push(index);
                    prompts.push(prompt);
                }
                Err(error) => {
                    outcomes[index] = Some(Outcome {
                        result: Err(error),
                        tokens_in: None,
                        latency_ms: 0.0,
                    });
                    prompts.push(Vec::new());
                }
            }
        }
        for (length, indices) in lengths {
            for indices in indices.chunks(self.rows) {
                let asked: Vec<_> = indices
                    .iter()
                    .map(|&index| (&requests[index], &prompts[index][..]))
                    .collect();
                // What fails a whole batch fails every other: no memory, a broken device.
                let results = self.batch(&asked, length).unwrap_or_else(|error| {
                    let message = format!("the local model failed: {error}");
                    indices
                        .iter()
                        .map(|_| {
                            Err(CallError::Fatal {
                                message: message.clone(),
                            })
                        })
                        .collect()
                });
                let latency_ms = clock.elapsed().as_secs_f64() * 1e3;
                for (&index, result) in indices.iter().zip(results) {
                    let tokens_in = Some(prompts[index].len() as i64);
                    outcomes[index] = Some(Outcome {
                        result,
                        tokens_in,
                        latency_ms,
                    });
                }
            }
        }
        outcomes
            .into_iter()
            .map(|outcome| outcome.expect("every request is in one batch or refused"))
            .collect()
    }

    fn prompt(&self, request: &Request) -> Result<Vec<u32>, CallError> {
        let text = self.template.replace("{question}", &request.prompt);
        let tokenizer = &self.checkpoint.tokenizer;
        let prompt = tokenizer
            .prompt(request.system.as_deref(), &text, request.images.len())
            .map_err(|error| refused(error.to_string()))?;
        let tokens = prompt.len() + request.sampling.max_tokens;
        if tokens > CONTEXT {
            return Err(refused(format!(
                "prompt and answer take {tokens} tokens, at most {CONTEXT} are possible"
            )));
        }
        Ok(prompt)
    }

    /// Answers at most `rows` requests whose prompts fit into `length`.
    fn batch(
        &mut self,
        asked: &[(&Request, &[u32])],
        length: usize,
    ) -> Result<Vec<Result<Completion, CallError>>> {
        let images: Vec<&EncodedImage> = asked.iter().flat_map(|(request, _)| &request.images).collect();
        let Checkpoint {
            network, processor, ..
        } = &self.checkpoint;
        let features = self.features.get(&images, network, processor, self.rows)?;
        let broken: Vec<Option<CallError>> = asked
            .iter()
            .map(|(request, _)| problem(request, &features))
            .collect();
        let whole: Vec<_> = asked
            .iter()
            .zip(&broken)
            .filter(|(_, broken)| broken.is_none())
            .map(|(asked, _)| *asked)
            .collect();
        let mut answered = self.decode(&whole, length, &features)?.into_iter();
        let results = broken.into_iter().map(|broken| match broken {
            Some(error) => Ok(Err(error)),
            None => Ok(Ok(answered.next().expect("one answer for every whole request"))),
        });
        results.collect()
    }

    fn decode(
        &self,
        asked: &[(&Request, &[u32])],
        length: usize,
        features: &HashMap<Arc<str>, Features>,
    ) -> Result<Vec<Completion>> {
        let Some(first) = asked.first() else {
            return Ok(Vec::new());
        };
        let dummies = self.rows.saturating_sub(asked.len());
        let rows: Vec<_> = asked.iter().chain(std::iter::repeat_n(first, dummies)).collect();
        let prompts: Vec<(&[u32], &[u32])> = rows.iter().map(|(_, prompt)| (*prompt, &[][..])).collect();
        let images: Vec<&Tensor> = rows
            .iter()
            .flat_map(|(request, _)| &request.images)
            .filter_map(|image| features[&image.image_id].as_ref().ok())
            .collect();
        let images = if images.is_empty() {
            self.no_images()?
        } else {
            Tensor::stack(&images, 0)?
        }; // (N, P, H)
        let draw = |(place, (request, _)): (usize, &&(&Request, &[u32]))| Draw {
            temperature: request.sampling.temperature,
            top_p: request.sampling.top_p,
            max_tokens: if place < asked.len() {
                request.sampling.max_tokens
            } else {
                0
            },
            seed: request.seed,
        };
        let draws: Vec<Draw> = rows.iter().enumerate().map(draw).collect();
        let batch = Batch::new(&prompts, length, Side::Left, |id| {
            self.checkpoint.network.config().role(id)
        });
        let ended = |row: usize, tokens: &[u32]| self.ended(&rows[row].0.sampling.stop, tokens);
        let drawn = generate(&self.checkpoint.network, &batch, &images, &draws, ended)?;
        asked
            .iter()
            .zip(drawn)
            .map(|((request, _), drawn)| self.completion(request, drawn))
            .collect()
    }

    fn ended(&self, stop: &[String], tokens: &[u32]) -> bool {
        let tokenizer = &self.checkpoint.tokenizer;
        tokens.last().is_some_and(|&id| tokenizer.ends(id))
            || !stop.is_empty()
                && tokenizer
                    .decode(tokens)
                    .is_ok_and(|text| earliest(&text, stop).is_some())
    }

    fn completion(&self, request: &Request, drawn: Continuation) -> Result<Completion> {
        let mut text = self.checkpoint.tokenizer.decode(&drawn.token_ids)?;
        if let Some(at) = earliest(&text, &request.sampling.stop) {
            text.truncate(at);
        }
        Ok(Completion {
            text: text.trim().to_owned(),
            finish_reason: if drawn.ended { "stop" } else { "length" }.into(),
            log_probabilities: drawn.log_probabilities,
            token_ids: drawn.token_ids,
        })
    }

    fn no_images(&self) -> Result<Tensor> {
        let network = &self.checkpoint.network;
        let width = network.config().text_config.hidden_size;
        Ok(Tensor::zeros(
            (0, network.config().image_tokens(), width),
            candle_core::DType::F32,
            network.device(),
        )?)
    }
}

/// Where the first of the stop strings begins.
fn earliest(text: &str, stop: &[String]) -> Option<usize> {
    stop.iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| text.find(stop.as_str()))
        .min()
}

/// What is wrong with a request's images, if anything.
fn problem(request: &Request, features: &HashMap<Arc<str>, Features>) -> Option<CallError> {
    let broken = request
        .images
        .iter()
        .find_map(|image| features[&image.image_id].as_ref().err());
    broken.map(|problem| refused(problem.clone()))
}

fn refused(message: String) -> CallError {
    CallError::Refused { message }
}
