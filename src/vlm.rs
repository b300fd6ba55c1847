//! Vision-language models in candle: tensors in, logits out.

mod batch;
mod cache;
mod checkpoint;
mod config;
mod draw;
mod gemma;
mod generate;
mod linear;
pub mod ops;
mod paligemma;
mod parity;
mod processor;
mod resample;
mod sampling;
mod sequence;
mod siglip;
mod stored;
mod tokenizer;
mod weights;

pub use batch::{Batch, Side};
pub use cache::Cache;
pub use checkpoint::Checkpoint;
#[cfg(test)]
pub(crate) use checkpoint::tests::write_random;
pub use config::{Config, LayerType, Prompting, TextConfig, VisionConfig};
pub use generate::{Continuation, Draw, generate, score};
pub use paligemma::PaliGemma;
pub use parity::{Description, Differences, ParityReport, verify};
pub use processor::Processor;
pub use sampling::Sampling;
pub use sequence::{Role, Sequence};
pub use tokenizer::Tokenizer;
pub use weights::{Initial, Weights, save};
