//! The lab: a procedural world where ground truth is free.

pub mod scene;

pub mod layout;

pub mod describe;
pub mod generate;
pub mod holdout;
pub mod label;
pub mod paint;
pub mod refer;
pub mod render;

pub mod answer;
pub mod question;

pub use answer::{answer, category};

/// The version of the world: another one draws or asks differently.
pub const REVISION: &str = "1";
