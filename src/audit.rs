//! The path of an audit, on one page.
//!
//! In: images as a source lists them, a [`Cast`] of models, and what is [`Done`] already. Out: a stream of [`Rows`], each complete in itself; the sink is one consumer. There is no global
//! state: several audits may run in one process.

mod cast;
mod compare;
mod done;
mod drift;
mod estimate;
mod read;
mod run;

pub use cast::Cast;
pub(crate) use cast::PAINTER;
pub use done::Done;
pub use drift::Drift;
pub use estimate::{Estimate, Line};
pub(crate) use read::read;
pub use run::{Ended, Run};

use crate::config::{Claim, CopyBytes, Pace};
use crate::error::{Error, Result};
use crate::image::Depth;
use crate::imagine;
use crate::metrics::Metrics;
use crate::plan::Ids;
use crate::probe::{Ask, Pair, Subject, asks, propose};
use crate::progress::Progress;
use crate::row::{ImageBytesRow, Role, Rows, RunProbeRow};
use crate::source::Found;
use async_stream::stream;
use bytes::Bytes;
use futures::future::{FutureExt, join_all};
use futures::stream::{BoxStream, Stream, StreamExt, TryStreamExt};
use read::Seen;
use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Images that are read ahead of the stages.
const READS_IN_FLIGHT: usize = 16;

/// Memory for encoded images, from when they are read until their rows are handed on.
const HELD_KIB: usize = 256 << 10;

/// What an audit needs beside its images.
pub struct Audit {
    /// Identifies the run in the tables.
    pub run_id: String,
    /// Who asks, draws, answers and judges.
    pub cast: Cast,
    /// Seeds the probes.
    pub seed: u64,
    /// Whether original images are copied into the tables.
    pub copy_bytes: CopyBytes,
    /// The images that this process works on.
    pub claim: Claim,
    /// How far original images are looked into.
    pub depth: Depth,
    /// How much is under way at once.
    pub pace: Pace,
    /// What the tables held when the run began.
    pub done: Done,
    /// How far it is.
    pub progress: Progress,
    /// What an operator watches.
    pub metrics: Metrics,
}

/// Audits every image: the rows of one batch of images after another, as batches finish. Each image is on
/// its own way, and the models' limits are the only ones that it meets; images for local models travel
/// together, in the source's order, to fill their batches.
pub fn audit(
    audit: Arc<Audit>,
    found: BoxStream<'static, Result<Found>>,
) -> BoxStream<'static, Result<Rows>> {
    let (pace, claim) = (&audit.pace, audit.claim);
    let images_in_flight = pace.batch_images * pace.batches_in_flight;
    let together = if audit.cast.is_local() {
        pace.batch_images
    } else {
        1
    };
    let held = Arc::new(Semaphore::new(HELD_KIB));
    let (reader, watch) = (audit.clone(), audit.clone());
    let mut shown = Ids::default();
    let batches = found
        .map(move |found| {
            let audit = reader.clone();
            async move { Ok(audit.look(found?).await) }
        })
        // In the source's order, so that of equal images always the same one stands for all.
        .buffered(READS_IN_FLIGHT)
        .filter(move |looked: &Result<(String, Option<Seen>)>| {
            std::future::ready(
                looked
                    .as_ref()
                    .map_or(true, |(image_id, _)| claim.holds(image_id)),
            )
        })
        .filter_map(move |looked: Result<(String, Option<Seen>)>| {
            let left = looked.map(|(image_id, seen)| {
                let first = shown.insert(&image_id);
                let counter = if first {
                    &watch.progress.images
                } else {
                    &watch.progress.duplicates
                };
                counter.add(usize::from(!first || seen.is_none()));
                seen.filter(|_| first)
            });
            std::future::ready(left.transpose())
        })
        .then(move |seen| {
            // So that the images of one batch always find room together.
            let kib = seen.as_ref().map_or(0, Seen::byte) / 1024;
            let room = held
                .clone()
                .acquire_many_owned(kib.min(HELD_KIB / together) as u32);
            async move { Ok::<_, Error>((seen?, room.await.ok())) }
        })
        .chunks(together)
        .map(move |batch| {
            let audit = audit.clone();
            let batch = tokio::spawn(async move {
                let batch: Vec<_> = batch.into_iter().collect::<Result<_>>()?;
                let (seen, room): (Vec<Seen>, Vec<Option<OwnedSemaphorePermit>>) = batch.into_iter().unzip();
                Ok((audit.batch(seen).await?, room))
            });
            batch.map(|done| done.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic())))
        })
        .buffer_unordered((images_in_flight / together).max(1));
    ahead(batches, images_in_flight)
        .map_ok(|(rows, _room)| rows)
        .boxed()
}

/// The same stream, driven by a task of its own: a consumer that commits does not hold up what is under way.
fn ahead<T: Send + 'static>(
    stream: impl Stream<Item = T> + Send + 'static,
    items: usize,
) -> impl Stream<Item = T> + Send {
    let (sender, mut receiver) = mpsc::channel(items);
    let driver = tokio::spawn(async move {
        let mut stream = pin!(stream);
        while let Some(item) = stream.next().await {
            // Nobody listens any more: what is under way comes to its end, nothing new begins.
            if sender.send(item).await.is_err() {
                break;
            }
        }
    });
    stream! {
        while let Some(item) = receiver.recv().await {
            yield item;
        }
        driver.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
    }
}

impl Audit {
    /// An image's id, and what was read of it; nothing where nothing is left to do about it.
    async fn look(&self, found: Found) -> (String, Option<Seen>) {
        if let Some(known) = self.done.find(&found.uri, found.etag.as_deref()) {
            // Its bytes would be sent, not looked at: what is asked depends on its id and the source's questions.
            let subject = read::subject(&found, &known.image_id, Bytes::new());
            self.progress.broken.add(usize::from(!known.ok));
            if !known.ok
                || self
                    .asked(&subject)
                    .all(|ask| self.done.is_finished(&ask.probe_id))
            {
                return (known.image_id, None);
            }
        }
        let seen = read::read(found, self.depth).await;
        (seen.row.image_id.clone(), Some(seen))
    }

    /// Everything about some images of a source, in one batch.
    pub(crate) async fn about(&self, found: Vec<Found>) -> Result<Rows> {
        let seen = found.into_iter().map(|found| read::read(found, self.depth));
        self.batch(join_all(seen).await).await
    }

    /// Everything that is not done yet about some images.
    async fn batch(&self, seen: Vec<Seen>) -> Result<Rows> {
        let images = seen.len();
        let mut rows = Rows::default();
        let subjects = self.images(seen, &mut rows);
        let written = self.probes(&subjects, &mut rows).await;
        let painter = self.cast.painter.as_deref();
        let painter = painter.map(|painter| (painter, self.progress.of(Role::Painter, cast::PAINTER)));
        let mut pairs = imagine::draw(written, painter, &self.run_id, &mut rows).await;
        self.progress.probes.add(pairs.len() + rows.probes.len());
        rows.probes.extend(pairs.iter().map(|pair| pair.row.clone()));
        pairs.extend(self.pending(&subjects).await?);
        self.cover(&subjects, &mut rows);
        self.answers(&pairs, &mut rows).await?;
        self.progress.images.add(images);
        Ok(rows)
    }

    /// Notes the images that are new; the subjects are those that could be decoded.
    fn images(&self, seen: Vec<Seen>, rows: &mut Rows) -> Vec<Subject> {
        let mut subjects = Vec::with_capacity(seen.len());
        for Seen { row, subject, path } in seen {
            let new = !self.done.knows_image(&row.image_id);
            match &subject {
                None => self.progress.broken.add(1),
                Some(subject) if new && self.copy_bytes == CopyBytes::All => {
                    rows.image_bytes.push(ImageBytesRow {
                        image_id: row.image_id.clone(),
                        bytes: subject.image.bytes.clone(),
                        path,
                    });
                }
                Some(_) => {}
            }
            if new {
                rows.images.push(row);
            }
            subjects.extend(subject);
        }
        subjects
    }

    /// The probes that are missing for the subjects, written.
    async fn probes(&self, subjects: &[Subject], rows: &mut Rows) -> Vec<Pair> {
        let asked = subjects
            .iter()
            .flat_map(|subject| self.cast.askers.iter().map(move |asker| (subject, asker)));
        let written = join_all(asked.map(|(subject, asker)| async move {
            let mut rows = Rows::default();
            let mut missing = asks(asker, subject, self.seed);
            missing.retain(|(ask, _)| !self.done.knows_probe(&ask.probe_id));
            let wanted = missing.len();
            let counted = self.progress.of(Role::Prober, &asker.name);
            counted.asked.add(wanted);
            let pairs = propose(asker, subject, missing, &self.run_id, &mut rows).await;
            let done = pairs.len() + rows.probes.len();
            counted.done.add(done);
            counted.failed.add(wanted - done);
            self.progress.postponed.add(wanted - done);
            (pairs, rows)
        }))
        .await;
        written
            .into_iter()
            .flat_map(|(pairs, new)| {
                rows.extend(new);
                pairs
            })
            .collect()
    }

    /// The probes of earlier runs, or of an interrupted one, that this cast has not been compared on.
    async fn pending(&self, subjects: &[Subject]) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for subject in subjects {
            let asked: Vec<Ask> = self.asked(subject).collect();
            pairs.extend(self.done.pending(subject, &asked).await?);
        }
        Ok(pairs)
    }

    /// Everything that this run asks about an image, done or not.
    fn asked<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = Ask> + 'a {
        let asked = self
            .cast
            .askers
            .iter()
            .flat_map(move |asker| asks(asker, subject, self.seed));
        asked.map(|(ask, _)| ask)
    }

    /// Notes which probes this run covers.
    fn cover(&self, subjects: &[Subject], rows: &mut Rows) {
        let new: HashSet<String> = rows.probes.iter().map(|probe| probe.probe_id.clone()).collect();
        let asked = subjects.iter().flat_map(|subject| self.asked(subject));
        let old = asked
            .map(|ask| ask.probe_id.to_string())
            .filter(|id| self.done.knows_probe(id));
        let row = |probe_id: String, origin: &str| RunProbeRow {
            run_id: self.run_id.clone(),
            probe_id,
            origin: origin.to_owned(),
        };
        let replayed: Vec<_> = old
            .filter(|id| !self.done.covers(id))
            .map(|id| row(id, "replayed"))
            .collect();
        rows.run_probes.extend(new.into_iter().map(|id| row(id, "new")));
        rows.run_probes.extend(replayed);
        rows.run_probes.sort_by(|a, b| a.probe_id.cmp(&b.probe_id));
    }
}
