//! The lab: a procedural world where ground truth is free.

pub mod generate;
pub mod question;
pub mod scene;
