//! POPE (Li et al. 2023): does the model say yes to objects that are not there?

use super::Variant;
use super::yes_no::YesNo;

/// Whose rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pope {
    /// POPE's own evaluation: every answer is a yes or a no.
    #[default]
    Official,
    /// lmms-eval: the answer is the word alone; others are wrong, and the yes-ratio is that of the truth.
    Lmms,
}

impl Variant for Pope {
    const ALL: &'static [(&'static str, Self)] = &[("official", Self::Official), ("lmms", Self::Lmms)];
}

impl Pope {
    /// What an answer says.
    #[must_use]
    pub fn read(self, answer: &str) -> YesNo {
        match self {
            Self::Official => YesNo::by_denial(answer),
            Self::Lmms => YesNo::gold(answer).unwrap_or(YesNo::Other),
        }
    }
}

/// Counts of answers against the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Confusion {
    /// Yes, rightly.
    pub true_yes: f64,
    /// Yes, wrongly.
    pub false_yes: f64,
    /// No, rightly.
    pub true_no: f64,
    /// No, wrongly.
    pub false_no: f64,
    /// Neither, where yes is true.
    pub other_yes: f64,
    /// Neither, where no is true.
    pub other_no: f64,
}

/// A share; 0 where there is nothing to share.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

impl Confusion {
    /// Counts one answer.
    pub fn count(&mut self, said: YesNo, truth: YesNo) {
        *match (said, truth == YesNo::Yes) {
            (YesNo::Yes, true) => &mut self.true_yes,
            (YesNo::Yes, false) => &mut self.false_yes,
            (YesNo::No, true) => &mut self.false_no,
            (YesNo::No, false) => &mut self.true_no,
            (YesNo::Other, true) => &mut self.other_yes,
            (YesNo::Other, false) => &mut self.other_no,
        } += 1.0;
    }

    /// The counts as sums that can be added up.
    #[must_use]
    pub fn sums(self) -> [f64; 6] {
        [
            self.true_yes,
            self.false_yes,
            self.true_no,
            self.false_no,
            self.other_yes,
            self.other_no,
        ]
    }

    /// The counts of such sums.
    #[must_use]
    pub fn of([true_yes, false_yes, true_no, false_no, other_yes, other_no]: [f64; 6]) -> Self {
        Self {
            true_yes,
            false_yes,
            true_no,
            false_no,
            other_yes,
            other_no,
        }
    }

    fn all(&self) -> f64 {
        self.true_yes + self.false_yes + self.true_no + self.false_no + self.other_yes + self.other_no
    }

    /// The share of right answers.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        share(self.true_yes + self.true_no, self.all())
    }

    /// How many of the yeses are right.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.true_yes, self.true_yes + self.false_yes)
    }

    /// How many of the true yeses were said, answers that are neither left out.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.true_yes, self.true_yes + self.false_no)
    }

    /// The harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        share(2.0 * precision * recall, precision + recall)
    }

    /// The share of yeses among the answers; with lmms-eval's rules, among the truths.
    #[must_use]
    pub fn yes_ratio(&self, rules: Pope) -> f64 {
        match rules {
            Pope::Official => share(self.true_yes + self.false_yes, self.all()),
            Pope::Lmms => share(self.true_yes + self.false_no + self.other_yes, self.all()),
        }
    }
}
