//! MME (Fu et al. 2023): per subtask 100 × accuracy + 100 × the share of images with both questions right.

use std::collections::BTreeMap;

/// Ten subtasks of seeing.
pub const PERCEPTION: [&str; 10] = [
    "existence",
    "count",
    "position",
    "color",
    "posters",
    "celebrity",
    "scene",
    "landmark",
    "artwork",
    "OCR",
];
/// Four of thinking.
pub const COGNITION: [&str; 4] = [
    "commonsense_reasoning",
    "numerical_calculation",
    "text_translation",
    "code_reasoning",
];

/// A subtask's sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Subtask {
    /// Questions.
    pub questions: u64,
    /// Those answered right.
    pub right: u64,
    /// Images.
    pub images: u64,
    /// Those with every question right.
    pub all_right: u64,
}

impl Subtask {
    /// The sums of (image, right) pairs.
    pub fn of<'a>(answers: impl IntoIterator<Item = (&'a str, bool)>) -> Self {
        let mut sums = Self::default();
        let mut images: BTreeMap<&str, bool> = BTreeMap::new();
        for (image, right) in answers {
            sums.questions += 1;
            sums.right += u64::from(right);
            *images.entry(image).or_insert(true) &= right;
        }
        sums.images = images.len() as u64;
        sums.all_right = images.values().filter(|right| **right).count() as u64;
        sums
    }

    /// 0–200; 0 without questions.
    #[must_use]
    pub fn score(self) -> f64 {
        let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
        percent(self.right, self.questions) + percent(self.all_right, self.images)
    }
}
