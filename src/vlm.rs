//! Vision-language models in candle: tensors in, logits out.

mod adapter;
mod attack;
mod batch;
mod bert;
mod cache;
mod chat;
mod checkpoint;
mod config;
mod device;
mod draw;
mod gemma;
mod generate;
#[cfg(test)]
mod gradients;
mod layer_norm;
mod linear;
mod network;
pub mod ops;
mod parity;
mod prefix;
mod processor;
mod projector;
mod resample;
mod sampling;
mod sequence;
pub(crate) mod settings;
mod siglip;
mod stored;
mod tokenizer;
mod weights;

pub use adapter::Lora;
pub use attack::{Attack, Attacked, attack};
pub use batch::{Batch, Side};
pub(crate) use bert::Bert;
pub use cache::Cache;
pub use checkpoint::Checkpoint;
pub(crate) use checkpoint::hash_of;
#[cfg(test)]
pub(crate) use checkpoint::tests::{write_random, write_random_chat};
pub use config::{Config, Family, LayerType, Prompting, TextConfig, VisionConfig};
pub use device::device;
pub use generate::{Continuation, Draw, generate, generate_after, score};
pub(crate) use layer_norm::LayerNorm;
pub(crate) use linear::Linear;
pub use network::Network;
pub use parity::{Description, Differences, ParityReport, verify};
pub use prefix::Prefix;
pub use processor::Processor;
pub(crate) use resample::{Filter, resize};
pub use sampling::Sampling;
pub use sequence::{Role, Sequence};
pub(crate) use stored::{files_of, weight_files};
pub use tokenizer::Tokenizer;
pub use weights::{Initial, Weights, save};
