//! Vision-language models in candle: tensors in, logits out.

mod adapter;
mod batch;
mod cache;
mod chat;
mod checkpoint;
mod config;
mod draw;
mod gemma;
mod generate;
mod linear;
mod network;
pub mod ops;
mod parity;
mod processor;
mod projector;
mod resample;
mod sampling;
mod sequence;
mod siglip;
mod stored;
mod tokenizer;
mod weights;

pub use adapter::Lora;
pub use batch::{Batch, Side};
pub use cache::Cache;
pub use checkpoint::Checkpoint;
#[cfg(test)]
pub(crate) use checkpoint::tests::write_random;
pub use config::{Config, Family, LayerType, Prompting, TextConfig, VisionConfig};
pub use generate::{Continuation, Draw, generate, score};
pub use network::Network;
pub use parity::{Description, Differences, ParityReport, verify};
pub use processor::Processor;
pub use sampling::Sampling;
pub use sequence::{Role, Sequence};
pub use tokenizer::Tokenizer;
pub use weights::{Initial, Weights, save};
