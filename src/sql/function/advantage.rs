//! The advantage of a reward within its group, as GRPO has it (Shao et al. 2024).

/// Keeps a group without spread from dividing by nothing.
const EPSILON: f64 = 1e-4;

/// (r − mean) / (standard deviation + 1e-4).
pub(super) fn of(reward: f64, mean: f64, deviation: f64) -> f64 {
    (reward - mean) / (deviation + EPSILON)
}
