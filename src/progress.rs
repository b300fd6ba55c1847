//! How far an audit is: counters that the stages raise and a face reads.

use crate::row::Role;
use std::sync::atomic::{AtomicU64, Ordering};

/// One counter; relaxed, since nothing is decided by it.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Raises it.
    pub fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Reads it.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a model did so far.
#[derive(Debug)]
pub struct ModelProgress {
    /// In which part.
    pub role: Role,
    /// The name in the configuration.
    pub name: String,
    /// Replies that are there, refusals included.
    pub done: Counter,
    /// Requests that failed for now.
    pub failed: Counter,
    /// Requests that were handed over.
    pub asked: Counter,
}

/// The counters of one audit.
#[derive(Debug, Default)]
pub struct Progress {
    /// Source images that are finished.
    pub images: Counter,
    /// Source images that could not be read or decoded.
    pub broken: Counter,
    /// Source images that another image of this run already showed, byte for byte.
    pub duplicates: Counter,
    /// Probes that were written in this run, those without a question included.
    pub probes: Counter,
    /// Pairs whose divergence was computed.
    pub pairs: Counter,
    /// Probes that a transient failure left for a later run.
    pub postponed: Counter,
    /// By model and role, in the order of the cast.
    pub models: Vec<ModelProgress>,
}

impl Progress {
    /// The counters of the model with that name in that role.
    ///
    /// # Panics
    /// When the cast has no such part.
    pub fn of(&self, role: Role, name: &str) -> &ModelProgress {
        self.models
            .iter()
            .find(|model| model.role == role && model.name == name)
            .expect("every part of the cast is counted")
    }
}
