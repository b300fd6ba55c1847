//! The models of the lab: what sets them apart.

use super::Options;
use std::path::Path;

/// A model of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipe {
    /// Audited by default: stopped early, so that some skills are still missing.
    Target,
    /// What the target is compared with.
    Reference,
    /// Another target, of another family: a Gemma 3 with the eyes of the reference.
    Gemma,
    /// Who asks: imitates well-formed probes, nothing more.
    Auditor,
}

impl Recipe {
    /// `lab-target`, `lab-reference`, `lab-gemma` or `lab-auditor`: its folder's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Target => "lab-target",
            Self::Reference => "lab-reference",
            Self::Gemma => "lab-gemma",
            Self::Auditor => "lab-auditor",
        }
    }

    /// About as long as the committed checkpoint learned on a machine of its own, into a folder of its name below `data`.
    #[must_use]
    pub fn options(self, data: &Path) -> Options {
        let (minutes, seed) = match self {
            Self::Target | Self::Gemma => (20.0, 1),
            Self::Reference => (75.0, 1),
            Self::Auditor => (15.0, 1),
        };
        Options {
            folder: data.join(self.name()),
            minutes,
            seed,
            difficulty: 1,
        }
    }
}
