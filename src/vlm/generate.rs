//! Answers, token by token, for a batch of prompts; and the log-probabilities of given answers.
//!
//! In: padded prompts, projected image features, how to draw each row. Out: token ids and their log-probabilities
//! under the model itself. The batch keeps its shape until every row has ended, because other shapes give other last
//! bits: a row that has ended is fed padding. Left out: speculative decoding, paged caches.

use crate::error::Result;
use crate::vlm::batch::Batch;
use crate::vlm::cache::Cache;
use crate::vlm::draw::{draw, log_probability};
use crate::vlm::network::Network;
use crate::vlm::prefix::Prefix;
use crate::vlm::sequence::Role;
use candle_core::{D, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// How one row is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// 0 is greedy.
    pub temperature: f64,
    /// Nucleus; 1 keeps everything.
    pub top_p: f64,
    /// Longest answer in tokens.
    pub max_tokens: usize,
    /// Of the row's random stream.
    pub seed: u64,
}

/// What was drawn for one row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Continuation {
    /// The tokens, the one that ended the answer included.
    pub token_ids: Vec<u32>,
    /// Of each token, under the model at temperature 1.
    pub log_probabilities: Vec<f32>,
    /// Whether `ended` said so; otherwise `max_tokens` did.
    pub ended: bool,
}

/// Continues every row of `batch` until `ended(row, tokens so far)` or its `max_tokens`.
///
/// `images` are the projected features `[N, patches, H]` of the placeholders, in order.
pub fn generate(
    model: &Network,
    batch: &Batch,
    images: &Tensor,
    draws: &[Draw],
    ended: impl Fn(usize, &[u32]) -> bool,
) -> Result<Vec<Continuation>> {
    generate_after(model, &[], batch, images, draws, ended)
}

/// The same where every row begins with a prefix that was read before; `images` are those of the batch's own
/// placeholders. Without any prefix this is [`generate`].
pub fn generate_after(
    model: &Network,
    prefixes: &[&Prefix],
    batch: &Batch,
    images: &Tensor,
    draws: &[Draw],
    ended: impl Fn(usize, &[u32]) -> bool,
) -> Result<Vec<Continuation>> {
    let longest = draws.iter().map(|draw| draw.max_tokens).max().unwrap_or(0);
    let (mut sequence, mut cache) = if prefixes.is_empty() {
        let sequence = batch.sequence.clone();
        let cache = model.cache(sequence.batch(), sequence.length() + longest)?;
        (sequence, cache)
    } else {
        let roles: Vec<&[Role]> = prefixes.iter().map(|prefix| &prefix.roles[..]).collect();
        let caches: Vec<&Cache> = prefixes.iter().map(|prefix| &prefix.cache).collect();
        let sequence = batch.sequence.after(&roles);
        let cache = Cache::after(&caches, sequence.length() + longest)?;
        (sequence, cache)
    };
    let mut rngs: Vec<_> = draws
        .iter()
        .map(|draw| ChaCha8Rng::seed_from_u64(draw.seed))
        .collect();
    let mut rows = vec![Continuation::default(); draws.len()];
    let mut open: Vec<bool> = draws.iter().map(|draw| draw.max_tokens > 0).collect();
    let mut embeds = model.embed(&batch.ids, images)?;
    let nothing = images.narrow(0, 0, 0)?;
    let placeholder = model.config().image_token_index;
    while open.contains(&true) {
        let hidden = model.hidden(&embeds, &sequence, Some(&mut cache))?;
        let mut logits = model
            .logits(&last(&hidden, &sequence.last_tokens(hidden.dim(1)?))?)?
            .to_vec2::<f32>()?;
        let mut next = vec![vec![0]; rows.len()];
        let mut roles = vec![Role::Padding; rows.len()];
        for (index, row) in rows.iter_mut().enumerate() {
            if !open[index] {
                continue;
            }
            let (token, told) = draw(&mut logits[index], placeholder, &draws[index], &mut rngs[index]);
            row.token_ids.push(token);
            row.log_probabilities.push(told);
            row.ended = ended(index, &row.token_ids);
            open[index] = !row.ended && row.token_ids.len() < draws[index].max_tokens;
            (next[index][0], roles[index]) = (token, Role::Suffix);
        }
        sequence.append(&roles);
        embeds = model.embed(&next, &nothing)?;
    }
    Ok(rows)
}

/// The log-probability of every suffix token of `batch`, row by row.
pub fn score(model: &Network, batch: &Batch, images: &Tensor) -> Result<Vec<Vec<f32>>> {
    let hidden = model.hidden(&model.embed(&batch.ids, images)?, &batch.sequence, None)?; // (B, T, H)
    let length = batch.sequence.length();
    let mut wanted = Vec::new(); // (row, the token before, the token)
    for row in 0..batch.sequence.batch() {
        let roles = batch.sequence.roles(row);
        wanted.extend(
            (1..length)
                .filter(|&at| roles[at] == Role::Suffix)
                .map(|at| (row, at - 1, batch.ids[row][at])),
        );
    }
    let places: Vec<u32> = wanted
        .iter()
        .map(|(row, before, _)| (row * length + before) as u32)
        .collect();
    let mut scores = vec![Vec::new(); batch.sequence.batch()];
    if places.is_empty() {
        return Ok(scores);
    }
    let flat = hidden.reshape(((), hidden.dim(D::Minus1)?))?;
    let chosen = flat.index_select(&Tensor::new(places, model.device())?, 0)?;
    let logits = model.logits(&chosen)?.to_vec2::<f32>()?;
    for ((row, _, token), logits) in wanted.into_iter().zip(logits) {
        scores[row].push(log_probability(&logits, token as usize));
    }
    Ok(scores)
}

/// Of each row of `hidden[B, T, H]` the state at one place, `[B, H]`.
fn last(hidden: &Tensor, places: &[usize]) -> Result<Tensor> {
    let (_, length, width) = hidden.dims3()?;
    let flat: Vec<u32> = places
        .iter()
        .enumerate()
        .map(|(row, at)| (row * length + at) as u32)
        .collect();
    Ok(hidden
        .reshape(((), width))?
        .index_select(&Tensor::new(flat, hidden.device())?, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vlm::batch::Side;
    use crate::vlm::config::Config;
    use crate::vlm::weights::Weights;
    use candle_core::Device;

    const PROMPTS: [&[u32]; 3] = [
        &[40, 40, 40, 40, 2, 7],
        &[40, 40, 40, 40, 2, 7, 9, 11],
        &[40, 40, 40, 40, 2],
    ];

    fn model(config: &Config) -> (Network, Tensor) {
        let model = Network::new(config, &Weights::fresh(9, &Device::Cpu)).unwrap();
        let values: Vec<f32> = (0..3 * 4 * 16)
            .map(|i| (i * 29 % 83) as f32 / 40.0 - 1.0)
            .collect();
        (model, Tensor::from_vec(values, (3, 4, 16), &Device::Cpu).unwrap())
    }

    fn draws(temperature: f64) -> Vec<Draw> {
        (0..3)
            .map(|row| Draw {
                temperature,
                top_p: 0.9,
                max_tokens: 5 + row,
                seed: row as u64,
            })
            .collect()
    }

    fn close(a: &Continuation, b: &Continuation) -> bool {
        let pairs = a.log_probabilities.iter().zip(&b.log_probabilities);
        a.token_ids == b.token_ids
            && a.ended == b.ended
            && pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-5)
    }

    #[test]
    fn answers_do_not_depend_on_padding_or_company() {
        Config::all_tiny().iter().for_each(same_answers);
    }

    fn same_answers(config: &Config) {
        let (model, images) = model(config);
        let role = |id| config.role(id);
        let rows = PROMPTS.map(|prompt| (prompt, &[][..]));
        for temperature in [0.0, 1.5] {
            let draws = draws(temperature);
            // An answer ends at token 3 or below, so that rows end at different times.
            let ended = |_: usize, tokens: &[u32]| tokens.last().is_some_and(|&id| id < 4);
            let together = |length, side| {
                generate(
                    &model,
                    &Batch::new(&rows, length, side, role),
                    &images,
                    &draws,
                    ended,
                )
                .unwrap()
            };
            let left = together(0, Side::Left);
            assert!(left.iter().any(|row| row.token_ids.len() > 1));
            for other in [
                together(11, Side::Left),
                together(0, Side::Right),
                together(13, Side::Right),
            ] {
                assert!(
                    left.iter().zip(&other).all(|(a, b)| close(a, b)),
                    "{left:?}\n{other:?}"
                );
            }
            for row in 0..3 {
                let batch = Batch::new(&rows[row..=row], 0, Side::Left, role);
                let image = images.narrow(0, row, 1).unwrap();
                let alone = generate(&model, &batch, &image, &draws[row..=row], ended).unwrap();
                assert!(close(&alone[0], &left[row]), "{:?}\n{:?}", alone[0], left[row]);
            }
        }
    }

    #[test]
    fn a_prefix_read_before_changes_no_answer() {
        let (model, images) = model(&Config::tiny_gemma3());
        // Two questions about one image, one about another; the window of 3 cuts into both images.
        let prompts: [&[u32]; 3] = [
            &[2, 40, 40, 40, 40, 7, 9],
            &[2, 40, 40, 40, 40, 11, 3, 5],
            &[2, 40, 40, 40, 40, 7, 9],
        ];
        let image_of = [0, 0, 1];
        let length = Prefix::length(model.config(), prompts[0]);
        assert_eq!(length, 5);
        let image = |at: usize| images.narrow(0, image_of[at], 1).unwrap();
        let role = |id| model.config().role(id);
        let never = |_: usize, _: &[u32]| false;
        for temperature in [0.0, 1.5] {
            let draws = draws(temperature);
            let rows = prompts.map(|prompt| (prompt, &[][..]));
            let all = Tensor::cat(&[image(0), image(1), image(2)], 0).unwrap();
            let whole = generate(
                &model,
                &Batch::new(&rows, 0, Side::Left, role),
                &all,
                &draws,
                never,
            )
            .unwrap();
            let read = |at: usize| Prefix::new(&model, &prompts[at][..length], &image(at)).unwrap();
            let (one, other) = (read(0), read(2));
            let rest = prompts.map(|prompt| (&prompt[length..], &[][..]));
            let batch = Batch::new(&rest, 6, Side::Left, role);
            let nothing = images.narrow(0, 0, 0).unwrap();
            let prefixes = [&one, &one, &other];
            let shared = generate_after(&model, &prefixes, &batch, &nothing, &draws, never).unwrap();
            assert!(
                whole.iter().zip(&shared).all(|(a, b)| close(a, b)),
                "{whole:?}\n{shared:?}"
            );
            let first = |row: usize| whole[row].log_probabilities[0];
            assert!(
                (first(0) - first(2)).abs() > 1e-6,
                "the images tell nothing apart"
            );
        }
        assert_eq!(
            Prefix::length(&Config::tiny(), prompts[0]),
            0,
            "images see the question"
        );
    }

    #[test]
    fn drawn_tokens_score_as_they_were_told() {
        Config::all_tiny().iter().for_each(same_scores);
    }

    fn same_scores(config: &Config) {
        let (model, images) = model(config);
        let role = |id| config.role(id);
        let rows = PROMPTS.map(|prompt| (prompt, &[][..]));
        let drawn = generate(
            &model,
            &Batch::new(&rows, 0, Side::Left, role),
            &images,
            &draws(1.0),
            |_, _| false,
        )
        .unwrap();
        let answered: Vec<_> = PROMPTS
            .iter()
            .zip(&drawn)
            .map(|(prompt, row)| (*prompt, &row.token_ids[..]))
            .collect();
        for side in [Side::Left, Side::Right] {
            let scores = score(&model, &Batch::new(&answered, 0, side, role), &images).unwrap();
            for (scores, drawn) in scores.iter().zip(&drawn) {
                assert_eq!(scores.len(), drawn.token_ids.len());
                for (score, told) in scores.iter().zip(&drawn.log_probabilities) {
                    assert!((score - told).abs() < 1e-5, "{score} {told}");
                }
            }
        }
        let unanswered = score(&model, &Batch::new(&rows, 0, Side::Left, role), &images).unwrap();
        assert_eq!(unanswered, vec![Vec::<f32>::new(); 3]);
    }
}
