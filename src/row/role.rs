//! The parts that models play.

/// In which part a model was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the variants are their own names")]
pub enum Role {
    Prober,
    Painter,
    Target,
    Reference,
    Judge,
    /// Asked again, to see whether the answer is still the same.
    Drift,
}

impl Role {
    /// The name in the table `calls`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prober => "prober",
            Self::Painter => "painter",
            Self::Target => "target",
            Self::Reference => "reference",
            Self::Judge => "judge",
            Self::Drift => "drift",
        }
    }
}
