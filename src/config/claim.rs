//! Several processes on one source and one set of tables: who takes which images.
//!
//! A claim is static, by the hash of an image's bytes, so it needs no coordinator, nothing that a killed
//! process could leave locked, and equal images always have the same owner. Processes without claims are
//! correct too: they only pay for what both are asked at the same moment, and the views show it once.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

/// The share of the source's images that a process works on; all of them unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// From 1.
    worker: u64,
    workers: u64,
}

impl Default for Claim {
    fn default() -> Self {
        Self {
            worker: 1,
            workers: 1,
        }
    }
}

impl Claim {
    /// Whether an image is this process's own.
    #[must_use]
    pub fn holds(self, image_id: &str) -> bool {
        let hash = image_id
            .get(..15)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok());
        hash.unwrap_or_default() % self.workers == self.worker - 1
    }

    /// Whether this is everything.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.workers == 1
    }
}

impl Display for Claim {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.worker, self.workers)
    }
}

impl FromStr for Claim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(worker, workers)| {
            let numbers: (u64, u64) = (worker.parse().ok()?, workers.parse().ok()?);
            (1..=numbers.1).contains(&numbers.0).then_some(numbers)
        });
        let (worker, workers) =
            numbers.ok_or("a worker is K/N with K from 1 to N, e.g. 1/4 to 4/4 for four processes")?;
        Ok(Self { worker, workers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::content_id;

    #[test]
    fn every_image_has_one_owner() {
        let claims: Vec<Claim> = (1..=4).map(|k| format!("{k}/4").parse().unwrap()).collect();
        let mut owned = [0; 4];
        for image in 0..1_000 {
            let image_id = content_id(format!("image {image}").as_bytes());
            let owners: Vec<usize> = (0..4).filter(|&k| claims[k].holds(&image_id)).collect();
            assert_eq!(owners.len(), 1);
            owned[owners[0]] += 1;
            assert!(Claim::default().holds(&image_id));
        }
        assert!(owned.iter().all(|&count| count > 200), "{owned:?}");
        assert_eq!(claims[0].to_string(), "1/4");
    }

    #[test]
    fn claims_are_from_one_to_n() {
        for wrong in ["0/4", "5/4", "1", "1/", "a/b", "1/0", ""] {
            assert!(wrong.parse::<Claim>().unwrap_err().contains("1/4"), "{wrong}");
        }
    }
}
