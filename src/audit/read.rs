//! From a source's listing to images that can be asked about: bytes are read, hashed and decoded.
//!
//! What cannot be read or decoded is a row with its reason, and the audit goes on.

use crate::image::{decode, perceptual_hash};
use crate::model::EncodedImage;
use crate::probe::Subject;
use crate::row::{ImageRow, content_id};
use crate::source::Found;
use chrono::Utc;

/// An image of the source, read: its row, and the subject of probes unless it is broken.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The row of the table `images`.
    pub(super) row: ImageRow,
    /// What probers look at; none when the image is broken.
    pub(super) subject: Option<Subject>,
    /// The path in the source, for the table `image_bytes`.
    pub(super) path: String,
}

impl Seen {
    /// Half of the image's hash: what it takes to know it again, in 16 bytes.
    pub(super) fn mark(&self) -> u128 {
        u128::from_str_radix(&self.row.image_id[..32], 16).expect("an image's id is 64 hex digits")
    }
}

/// Reads and decodes one image.
pub(super) async fn read(found: Found) -> Seen {
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
    let subject = match (found.read)().await {
        Err(problem) => {
            // Nothing was read: the place stands for the content.
            row.image_id = content_id(found.uri.as_bytes());
            row.error = Some(problem);
            None
        }
        Ok(bytes) => {
            row.image_id = content_id(&bytes);
            let encoded = bytes.clone();
            let looked = tokio::task::spawn_blocking(move || {
                decode(&encoded).map(|image| {
                    let hash = perceptual_hash(&image.pixels);
                    (image.pixels.dimensions(), image.format, hash)
                })
            });
            match looked.await {
                Ok(Ok(((width, height), format, hash))) => {
                    row.width = Some(width as i32);
                    row.height = Some(height as i32);
                    row.format = Some(format.to_owned());
                    row.perceptual_hash = Some(hash);
                    "ok".clone_into(&mut row.status);
                    Some(Subject {
                        image: EncodedImage {
                            image_id: row.image_id.as_str().into(),
                            bytes,
                        },
                        scene: found.scene.clone(),
                        questions: found.questions.into(),
                        licence: found.licence.as_deref().map(Into::into),
                    })
                }
                Ok(Err(problem)) => {
                    row.error = Some(problem.to_string());
                    None
                }
                Err(_) => {
                    row.error = Some("the decoder gave up on this image".to_owned());
                    None
                }
            }
        }
    };
    row.root_image_id.clone_from(&row.image_id);
    Seen {
        row,
        subject,
        path: found.uri,
    }
}
