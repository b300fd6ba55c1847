//! Rows that are unlike each other: in what their images look like and in what is asked.
//!
//! In: the candidates of one quota, in random order. Out: as many as are wanted, each the one farthest from those before it
//! (Gonzalez 1985: within twice the best possible least distance). Left out: the pixels and answers themselves; more
//! candidates than a few for each that is wanted, because every choice compares with all of them.

use super::candidate::Candidate;
use crate::embed::{Embedder, cosine};
use crate::error::Result;
use rayon::prelude::*;
use std::collections::HashMap;

/// Candidates for each row that is wanted.
const FOR_EACH: usize = 4;

/// Two hashes of images that have nothing in common differ in half of their bits.
const UNRELATED_BITS: f64 = 32.0;

/// What diversity is measured by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diversity {
    /// A model of sentences for the questions, a folder or its name on the hub; without one only looks count.
    pub embedder: Option<String>,
}

/// A candidate as a place.
struct Point<'a> {
    looks: Option<i64>,
    question: Option<&'a [f32]>,
}

/// As many of these as are wanted, far from each other.
pub(super) fn choose(
    mut candidates: Vec<Candidate>,
    wanted: usize,
    embedder: Option<&Embedder>,
) -> Result<Vec<Candidate>> {
    candidates.truncate(wanted.saturating_mul(FOR_EACH));
    let mut questions: Vec<&str> = candidates
        .iter()
        .map(|candidate| candidate.prompt.as_str())
        .collect();
    questions.sort_unstable();
    questions.dedup();
    let embedded = embedder.map(|embedder| embedder.embed(&questions)).transpose()?;
    let embedded: HashMap<&str, Vec<f32>> = questions
        .into_iter()
        .zip(embedded.into_iter().flatten())
        .collect();
    let points: Vec<Point<'_>> = candidates
        .iter()
        .map(|candidate| Point {
            looks: candidate.looks,
            question: embedded.get(candidate.prompt.as_str()).map(Vec::as_slice),
        })
        .collect();
    let mut chosen = farthest(&points, wanted);
    chosen.sort_unstable();
    let mut chosen = chosen.into_iter().peekable();
    let taken = candidates.iter().enumerate();
    let taken = taken.filter(|(at, _)| chosen.next_if_eq(at).is_some());
    Ok(taken.map(|(_, candidate)| candidate.clone()).collect())
}

/// The first, then each time the one whose nearest neighbour among the chosen is farthest; of equals the earliest.
fn farthest(points: &[Point<'_>], wanted: usize) -> Vec<usize> {
    let mut nearest = vec![f64::INFINITY; points.len()];
    let (mut chosen, mut next) = (Vec::new(), 0);
    while chosen.len() < wanted.min(points.len()) {
        chosen.push(next);
        nearest[next] = f64::NEG_INFINITY;
        let each = nearest
            .par_iter_mut()
            .zip(points)
            .enumerate()
            .map(|(at, (nearest, point))| {
                *nearest = nearest.min(distance(point, &points[next]));
                (*nearest, at)
            });
        let first_of_largest = |a: (f64, usize), b: (f64, usize)| {
            let order = a.0.total_cmp(&b.0).then(b.1.cmp(&a.1));
            if order.is_lt() { b } else { a }
        };
        next = each
            .reduce(|| (f64::NEG_INFINITY, usize::MAX), first_of_largest)
            .1;
    }
    chosen
}

/// From 0 to 1; what is not known of either is not compared.
fn distance(a: &Point<'_>, b: &Point<'_>) -> f64 {
    let looks = a.looks.zip(b.looks);
    let looks = looks.map(|(a, b)| (f64::from((a ^ b).count_ones()) / UNRELATED_BITS).min(1.0));
    let question = a
        .question
        .zip(b.question)
        .map(|(a, b)| 1.0 - cosine(a, b).clamp(0.0, 1.0));
    match (looks, question) {
        (Some(looks), Some(question)) => f64::midpoint(looks, question),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::candidate::Keys;
    use std::path::Path;

    fn candidate(at: u32, prompt: &str, looks: Option<i64>) -> Candidate {
        Candidate {
            drawn: u128::from(at),
            id: at.to_string(),
            value: String::new(),
            prompt: prompt.to_owned(),
            problem: None,
            is_in_benchmark: false,
            looks,
            keys: Keys { pair: 0, group: 0 },
            row: u128::from(at),
        }
    }

    fn ids(chosen: &[Candidate]) -> Vec<&str> {
        chosen.iter().map(|candidate| candidate.id.as_str()).collect()
    }

    #[test]
    fn one_of_each_look_before_a_second() {
        let looks = [0_i64, 0xFFFF, 0xFFFF_0000, 0xFFFF_0000_0000];
        let rows = (0..12_u32).map(|at| {
            let hash = looks[at as usize / 3] | i64::from(at % 3) << 60; // three alike
            candidate(at, "", Some(hash))
        });
        let rows: Vec<Candidate> = rows.collect();
        let chosen = choose(rows.clone(), 4, None).unwrap();
        let of: Vec<u32> = chosen
            .iter()
            .map(|row| row.id.parse::<u32>().unwrap() / 3)
            .collect();
        assert_eq!(of, [0, 1, 2, 3]);
        assert_eq!(
            ids(&choose(rows.clone(), 4, None).unwrap()),
            ids(&chosen),
            "always the same"
        );
        assert_eq!(choose(rows.clone(), 12, None).unwrap().len(), 12);
        assert_eq!(choose(rows, 0, None).unwrap().len(), 0);
        let unknown = (0..5).map(|at| candidate(at, "", None)).collect();
        assert_eq!(ids(&choose(unknown, 2, None).unwrap()), ["0", "1"]);
    }

    #[test]
    fn questions_of_other_meaning_come_first() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/embedder");
        let embedder = Embedder::load(&folder).unwrap();
        let asked = [
            "how many dogs are there?",
            "how many dogs are there?",
            "unbelievable, the mat",
        ];
        let rows = asked.iter().enumerate();
        let rows: Vec<Candidate> = rows
            .map(|(at, prompt)| candidate(u32::try_from(at).unwrap(), prompt, Some(0x0F0F)))
            .collect();
        assert_eq!(
            ids(&choose(rows.clone(), 2, Some(&embedder)).unwrap()),
            ["0", "2"]
        );
        assert_eq!(
            ids(&choose(rows, 2, None).unwrap()),
            ["0", "1"],
            "looks alone cannot tell"
        );
    }
}
