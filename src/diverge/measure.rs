//! Graded likeness of two short texts: token F1 (SQuAD v1.1) and ANLS (the RRC server's form).
//!
//! Both are in 0–1. Neither is a reward by itself: see [`super::rule`] for the gates.

use std::collections::HashMap;

/// Texts are cut to this many characters before the quadratic edit distance.
const LONGEST_CHARS: usize = 1_000;

/// Harmonic mean of the shares of tokens in common; articles and punctuation do not count.
#[must_use]
pub fn token_f1(prediction: &str, reference: &str) -> f64 {
    let (prediction, reference) = (squad_tokens(prediction), squad_tokens(reference));
    let mut left: HashMap<&str, usize> = HashMap::new();
    for token in &reference {
        *left.entry(token).or_default() += 1;
    }
    let common = prediction
        .iter()
        .filter(|token| match left.get_mut(token.as_str()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        })
        .count() as f64;
    if common == 0.0 {
        0.0
    } else {
        2.0 * common / (prediction.len() + reference.len()) as f64
    }
}

fn squad_tokens(text: &str) -> Vec<String> {
    text.to_lowercase()
        .chars()
        .filter(|c| !c.is_ascii_punctuation())
        .collect::<String>()
        .split_whitespace()
        .filter(|word| !matches!(*word, "a" | "an" | "the"))
        .map(str::to_owned)
        .collect()
}

/// 1 − edit distance / length of the longer text, 0 where that is below one half.
#[must_use]
pub fn anls(prediction: &str, reference: &str) -> f64 {
    let (prediction, reference) = (folded(prediction), folded(reference));
    let longest = prediction.len().max(reference.len());
    if longest == 0 {
        return 0.0;
    }
    let likeness = 1.0 - edit_distance(&prediction, &reference) as f64 / longest as f64;
    if likeness < 0.5 { 0.0 } else { likeness }
}

fn folded(text: &str) -> Vec<char> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ").chars().take(LONGEST_CHARS).collect()
}

/// Insertions, deletions and substitutions of characters that turn one text into the other.
#[must_use]
pub fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diverge::vectors;

    #[test]
    fn reference_vectors() {
        for (metric, measure) in [("token_f1", token_f1 as fn(&str, &str) -> f64), ("anls", anls)] {
            for vector in vectors(metric) {
                let prediction = vector["prediction"].as_str().unwrap();
                let references = vector["references"].as_array().unwrap();
                let best = references
                    .iter()
                    .map(|reference| measure(prediction, reference.as_str().unwrap()))
                    .fold(0.0, f64::max);
                let expected = vector["expected"].as_f64().unwrap();
                let tolerance = vector["tol"].as_f64().unwrap().max(1e-9);
                assert!(
                    (best - expected).abs() <= tolerance,
                    "{}: {best} is not {expected}",
                    vector["id"]
                );
            }
        }
    }
}
