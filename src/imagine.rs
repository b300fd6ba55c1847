//! Who draws: a painter carries out instructions.

mod draw;
pub mod http;
pub mod lab;
pub mod local;

pub use draw::{draw, finish};

use crate::lab::scene::Scene;
use crate::model::{Attempt, CallError, EncodedImage, ModelCard};
use std::sync::Arc;

/// What is to be drawn.
#[derive(Debug, Clone)]
pub struct DrawRequest {
    /// The probe's id, the subject of the painter's call.
    pub subject: Arc<str>,
    /// The image to edit, with its scene in the lab; none for a generation.
    pub base: Option<(EncodedImage, Option<Arc<Scene>>)>,
    /// The edit instruction or the caption.
    pub instruction: String,
    /// Derived from the probe's identity.
    pub seed: u64,
}

/// What was drawn, and what it took.
#[derive(Debug, Clone)]
pub struct Drawing {
    /// The image, or why there is none. `CallError::Refused` is a row.
    pub outcome: Result<Drawn, CallError>,
    /// Every attempt, in order.
    pub attempts: Vec<Attempt>,
}

/// A painted image.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Its encoded bytes.
    pub image: EncodedImage,
    /// The scene, in the lab.
    pub scene: Option<Arc<Scene>>,
}

/// Draws images from instructions.
#[async_trait::async_trait]
pub trait Painter: Send + Sync {
    /// Who this is.
    fn card(&self) -> &ModelCard;

    /// Carries out one instruction.
    async fn draw(&self, request: DrawRequest) -> Drawing;
}
