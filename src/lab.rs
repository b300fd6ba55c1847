//! The lab: a procedural world where ground truth is free.

pub mod scene;
