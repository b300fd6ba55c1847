//! The integration tests, in one binary: it links the query engine once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod benchmark;
mod command;
mod photos;
mod resume;
#[path = "../support/server.rs"]
mod server;
mod slt;
