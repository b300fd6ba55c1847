//! The integration tests, in one binary: it links the query engine once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod benchmark;
mod budget;
mod command;
mod compare;
mod curate;
mod follow;
mod frozen;
mod hostile;
mod kill;
mod kill_eval;
mod painter;
mod photos;
#[path = "../support/program.rs"]
mod program;
mod report;
mod resume;
mod reward;
mod rivals;
#[path = "../support/s3.rs"]
mod s3;
#[path = "../support/server.rs"]
mod server;
mod slices;
mod slt;
mod tables;
mod training;
