//! A remote painter whose images are written down before they are handed on.

use super::model::{is_final, number};
use super::{Entry, Journal};
use crate::imagine::{DrawRequest, Drawing, Drawn, Painter};
use crate::model::{EncodedImage, ModelCard};
use crate::row::{content_id, id};
use std::sync::Arc;

/// A painter behind the journal. Its images come without scenes, as any server's do.
pub struct JournaledPainter {
    inner: Arc<dyn Painter>,
    journal: Arc<Journal>,
}

impl JournaledPainter {
    /// A painter, and where its images go.
    pub fn new(inner: Arc<dyn Painter>, journal: Arc<Journal>) -> Self {
        Self { inner, journal }
    }
}

#[async_trait::async_trait]
impl Painter for JournaledPainter {
    fn card(&self) -> &ModelCard {
        self.inner.card()
    }

    async fn draw(&self, request: DrawRequest) -> Drawing {
        let key = key(self.card(), &request);
        if let Some((entry, bytes)) = self.journal.take::<()>(key) {
            let image = || EncodedImage::new(content_id(&bytes), bytes.clone());
            return Drawing {
                outcome: entry.outcome.map(|()| Drawn {
                    image: image(),
                    scene: None,
                }),
                attempts: entry.attempts,
            };
        }
        let subject = request.subject.to_string();
        let Drawing { outcome, attempts } = self.inner.draw(request).await;
        let entry = Entry {
            model_id: self.card().model_id.clone(),
            subject,
            outcome: outcome.as_ref().map(|_| ()).map_err(Clone::clone),
            attempts,
        };
        if is_final(&outcome) {
            let bytes = outcome.as_ref().map_or(&[][..], |drawn| &drawn.image.bytes);
            self.journal.append(key, &entry, bytes).await;
        }
        Drawing {
            outcome,
            attempts: entry.attempts,
        }
    }
}

/// Everything that may change the image.
fn key(card: &ModelCard, request: &DrawRequest) -> u128 {
    let base = request.base.as_ref().map_or("", |(image, _)| &image.image_id);
    let seed = request.seed.to_string();
    number(&id([
        &card.model_id,
        &*request.subject,
        &request.instruction,
        base,
        &seed,
    ]))
}
