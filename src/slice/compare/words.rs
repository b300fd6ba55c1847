//! A comparison as text: the verdict in a sentence, figures by category.

use super::{Compared, Part, Verdict};
use crate::slice::condition::shown;
use std::fmt;

impl Verdict {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NonInferior => "non-inferior",
            Self::Inferior => "inferior",
            Self::Undecided => "undecided",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<24} {:>7} {:>7.1} {:>7.1} {:>+7.1}  {:>+6.1} to {:>+5.1}  {:<12}",
            shown(&self.category),
            self.pairs,
            self.small,
            self.large,
            self.difference,
            self.low,
            self.high,
            self.verdict.name()
        )?;
        match self.pairs_more {
            Some(more) => write!(f, " {more:>9}"),
            None => write!(f, " {:>9}", "–"),
        }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Part {
            pairs,
            images,
            small,
            large,
            difference,
            low,
            high,
            ..
        } = &self.all;
        let (names, margin) = (
            [&self.small.name, &self.large.name].map(|name| shown(name)),
            self.margin,
        );
        let [first, second] = &names;
        match self.all.verdict {
            Verdict::NonInferior => writeln!(
                f,
                "{first} is non-inferior to {second}: at most {margin} points worse"
            )?,
            Verdict::Inferior => writeln!(
                f,
                "{first} is inferior to {second}: more than {margin} points worse"
            )?,
            Verdict::Undecided => writeln!(
                f,
                "Undecided whether {first} is at most {margin} points worse than {second}"
            )?,
        }
        let slice = self
            .predicate
            .as_deref()
            .map_or_else(String::new, |text| format!(" where {}", shown(text)));
        writeln!(
            f,
            "  {pairs} pairs about {images} images{slice}, verified for both\n  \
             accuracy {small:.1} % and {large:.1} %: {difference:+.1} points (95 % interval {low:+.1} to {high:+.1})\n  \
             only {first} right: {}; only {second} right: {}; design effect {:.2}",
            self.all.small_only, self.all.large_only, self.all.design_effect
        )?;
        match (self.all.verdict, self.all.pairs_needed, self.all.pairs_more) {
            (Verdict::Undecided, Some(needed), Some(more)) => writeln!(
                f,
                "  if the accuracies stay as they are, {needed} pairs decide in 80 % of samples: {more} more"
            )?,
            (Verdict::Undecided, ..) => writeln!(
                f,
                "  the difference is at the margin: no number of pairs would decide"
            )?,
            _ => {}
        }
        for remark in &self.remarks {
            writeln!(f, "  note: {}", shown(remark))?;
        }
        if !self.categories.is_empty() {
            writeln!(
                f,
                "\n  {:<24} {:>7} {:>7} {:>7} {:>7}  {:>15}  {:<12} {:>9}",
                "category", "pairs", "small", "large", "diff", "95 % interval", "verdict", "more"
            )?;
        }
        for part in &self.categories {
            writeln!(f, "  {part}")?;
        }
        Ok(())
    }
}
