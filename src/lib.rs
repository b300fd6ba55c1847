//! `auditdm` audits vision-language models by their differences.
//!
//! ```text
//! source ──▶ probe ──▶ imagine ──▶ answer ──▶ diverge ──▶ sink ──▶ tables ──▶ sql
//! images     who asks  who draws   who        how they    commits  Delta     slices,
//!                                  answers    differ               Lake      selections
//! ```
//! One record's path: an image is found by a [`source`], a prober asks about it ([`probe`]), a painter
//! may draw ([`imagine`]), target and reference [`model`]s answer, their divergence is scored, and every
//! step is a row of [`row`].

#![recursion_limit = "256"]

pub mod error;

mod failpoint;

pub mod row;

pub mod image;

pub mod lab;

pub mod source;

pub mod vlm;

pub mod embed;

pub mod flux;

pub mod hub;

pub mod budget;

pub mod model;

pub mod diverge;

pub mod progress;

pub mod metrics;

pub mod probe;

pub mod imagine;

pub mod answer;

pub mod config;

pub mod journal;

pub mod tables;

pub mod plan;

pub mod sink;

pub mod audit;

pub mod reward;

pub mod sql;

pub mod picture;

pub mod benchmark;

pub mod slice;

mod sample;

pub mod select;

pub mod export;

pub mod train;

pub mod reproduce;

pub mod report;

pub mod command;

pub use error::{Error, Result};
