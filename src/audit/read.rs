//! From a source's listing to images that can be asked about: bytes are read, hashed and looked into.
//!
//! What cannot be read or decoded is a row with its reason, and the audit goes on.

use crate::image::{Depth, look};
use crate::model::EncodedImage;
use crate::model::http::on_pixel_threads;
use crate::probe::Subject;
use crate::row::{ImageRow, content_id};
use crate::source::Found;
use bytes::Bytes;
use chrono::Utc;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// So much is hashed, and its header read, where it is: handing it to another thread takes as long.
const QUICK_BYTE: usize = 256 << 10;

/// An image of the source, read: its row, and the subject of probes unless it is broken.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The row of the table `images`.
    pub(crate) row: ImageRow,
    /// What probers look at; none when the image is broken.
    pub(crate) subject: Option<Subject>,
    /// The path in the source, for the table `image_bytes`.
    pub(crate) path: String,
}

impl Seen {
    /// Encoded bytes that it holds.
    pub(crate) fn byte(&self) -> usize {
        self.subject
            .as_ref()
            .map_or(0, |subject| subject.image.bytes.len())
    }
}

/// An image of a source as probers see it.
pub(crate) fn subject(found: &Found, image_id: &str, bytes: Bytes) -> Subject {
    Subject {
        image: EncodedImage::new(image_id, bytes),
        scene: found.scene.clone(),
        questions: found.questions.as_slice().into(),
        licence: found.licence.as_deref().map(Into::into),
    }
}

/// Reads one image and looks into it.
pub(crate) async fn read(found: Found, depth: Depth) -> Seen {
    let mut row = ImageRow {
        image_id: String::new(),
        root_image_id: String::new(),
        parent_image_id: None,
        operation: "original".to_owned(),
        instruction: None,
        painter_id: None,
        uri: Some(found.uri.clone()),
        etag: found.etag.clone(),
        attributes: (!found.attributes.is_empty())
            .then(|| serde_json::Value::Object(found.attributes.clone()).to_string()),
        width: None,
        height: None,
        format: None,
        perceptual_hash: None,
        licence: found.licence.clone(),
        scene: found
            .scene
            .as_deref()
            .and_then(|scene| serde_json::to_string(scene).ok()),
        status: "broken".to_owned(),
        error: None,
        created_at: Utc::now(),
    };
    let (image_id, looked) = match (found.read)().await {
        // Nothing was read: the place stands for the content.
        Err(problem) => (content_id(found.uri.as_bytes()), Err(problem)),
        Ok(bytes) => {
            let is_quick = depth == Depth::Header && bytes.len() <= QUICK_BYTE;
            let look = move || {
                let look = look(&bytes, depth).map_err(|problem| problem.to_string());
                (content_id(&bytes), look.map(|look| (look, bytes)))
            };
            let looked = if is_quick {
                catch_unwind(AssertUnwindSafe(look)).ok()
            } else {
                // A few at a time, however many are read: twelve megapixels are 36 MB.
                on_pixel_threads(look).await.ok()
            };
            let gave_up = || Err("the decoder gave up on this image".to_owned());
            looked.unwrap_or_else(|| (content_id(found.uri.as_bytes()), gave_up()))
        }
    };
    let subject = match looked {
        Ok((look, bytes)) => {
            row.width = Some(look.width as i32);
            row.height = Some(look.height as i32);
            row.format = Some(look.format.to_owned());
            row.perceptual_hash = look.perceptual_hash;
            "ok".clone_into(&mut row.status);
            Some(subject(&found, &image_id, bytes))
        }
        Err(problem) => {
            row.error = Some(problem);
            None
        }
    };
    row.root_image_id.clone_from(&image_id);
    row.image_id = image_id;
    Seen {
        row,
        subject,
        path: found.uri,
    }
}
