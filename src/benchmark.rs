//! Public benchmarks: their formats, prompts and metrics.

pub mod metric;
pub mod python;
pub mod statistic;
