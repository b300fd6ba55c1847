//! The images of a request: sent with it, or named by their address in the source.
//!
//! Nothing but what the source lists can be named, so that a request reaches no other file or server.

use super::{Sample, Scorer, Subjects};
use crate::audit::read;
use crate::image::Depth;
use crate::probe::Subject;
use crate::row::{ImageBytesRow, Rows};
use crate::source::{self, Found};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Images of a request that are decoded at once.
const READS_IN_FLIGHT: usize = 4;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Scorer {
    /// Every image of the samples once; new ones are written.
    pub(super) async fn subjects(&self, samples: &[Result<Sample, String>]) -> Subjects {
        let named: BTreeSet<&str> = samples
            .iter()
            .flatten()
            .map(|sample| sample.image.as_str())
            .collect();
        let read = named.into_iter().map(|name| {
            let subject = self.subject(name);
            async move { (name.to_owned(), subject.await) }.boxed()
        });
        let read: Vec<_> = read.collect();
        let read: Vec<_> = stream::iter(read)
            .buffer_unordered(READS_IN_FLIGHT)
            .collect()
            .await;
        let mut rows = Rows::default();
        let mut subjects = HashMap::new();
        for (name, read) in read {
            subjects.insert(
                name,
                read.map(|(subject, new)| {
                    rows.extend(new);
                    subject
                }),
            );
        }
        self.audit.progress.images.add(rows.images.len());
        self.write(rows).await;
        subjects
    }

    async fn subject(&self, name: &str) -> Result<(Subject, Rows), String> {
        let (found, is_sent) = if !name.starts_with("data:") && name.contains("://") {
            (self.listed(name).await?, false)
        } else {
            (sent(decoded(name, self.source.max_bytes)?), true)
        };
        let mut seen = read(found, Depth::Full).await;
        let Some(subject) = seen.subject else {
            return Err(seen
                .row
                .error
                .unwrap_or_else(|| "it cannot be decoded".to_owned()));
        };
        let mut rows = Rows::default();
        if !self.audit.done.knows_image(&seen.row.image_id) && self.is_new(&seen.row.image_id) {
            if is_sent {
                // It lies nowhere else.
                seen.row.uri = None;
                rows.image_bytes.push(ImageBytesRow {
                    path: format!(
                        "{}.{}",
                        seen.row.image_id,
                        seen.row.format.as_deref().unwrap_or("png")
                    ),
                    image_id: seen.row.image_id.clone(),
                    bytes: subject.image.bytes.clone(),
                });
            }
            rows.images.push(seen.row);
        }
        Ok((subject, rows))
    }

    /// An image of the source by its address.
    async fn listed(&self, name: &str) -> Result<Found, String> {
        let list = async || {
            let found = source::open(&self.source)
                .await
                .map_err(|error| error.to_string())?;
            let found = found.map_ok(|found| (found.uri.clone(), found));
            found.try_collect().await.map_err(|error| error.to_string())
        };
        let listing = self.listing.get_or_init(list).await.as_ref()?;
        listing.get(name).cloned().ok_or_else(|| {
            format!(
                "`{}` is no address of the source, as the column `uri` of the table `images` has them; send the image itself",
                name.chars().take(200).collect::<String>()
            )
        })
    }
}

/// The bytes of a data URI, or of base64 alone.
fn decoded(text: &str, max_bytes: usize) -> Result<Bytes, String> {
    let data = match text.strip_prefix("data:") {
        None => text,
        Some(rest) => {
            let (kind, data) = rest.split_once(',').ok_or("the data URI has no comma")?;
            if !kind.ends_with(";base64") {
                return Err("the data URI is not in base64".to_owned());
            }
            data
        }
    };
    if data.len() / 4 * 3 > max_bytes {
        return Err(format!(
            "it has more than {max_bytes} bytes, `max_bytes` of [source]"
        ));
    }
    let data: String = data.split_ascii_whitespace().collect();
    let bytes = BASE64.decode(data);
    bytes.map(Bytes::from).map_err(|problem| {
        format!("neither a data URI, nor base64, nor an address of the source ({problem})")
    })
}

/// What was sent, as a source would offer it.
fn sent(bytes: Bytes) -> Found {
    Found {
        uri: String::new(),
        etag: None,
        attributes: serde_json::Map::new(),
        licence: None,
        scene: None,
        questions: Vec::new(),
        read: Arc::new(move || {
            let bytes = bytes.clone();
            Box::pin(async move { Ok(bytes) })
        }),
    }
}
