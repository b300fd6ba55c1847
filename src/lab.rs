//! The lab: a procedural world where ground truth is free.

pub mod generate;
pub mod holdout;
pub mod label;
pub mod layout;
pub mod question;
pub mod refer;
pub mod render;
pub mod scene;
