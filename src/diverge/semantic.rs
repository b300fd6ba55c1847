//! How far two long answers are apart in meaning: the angle between their embeddings.
//!
//! In: texts that the rules cannot compare. Out: a [`Distance`] with the rule `semantic`. What the texts contradict each other
//! in (numbers, colours, sides, denials) counts for more than what they have in common: sentences that differ in one such word
//! are close to every embedding. Ground truth is not decided this way. Left out: several embeddings of one long text.

use super::normalize::normalize;
use super::rule::{Distance, conflict, is_long};
use crate::embed::{Embedder, cosine};
use crate::error::Result;
use crate::hub;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Texts that are remembered; all are forgotten when there are more.
const REMEMBERED: usize = 50_000;

/// Which model of sentences, and how close is close.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SemanticOptions {
    /// A folder as sentence-transformers saves it, or the name of such a model on the hub.
    pub path: String,
    /// Answers whose embeddings have a larger cosine say the same.
    pub same_above: f64,
}

impl Default for SemanticOptions {
    fn default() -> Self {
        Self {
            path: String::new(),
            same_above: 0.8,
        }
    }
}

impl SemanticOptions {
    /// What is wrong with it, each problem beginning with the option's name.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.path.is_empty() {
            problems.push(
                "path is missing: name a folder as sentence-transformers saves it, or a model of the hub, e.g. \
                 \"sentence-transformers/all-MiniLM-L6-v2\""
                    .to_owned(),
            );
        }
        if !(self.same_above > 0.0 && self.same_above < 1.0) {
            problems.push("same_above is a cosine between 0 and 1, e.g. 0.8".to_owned());
        }
        problems
    }
}

/// A model of sentences, and the texts that it has read.
#[derive(Debug)]
pub(super) struct Semantic {
    embedder: Arc<Embedder>,
    same_above: f64,
    known: Arc<Mutex<HashMap<String, Vec<f32>>>>,
}

impl Semantic {
    pub(super) fn open(options: &SemanticOptions) -> Result<Self> {
        Ok(Self {
            embedder: Arc::new(Embedder::load(&hub::folder(&options.path)?)?),
            same_above: options.same_above,
            known: Arc::default(),
        })
    }

    /// What it adds to a measure's name.
    pub(super) fn name(&self) -> String {
        format!(
            " semantic={} above={}",
            &self.embedder.revision()[..12],
            self.same_above
        )
    }

    /// Embeds the long ones of these texts on a thread that may be busy.
    pub(super) async fn read(&self, mut texts: Vec<String>) -> Result<()> {
        texts.retain(|text| is_long(&normalize(text)));
        let (embedder, known) = (self.embedder.clone(), self.known.clone());
        tokio::task::spawn_blocking(move || remember(&embedder, &known, texts))
            .await
            .expect("embedding does not panic")
    }

    /// 0 the same, below one half close enough, 1 unrelated.
    pub(super) fn distance(&self, a: &str, b: &str) -> Distance {
        if conflict(&normalize(a), &normalize(b)) {
            return Distance::new("conflict", 1.0);
        }
        let texts = [a, b].map(str::to_owned).to_vec();
        let Ok(()) = remember(&self.embedder, &self.known, texts) else {
            return Distance::unknown("long_text"); // as without a model of sentences
        };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match (known.get(a), known.get(b)) {
            (Some(a), Some(b)) => Distance::new("semantic", self.score(cosine(a, b))),
            _ => Distance::unknown("long_text"),
        }
    }

    /// Falls with the cosine, and is one half where "the same" ends.
    fn score(&self, cosine: f64) -> f64 {
        let (cosine, bound) = (cosine.clamp(0.0, 1.0), self.same_above);
        if cosine > bound {
            0.5 * (1.0 - cosine) / (1.0 - bound)
        } else {
            1.0 - 0.5 * cosine / bound
        }
    }
}

fn remember(
    embedder: &Embedder,
    known: &Mutex<HashMap<String, Vec<f32>>>,
    mut texts: Vec<String>,
) -> Result<()> {
    texts.sort_unstable();
    texts.dedup();
    {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + texts.len() > REMEMBERED {
            known.clear();
        }
        texts.retain(|text| !known.contains_key(text));
    }
    let views: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = embedder.embed(&views)?;
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.extend(texts.into_iter().zip(vectors));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Measure, Scale, consensus};
    use super::*;

    const LONG: [&str; 3] = [
        "a dog runs on the beach while two men are playing football in the park",
        "two men are playing football in the park while a dog runs on the beach",
        "unbelievable, the mat, the mat, the mat, the mat, the mat, the mat, the mat",
    ];

    fn scale(same_above: f64) -> Scale {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/embedder").to_owned();
        let semantic = Some(SemanticOptions { path, same_above });
        Scale::open(&Measure {
            semantic,
            ..Measure::default()
        })
        .unwrap()
    }

    #[tokio::test]
    async fn long_texts_are_compared_by_meaning() {
        let scale = scale(0.9);
        scale.read(LONG.map(str::to_owned).to_vec()).await.unwrap();
        let apart = |a: &str, b: &str| scale.distance(a, b, &[]);
        let (near, far) = (apart(LONG[0], LONG[1]), apart(LONG[0], LONG[2]));
        assert_eq!((near.rule, far.rule), ("semantic", "semantic"));
        assert!(near.score.unwrap() < far.score.unwrap(), "{near:?} {far:?}");
        assert!(apart(LONG[0], LONG[0]).score.unwrap() < 1e-6);
        assert_eq!(near, apart(LONG[1], LONG[0]));
        let denied = LONG[1].replace("are playing", "are not playing");
        assert_eq!(apart(LONG[0], &denied), Distance::new("conflict", 1.0));
        assert_eq!(
            apart("cat", "dog").rule,
            "likeness",
            "short answers stay with the rules"
        );
        assert_eq!(Scale::default().distance(LONG[0], LONG[1], &[]).score, None);
    }

    #[test]
    fn the_bound_is_one_half() {
        let scale = scale(0.8);
        assert!(
            scale
                .name()
                .starts_with("rules-1 agreement=0.5 tolerance=0 semantic=")
        );
        assert!(scale.name().ends_with(" above=0.8"));
        let semantic = Semantic::open(scale.measure.semantic.as_ref().unwrap()).unwrap();
        let score = |cosine| semantic.score(cosine);
        assert!((score(0.8) - 0.5).abs() < 1e-12 && (score(0.9) - 0.25).abs() < 1e-12);
        assert!(score(1.0).abs() < 1e-12 && (score(0.4) - 0.75).abs() < 1e-12 && score(-0.5) > 0.999);
    }

    #[test]
    fn references_agree_by_meaning() {
        let alike = consensus(&LONG[..2], &[], &scale(0.5)).unwrap();
        assert!((alike.agreement - 1.0).abs() < 1e-12);
        let without = consensus(&LONG[..2], &[], &Scale::default()).unwrap();
        assert!((without.agreement - 0.5).abs() < 1e-12);
    }
}
