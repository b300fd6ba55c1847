//! Vision-language models in candle: tensors in, logits out.

mod batch;
mod cache;
mod config;
mod draw;
mod gemma;
mod generate;
mod linear;
pub mod ops;
mod paligemma;
mod parity;
mod sampling;
mod sequence;
mod siglip;
mod stored;
mod weights;

pub use batch::{Batch, Side};
pub use cache::Cache;
pub use config::{Config, LayerType, Prompting, TextConfig, VisionConfig};
pub use generate::{Continuation, Draw, generate, score};
pub use paligemma::PaliGemma;
pub use parity::{Description, Differences, ParityReport, verify};
pub use sampling::Sampling;
pub use sequence::{Role, Sequence};
pub use weights::{Initial, Weights, save};
