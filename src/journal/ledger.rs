//! Which answers are in which segment, and which segments are still needed.

use super::Started;
use super::segment::Record;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A segment's number in this process.
pub(super) type Number = usize;

#[derive(Default)]
pub(super) struct Ledger {
    /// What earlier processes left and nobody has asked for yet, by key.
    found: HashMap<u128, (Number, Record)>,
    /// What somebody works with and is not committed, by subject: few calls share one.
    waiting: HashMap<String, Vec<(Started, Number)>>,
    /// The files, with the answers in them that are not committed.
    segments: HashMap<Number, (PathBuf, usize)>,
    next: Number,
}

impl Ledger {
    /// A segment from here on, without answers.
    pub(super) fn add(&mut self, path: PathBuf) -> Number {
        self.next += 1;
        self.segments.insert(self.next, (path, 0));
        self.next
    }

    /// A segment that an earlier process wrote. Of answers to the same question any will do.
    pub(super) fn find(&mut self, path: PathBuf, records: Vec<Record>) {
        let segment = self.add(path);
        self.segments
            .entry(segment)
            .and_modify(|(_, open)| *open = records.len());
        let records = records.into_iter().map(|record| (record.key, (segment, record)));
        self.found.extend(records);
    }

    pub(super) fn found(&self) -> usize {
        self.found.len()
    }

    /// What was found in segments whose names start so.
    pub(super) fn found_in<'a>(&'a self, owner: &'a str) -> impl Iterator<Item = &'a Record> {
        let records = self.found.values();
        let owned = records.filter(move |(segment, _)| {
            let segment = self.segments.get(segment);
            segment.is_some_and(|(path, _)| is_owned(path, owner))
        });
        owned.map(|(_, record)| record)
    }

    pub(super) fn take(&mut self, key: u128) -> Option<(Number, Record)> {
        self.found.remove(&key)
    }

    /// An answer of a segment is on its way to the tables.
    pub(super) fn wait(&mut self, segment: Number, subject: String, started: Started) {
        self.waiting.entry(subject).or_default().push((started, segment));
    }

    /// Answers are about to be written; false where the segment was given up in the meantime.
    pub(super) fn expect(&mut self, segment: Number, answers: &[(String, Started)]) -> bool {
        let Some((_, open)) = self.segments.get_mut(&segment) else {
            return false;
        };
        *open += answers.len();
        for (subject, started) in answers {
            self.wait(segment, subject.clone(), *started);
        }
        true
    }

    /// Calls are committed; gives the segments that nobody needs any more.
    pub(super) fn settle(&mut self, calls: &[(String, Started)]) -> Vec<PathBuf> {
        let mut settled = Vec::new();
        for (subject, started) in calls {
            let Some(waiting) = self.waiting.get_mut(subject) else {
                continue;
            };
            let Some(at) = waiting.iter().position(|(when, _)| when == started) else {
                continue;
            };
            let (_, segment) = waiting.swap_remove(at);
            if waiting.is_empty() {
                self.waiting.remove(subject);
            }
            if let Some((_, open)) = self.segments.get_mut(&segment) {
                *open -= 1;
                if *open == 0 {
                    settled.extend(self.segments.remove(&segment).map(|(path, _)| path));
                }
            }
        }
        settled
    }

    /// Gives up the segments whose names start so.
    pub(super) fn forget(&mut self, owner: &str) -> Vec<PathBuf> {
        let owned = self.segments.extract_if(|_, (path, _)| is_owned(path, owner));
        let forgotten: HashMap<_, _> = owned.collect();
        self.found
            .retain(|_, (segment, _)| !forgotten.contains_key(segment));
        forgotten.into_values().map(|(path, _)| path).collect()
    }
}

fn is_owned(path: &Path, owner: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(owner))
}
