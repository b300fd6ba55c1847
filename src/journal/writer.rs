//! The threads behind the journal: one writes what has come since its last write, one flushes to the disk.
//!
//! They share no lock: who hands an answer over waits for a write to the system's cache, never for the disk.

use super::ledger::Number;
use super::{Shared, Started, segment};
use crate::error::Error;
use crate::failpoint::{Side, reach};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, mpsc as blocking};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The disk is asked to keep what was written at most this often.
pub(super) const SYNC_EVERY: Duration = Duration::from_millis(100);
/// A segment that is longer gets no more answers, so that it can be deleted once they are committed.
const SEGMENT_BYTES: usize = 4 << 20;
/// Answers that are written at once.
const GROUP: usize = 256;

/// An answer that is to be written.
pub(super) struct Append {
    pub(super) frame: Vec<u8>,
    pub(super) subject: String,
    pub(super) started: Started,
    /// Told when it is written; dropped when it could not be.
    pub(super) written: oneshot::Sender<()>,
}

struct Segment {
    number: Number,
    path: PathBuf,
    file: Arc<File>,
    bytes: usize,
}

pub(super) struct Writer {
    folder: PathBuf,
    owner: String,
    shared: Arc<Shared>,
    sync: blocking::Sender<Arc<File>>,
    current: Option<Segment>,
}

impl Writer {
    /// Starts the threads; they end when the channel does.
    pub(super) fn start(
        folder: PathBuf,
        owner: String,
        shared: Arc<Shared>,
        mut appends: mpsc::Receiver<Append>,
    ) {
        let (sync, files) = blocking::channel::<Arc<File>>();
        let failures = shared.clone();
        let place = folder.clone();
        std::thread::spawn(move || {
            while let Ok(file) = files.recv() {
                let mut files: Vec<_> = std::iter::once(file).chain(files.try_iter()).collect();
                files.dedup_by(|a, b| Arc::ptr_eq(a, b));
                for file in files {
                    if let Err(error) = file.sync_data() {
                        note(&failures, segment::failed("flush", &place, error));
                    }
                }
                std::thread::sleep(SYNC_EVERY);
            }
        });
        std::thread::spawn(move || {
            let mut writer = Self {
                folder,
                owner,
                shared,
                sync,
                current: None,
            };
            let mut group = Vec::with_capacity(GROUP);
            while appends.blocking_recv_many(&mut group, GROUP) > 0 {
                if let Err(error) = writer.write(std::mem::take(&mut group)) {
                    // A frame may be there by half: what follows must not stand behind it.
                    writer.current = None;
                    note(&writer.shared, error);
                }
            }
        });
    }

    fn write(&mut self, group: Vec<Append>) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(group.iter().map(|append| append.frame.len()).sum());
        let (mut answers, mut waiting) = (Vec::new(), Vec::new());
        for append in group {
            bytes.extend(append.frame);
            answers.push((append.subject, append.started));
            waiting.push(append.written);
        }
        let segment = self.segment(&answers)?;
        reach(Side::Before, "journal");
        (&*segment.file)
            .write_all(&bytes)
            .map_err(|source| segment::failed("write", &segment.path, source))?;
        reach(Side::After, "journal");
        segment.bytes += bytes.len();
        let file = segment.file.clone();
        for written in waiting {
            // Whoever has given up waiting is stopping.
            let _ = written.send(());
        }
        let _ = self.sync.send(file);
        Ok(())
    }

    /// The segment that is to hold these answers.
    fn segment(&mut self, answers: &[(String, Started)]) -> Result<&mut Segment, Error> {
        let usable = match &self.current {
            Some(current) if current.bytes < SEGMENT_BYTES => {
                // All before them may have been committed, and the file deleted, since the last write.
                self.shared.ledger().expect(current.number, answers)
            }
            _ => false,
        };
        if !usable {
            let (path, file) = segment::create(&self.folder, &self.owner)?;
            let mut ledger = self.shared.ledger();
            let number = ledger.add(path.clone());
            ledger.expect(number, answers);
            drop(ledger);
            // A folder's entries are flushed like a file, where the system lets one open it.
            if let Ok(folder) = File::open(&self.folder) {
                let _ = self.sync.send(Arc::new(folder));
            }
            self.current = Some(Segment {
                number,
                path,
                file: Arc::new(file),
                bytes: 0,
            });
        }
        Ok(self.current.as_mut().expect("there is one now"))
    }
}

fn note(shared: &Shared, error: Error) {
    tracing::error!(%error, "an answer is not in the journal");
    let mut failure = shared.failure.lock().unwrap_or_else(PoisonError::into_inner);
    failure.get_or_insert(error);
}
