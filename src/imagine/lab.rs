//! The lab's painter: instructions are carried out on the scene graph, then rendered.

use super::{DrawRequest, Drawing, Drawn, Painter};
use crate::lab;
use crate::lab::scene::Scene;
use crate::model::{Attempt, CallError, EncodedImage, ModelCard};
use crate::row::content_id;
use chrono::Utc;
use std::sync::Arc;
use std::time::Instant;

/// Draws lab scenes; what it does not understand is a refusal in words.
pub struct LabPainter {
    card: ModelCard,
}

impl Default for LabPainter {
    fn default() -> Self {
        Self {
            card: ModelCard::new("lab", "lab-painter", lab::REVISION, "", "", ""),
        }
    }
}

#[async_trait::async_trait]
impl Painter for LabPainter {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    async fn draw(&self, request: DrawRequest) -> Drawing {
        let (started_at, clock) = (Utc::now(), Instant::now());
        let painted = match &request.base {
            None => lab::paint::generate(&request.instruction, request.seed),
            Some((_, Some(scene))) => lab::paint::edit(scene, &request.instruction, request.seed),
            Some((_, None)) => Err("the lab's painter edits lab scenes only".to_owned()),
        };
        let outcome = painted
            .map(rendered)
            .map_err(|message| CallError::Refused { message });
        let attempt = Attempt {
            started_at,
            latency_ms: clock.elapsed().as_secs_f64() * 1e3,
            tokens_in: None,
            tokens_out: None,
            error: outcome.as_ref().err().cloned(),
        };
        Drawing {
            outcome,
            attempts: vec![attempt],
        }
    }
}

fn rendered(scene: Scene) -> Drawn {
    let bytes = lab::render::png(&scene);
    Drawn {
        image: EncodedImage::new(content_id(&bytes), bytes),
        scene: Some(Arc::new(scene)),
    }
}
