//! One token from one row of logits: greedy, or by temperature and nucleus with a row's own random stream.

use crate::vlm::generate::Draw;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The drawn token, and its log-probability under the model itself: before temperature and nucleus. The token
/// `never` is not drawn (an image's placeholder is no word).
pub(crate) fn draw(logits: &mut [f32], never: u32, how: &Draw, rng: &mut ChaCha8Rng) -> (u32, f32) {
    let log_sum = log_sum(logits);
    if let Some(logit) = logits.get_mut(never as usize) {
        *logit = f32::NEG_INFINITY;
    }
    let greedily = how.temperature <= 0.0;
    let token = if greedily {
        greedy(logits)
    } else {
        sample(logits, how.temperature, how.top_p, rng)
    };
    (token as u32, (f64::from(logits[token]) - log_sum) as f32)
}

/// Log of the softmax of `logits` at `token`.
pub(crate) fn log_probability(logits: &[f32], token: usize) -> f32 {
    (f64::from(logits[token]) - log_sum(logits)) as f32
}

fn log_sum(logits: &[f32]) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&x| f64::from(x - largest).exp()).sum();
    f64::from(largest) + sum.ln()
}

/// The first of the largest.
fn greedy(logits: &[f32]) -> usize {
    let largest =
        |best: usize, (index, &value): (usize, &f32)| if value > logits[best] { index } else { best };
    logits.iter().enumerate().fold(0, largest)
}

fn sample(logits: &[f32], temperature: f64, top_p: f64, rng: &mut ChaCha8Rng) -> usize {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |index: usize| (f64::from(logits[index] - largest) / temperature).exp();
    let mut kept: Vec<(usize, f64)> = (0..logits.len()).map(|index| (index, weight(index))).collect();
    if top_p < 1.0 {
        kept.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: equal weights keep their order
        let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
        let mut reached = 0.0;
        let enough = kept.iter().position(|(_, weight)| {
            reached += weight;
            reached >= top_p * total
        });
        kept.truncate(enough.map_or(kept.len(), |last| last + 1));
    }
    let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.random::<f64>() * total;
    for &(index, weight) in &kept {
        left -= weight;
        if left < 0.0 {
            return index;
        }
    }
    kept.last().map_or(0, |&(index, _)| index) // rounding left a crumb
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn frequencies_follow_the_tempered_nucleus() {
        let logits = [1.0f32, 3.0, 2.0, -50.0];
        let counts = |temperature, top_p| {
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            let mut counts = [0; 4];
            for _ in 0..20_000 {
                let how = Draw {
                    temperature,
                    top_p,
                    max_tokens: 1,
                    seed: 0,
                };
                counts[draw(&mut logits.clone(), 4, &how, &mut rng).0 as usize] += 1;
            }
            counts.map(|count| f64::from(count) / 20_000.0)
        };
        assert!(counts(0.0, 1.0)[1] > 0.999);
        let shares = counts(1.0, 1.0);
        for (share, expected) in shares.iter().zip([0.0900, 0.6652, 0.2447, 0.0]) {
            assert!((share - expected).abs() < 0.012, "{shares:?}");
        }
        // Doubling the temperature halves the logits; 0.8 of the mass needs the first two tokens only.
        let nucleus = counts(2.0, 0.8);
        assert!(
            (nucleus[1] - 0.6225).abs() < 0.012 && nucleus[0] == 0.0,
            "{nucleus:?}"
        );
    }

    #[test]
    fn the_log_probability_is_the_models_own() {
        let how = Draw {
            temperature: 5.0,
            top_p: 1.0,
            max_tokens: 1,
            seed: 0,
        };
        let draw = |never| {
            draw(
                &mut [0.0, 2f32.ln()],
                never,
                &how,
                &mut ChaCha8Rng::seed_from_u64(1),
            )
        };
        let (token, told) = draw(2);
        let expected = [1.0 / 3.0, 2.0 / 3.0][token as usize];
        assert!((told.exp() - expected as f32).abs() < 1e-6);
        assert_eq!((draw(0).0, draw(1).0), (1, 0));
    }
}
