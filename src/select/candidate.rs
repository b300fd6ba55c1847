//! What is held of a row while it is not yet known whether it is chosen: far less than the row.

use super::Options;
use crate::row::id;
use crate::sample::Sample;
use unicode_normalization::UnicodeNormalization;

/// A row that may be chosen.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Its place in the random order.
    pub(super) drawn: u128,
    pub(super) id: String,
    /// What it has in the column that quotas count by.
    pub(super) value: String,
    /// Its question, where the distance of questions counts.
    pub(super) prompt: String,
    /// Why nothing can be learned from it.
    pub(super) problem: Option<String>,
    /// Whether it goes back to an image of a benchmark.
    pub(super) is_in_benchmark: bool,
    /// The hash of its first image, where that says anything.
    pub(super) looks: Option<i64>,
    pub(super) keys: Keys,
    /// By which it is known again when the query runs a second time.
    pub(super) row: u128,
}

/// What makes rows the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    /// The same images and question.
    pub(super) pair: u128,
    /// The same question and answer, within which looks are compared: an edit that changes the answer stays.
    pub(super) group: u64,
}

impl Keys {
    pub(super) fn of(images: &[String], prompt: &str, completion: &str) -> Self {
        let [prompt, completion] = [prompt, completion].map(|text| {
            let text = text.nfkc().collect::<String>().to_lowercase();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        });
        let images = images.iter().map(String::as_str);
        Self {
            pair: key(images.chain([prompt.as_str()])),
            group: (key([&prompt, &completion]) >> 64) as u64,
        }
    }
}

/// The row's own key.
pub(super) fn row(sample: &Sample) -> u128 {
    let own = [&sample.id, &sample.prompt, &sample.completion];
    key(own.into_iter().chain(&sample.images))
}

/// A row's place in the random order.
pub(super) fn drawn(seed: u64, of: &str) -> u128 {
    key([seed.to_string().as_str(), of])
}

fn key<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> u128 {
    u128::from_str_radix(&id(parts), 16).expect("an id has 32 hexadecimal digits")
}

impl Candidate {
    pub(super) fn of(sample: &Sample, options: &Options, looks: Option<i64>, is_in_benchmark: bool) -> Self {
        let value = options.by.as_deref().map(|by| sample.value(by));
        let compares = options
            .diversity
            .as_ref()
            .is_some_and(|diversity| diversity.embedder.is_some());
        Self {
            drawn: drawn(options.seed, &sample.id),
            id: sample.id.clone(),
            value: value.unwrap_or_else(|| "(all)".to_owned()),
            prompt: if compares {
                sample.prompt.clone()
            } else {
                String::new()
            },
            problem: sample.complete().err(),
            is_in_benchmark,
            looks,
            keys: Keys::of(&sample.images, &sample.prompt, &sample.completion),
            row: row(sample),
        }
    }
}
