//! The benchmarks' metrics, one file each: functions of answers and gold answers, without input or output.
//!
//! The official rule is the default; what other evaluators do differently is a named variant. All agree with vectors
//! that the reference evaluators computed (`metric_vectors`). No text is evaluated as code.

pub mod ai2d;
pub mod anls;
pub mod box_iou;
pub mod cider;
pub mod gqa;
pub mod letter;
pub mod mean;
pub mod mmbench;
pub mod mme;
pub mod mmmu;
pub mod mmt;
pub mod pope;
pub mod ptb;
pub mod realworldqa;
pub mod relaxed;
pub mod seed;
pub mod vqa_accuracy;
pub mod yes_no;

#[cfg(test)]
mod vectors;

/// Rules of several evaluators for the same metric; the default is the official one.
pub trait Variant: Copy + Default + 'static {
    /// All of them by name.
    const ALL: &'static [(&'static str, Self)];

    /// The rules of that name.
    #[must_use]
    fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(each, _)| *each == name)
            .map(|(_, rules)| *rules)
    }
}
