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
