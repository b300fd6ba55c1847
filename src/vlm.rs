//! Vision-language models in candle: tensors in, logits out.

mod sampling;

pub use sampling::Sampling;
