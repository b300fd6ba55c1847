//! Vision-language models in candle: tensors in, logits out.

mod cache;
mod config;
mod gemma;
mod linear;
pub mod ops;
mod paligemma;
mod sampling;
mod sequence;
mod siglip;
mod stored;
mod weights;

pub use cache::Cache;
pub use config::{Config, LayerType, Prompting, TextConfig, VisionConfig};
pub use paligemma::PaliGemma;
pub use sampling::Sampling;
pub use sequence::{Role, Sequence};
pub use weights::{Initial, Weights, save};
