//! What the model's thread does with one call: prompts, images, batches of one shape, answers.
//!
//! A batch's shape depends on its requests' own lengths alone: as many rows as its budget of tokens has room for. What
//! several questions about one image begin with is read once, where the family allows it.

use super::features::{FeatureCache, Features};
use super::prefixes::PrefixCache;
use crate::error::Result;
use crate::model::{CallError, Completion, EncodedImage, Request};
use crate::vlm::{Batch, Checkpoint, Continuation, Draw, Prefix, Side, generate_after};
use candle_core::Tensor;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// Prompts are padded to multiples of this many tokens.
const STEP: usize = 16;
/// Tokens of prompts that one pass of the decoder takes, for networks that are narrower than [`WIDE`], and for others:
/// a wide network fills the machine with few rows, and rows without a request cost as much as others.
const BUDGET: [usize; 2] = [4096, 2048];
/// Most rows of a batch, for the same two.
const ROWS: [usize; 2] = [32, 8];
/// Images of one pass of the tower, for the same two.
const IMAGES: [usize; 2] = [32, 4];
/// Width from which a decoder is wide.
const WIDE: usize = 1024;
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
    prefixes: PrefixCache,
    wide: usize,
}

/// A request that can be asked: its prompt, and how much of it does not depend on the question.
struct Asked<'a> {
    request: &'a Request,
    prompt: &'a [u32],
    shared: usize,
}

impl Worker {
    pub(super) fn new(checkpoint: Checkpoint, template: String) -> Self {
        let text = &checkpoint.network.config().text_config;
        Self {
            wide: usize::from(text.hidden_size >= WIDE),
            checkpoint,
            template,
            features: FeatureCache::default(),
            prefixes: PrefixCache::default(),
        }
    }

    /// Rows of a batch whose prompts take `length` tokens each.
    fn rows(&self, length: usize) -> usize {
        let room = BUDGET[self.wide] / length.max(1);
        room.clamp(1, ROWS[self.wide])
    }

    /// One outcome a request, in order. Once `gone` says that nobody waits for them, nothing more is computed.
    pub(super) fn answer(&mut self, requests: &[Request], gone: &dyn Fn() -> bool) -> Vec<Outcome> {
        let clock = Instant::now();
        let outcome = |result, prompt: &[u32]| Outcome {
            result,
            tokens_in: Some(prompt.len() as i64).filter(|&tokens| tokens > 0),
            latency_ms: clock.elapsed().as_secs_f64() * 1e3,
        };
        let prompts: Vec<_> = requests.iter().map(|request| self.prompt(request)).collect();
        // By the tokens of the prefix and, padded, of the rest.
        let mut shapes: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (index, prompt) in prompts.iter().enumerate() {
            if let Ok(prompt) = prompt {
                let shared = Prefix::length(self.checkpoint.network.config(), prompt);
                let rest = (prompt.len() - shared).next_multiple_of(STEP);
                shapes.entry((shared, rest)).or_default().push(index);
            }
        }
        let mut results: Vec<Option<Result<Completion, CallError>>> = vec![None; requests.len()];
        for ((shared, rest), indices) in shapes {
            for indices in indices.chunks(self.rows(rest)) {
                let ask = |&index: &usize| Asked {
                    request: &requests[index],
                    prompt: prompts[index].as_deref().unwrap_or_default(),
                    shared,
                };
                let asked: Vec<Asked> = indices.iter().map(ask).collect();
                let done = if gone() {
                    vec![Err(fatal("nobody waits for the answer")); asked.len()]
                } else {
                    // What fails a whole batch fails every other: no memory, a broken device.
                    let failed =
                        |error: crate::error::Error| Err(fatal(&format!("the local model failed: {error}")));
                    self.batch(&asked, rest, gone)
                        .unwrap_or_else(|error| vec![failed(error); asked.len()])
                };
                for (&index, result) in indices.iter().zip(done) {
                    results[index] = Some(result);
                }
            }
        }
        let all = prompts.iter().zip(results).map(|(prompt, result)| match prompt {
            Ok(prompt) => outcome(result.expect("every prompt is in one batch"), prompt),
            Err(error) => outcome(Err(error.clone()), &[]),
        });
        all.collect()
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

    /// Answers the requests of one batch, the rest of whose prompts fits into `length`.
    fn batch(
        &mut self,
        asked: &[Asked],
        length: usize,
        gone: &dyn Fn() -> bool,
    ) -> Result<Vec<Result<Completion, CallError>>> {
        let images: Vec<&EncodedImage> = asked.iter().flat_map(|each| &each.request.images).collect();
        let features = match &self.checkpoint.processor {
            Some(processor) => {
                let network = &self.checkpoint.network;
                self.features
                    .get(&images, network, processor, IMAGES[self.wide])?
            }
            None => HashMap::new(),
        };
        let broken: Vec<Option<CallError>> = asked
            .iter()
            .map(|each| problem(each.request, &features))
            .collect();
        let whole: Vec<&Asked> = asked
            .iter()
            .zip(&broken)
            .filter_map(|(each, broken)| broken.is_none().then_some(each))
            .collect();
        let mut answered = self.decode(&whole, length, &features, gone)?.into_iter();
        let results = broken.into_iter().map(|broken| match broken {
            Some(error) => Err(error),
            None => Ok(answered.next().expect("one answer for every whole request")),
        });
        Ok(results.collect())
    }

    fn decode(
        &mut self,
        asked: &[&Asked],
        length: usize,
        features: &HashMap<Arc<str>, Features>,
        gone: &dyn Fn() -> bool,
    ) -> Result<Vec<Completion>> {
        let Some(first) = asked.first() else {
            return Ok(Vec::new());
        };
        let dummies = self.rows(length).saturating_sub(asked.len());
        let rows: Vec<&Asked> = asked
            .iter()
            .chain(std::iter::repeat_n(first, dummies))
            .copied()
            .collect();
        let network = self.checkpoint.network.clone();
        let images_of = |rows: &[&Asked]| -> Result<Tensor> {
            let images = rows.iter().flat_map(|row| &row.request.images);
            let images: Vec<&Tensor> = images
                .filter_map(|image| features[&image.image_id].as_ref().ok())
                .collect();
            if images.is_empty() {
                return network.no_images();
            }
            Ok(Tensor::stack(&images, 0)?) // (N, P, H)
        };
        let mut prefixes = Vec::new();
        for row in rows.iter().filter(|row| row.shared > 0) {
            let images = row.request.images.iter().map(|image| image.image_id.clone());
            let key = (row.prompt[..row.shared].to_vec(), images.collect());
            prefixes.push(self.prefixes.get(key, &network, || images_of(&[*row]))?);
        }
        let images = if prefixes.is_empty() {
            images_of(&rows)?
        } else {
            network.no_images()?
        };
        let prefixes: Vec<&Prefix> = prefixes.iter().map(Arc::as_ref).collect();
        let rests: Vec<(&[u32], &[u32])> = rows
            .iter()
            .map(|row| (&row.prompt[row.shared..], &[][..]))
            .collect();
        let draw = |(place, row): (usize, &&Asked)| Draw {
            temperature: row.request.sampling.temperature,
            top_p: row.request.sampling.top_p,
            max_tokens: if place < asked.len() {
                row.request.sampling.max_tokens
            } else {
                0
            },
            seed: row.request.seed,
        };
        let draws: Vec<Draw> = rows.iter().enumerate().map(draw).collect();
        let batch = Batch::new(&rests, length, Side::Left, |id| network.config().role(id));
        let ended =
            |row: usize, tokens: &[u32]| gone() || self.ended(&rows[row].request.sampling.stop, tokens);
        let drawn = generate_after(&network, &prefixes, &batch, &images, &draws, ended)?;
        asked
            .iter()
            .zip(drawn)
            .map(|(each, drawn)| self.completion(each.request, drawn))
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
        .find_map(|image| features.get(&image.image_id)?.as_ref().err());
    broken.map(|problem| refused(problem.clone()))
}

fn refused(message: String) -> CallError {
    CallError::Refused { message }
}

fn fatal(message: &str) -> CallError {
    CallError::Fatal {
        message: message.to_owned(),
    }
}
