//! Sixteen public benchmarks, and frozen sets of one's own: their formats, prompts and metrics, asked of any model or
//! scored from predictions.
//!
//! ```text
//! data ──▶ load ──▶ suite::read ──▶ ask ──▶ suite::score ──▶ report
//! Parquet  records   questions      answers  one score a      the benchmark's table,
//! TSV JSON                          (tables) question          intervals, paired tests
//! ```
//! A benchmark is one file of [`suite`] and one variant of [`Benchmark`].

pub mod ask;
pub mod candidate;
pub mod compare;
pub mod evaluate;
pub mod load;
pub mod metric;
pub mod overview;
pub mod picture;
pub mod place;
pub mod prediction;
pub mod prompt;
pub mod python;
pub mod record;
pub mod report;
pub mod run;
pub mod scores;
pub mod set;
pub mod statistic;
pub mod suite;

pub use set::Set;

use picture::Picture;
use suite::Suite;

/// A benchmark by its name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
#[allow(missing_docs, reason = "each is described by its suite")]
pub enum Benchmark {
    #[value(name = "vqav2")]
    VqaV2,
    #[value(name = "okvqa")]
    OkVqa,
    Gqa,
    Ai2d,
    #[value(name = "docvqa")]
    DocVqa,
    #[value(name = "chartqa")]
    ChartQa,
    #[value(name = "refcoco")]
    RefCoco,
    CocoCaptions,
    #[value(name = "mmbench")]
    MmBench,
    Mmt,
    Seed,
    Mme,
    Mmmu,
    #[value(name = "mmstar")]
    MmStar,
    #[value(name = "realworldqa")]
    RealWorldQa,
    Pope,
}

impl Benchmark {
    /// What it is made of.
    #[must_use]
    pub fn suite(self) -> &'static Suite {
        match self {
            Self::VqaV2 => &suite::vqav2::SUITE,
            Self::OkVqa => &suite::okvqa::SUITE,
            Self::Gqa => &suite::gqa::SUITE,
            Self::Ai2d => &suite::ai2d::SUITE,
            Self::DocVqa => &suite::docvqa::SUITE,
            Self::ChartQa => &suite::chartqa::SUITE,
            Self::RefCoco => &suite::refcoco::SUITE,
            Self::CocoCaptions => &suite::coco_captions::SUITE,
            Self::MmBench => &suite::mmbench::SUITE,
            Self::Mmt => &suite::mmt::SUITE,
            Self::Seed => &suite::seed::SUITE,
            Self::Mme => &suite::mme::SUITE,
            Self::Mmmu => &suite::mmmu::SUITE,
            Self::MmStar => &suite::mmstar::SUITE,
            Self::RealWorldQa => &suite::realworldqa::SUITE,
            Self::Pope => &suite::pope::SUITE,
        }
    }
}

/// A question of a benchmark.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// As the data set numbers it.
    pub id: String,
    /// Without options.
    pub text: String,
    /// The options of multiple choice, from A.
    pub options: Vec<String>,
    /// Accepted answers: annotators', references, or a letter.
    pub answers: Vec<String>,
    /// The true box in pixels, `[x1, y1, x2, y2]`.
    pub target: Option<[f64; 4]>,
    /// The image's width and height in pixels, where they matter.
    pub size: Option<(f64, f64)>,
    /// The benchmark's own category, e.g. a subtask.
    pub category: Option<String>,
    /// A second division, finer or coarser.
    pub subcategory: Option<String>,
    /// The part of the data set.
    pub split: Option<String>,
    /// What counts together: rotations of a question, questions about an image.
    pub group: Option<String>,
    /// The original that its image was made from, where the data tell.
    pub root: Option<String>,
    /// The images in the order in which the question refers to them.
    pub pictures: Vec<Picture>,
}

impl Question {
    /// The options with their letters.
    #[must_use]
    pub fn lettered(&self) -> Vec<(char, String)> {
        ('A'..='Z').zip(self.options.iter().cloned()).collect()
    }

    /// The letter of the right option.
    #[must_use]
    pub fn letter(&self) -> Option<char> {
        self.answers
            .first()
            .and_then(|answer| answer.trim().chars().next())
    }
}

/// What a question's answer is worth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Score {
    /// 0–1, for captions CIDEr-D.
    pub value: f64,
    /// What was read out of the answer.
    pub extracted: String,
    /// Whether the official code would have guessed at random.
    pub guessed: bool,
    /// Intersection over union, for boxes.
    pub iou: Option<f64>,
}

impl Score {
    /// Right or wrong, by what was read out of the answer.
    #[must_use]
    pub fn right(right: bool, extracted: impl Into<String>) -> Self {
        Self {
            value: f64::from(u8::from(right)),
            extracted: extracted.into(),
            ..Self::default()
        }
    }

    /// A letter against the right one; none where the official code would guess.
    #[must_use]
    pub fn letter(letter: Option<char>, question: &Question) -> Self {
        let right = letter.is_some() && letter == question.letter();
        Self::right(right, letter.map(String::from).unwrap_or_default())
    }
}

/// A question, what a model said, and what it is worth.
#[derive(Debug, Clone)]
pub struct Scored {
    /// The question, without its pictures.
    pub question: Question,
    /// Which image it is about: the original, else content's hash, or where predictions come without images its group or
    /// own id.
    pub image: String,
    /// What the model said; none where it refused or the image is broken.
    pub answer: Option<String>,
    /// Why there is no answer.
    pub problem: Option<String>,
    /// What it is worth; a missing answer is wrong.
    pub score: Score,
}
