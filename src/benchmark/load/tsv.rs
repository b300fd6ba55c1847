//! VLMEvalKit's tables: tab-separated, quoted as spreadsheets do, images as base64 or as another row's index.
//!
//! A first pass notes where rows are and what their images refer to, so that references are checked before anything is
//! asked; a second pass gives the rows. Base64 is read again from its place when a picture is needed: memory holds one
//! row and the indices. A table in a bucket is fetched to a temporary file first.

use super::{Picture, Place, Record};
use crate::benchmark::place::Here;
use crate::benchmark::python;
use crate::error::Result;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// Shorter images are another row's index.
const LONGEST_REFERENCE: usize = 64;
/// Longer rows are a sign of a quote that is never closed.
const LONGEST_ROW_BYTES: u64 = 256 << 20;
/// Rows on their way from the reading thread.
const ROWS_AHEAD: usize = 16;

/// An open table.
#[derive(Debug)]
pub struct Table {
    file: Here,
    name: String,
    header: csv::StringRecord,
    image: Option<usize>,
}

/// Reads no more than a row may have.
struct Bounded {
    file: BufReader<File>,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let problem = format!("a row has more than {LONGEST_ROW_BYTES} bytes: is a quote left open?");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, problem));
        }
        let length = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut buffer[..length])?;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Opens a table and checks its references.
pub(super) async fn open(place: &Place) -> Result<BoxStream<'static, Result<Record>>, String> {
    let file = place.here().await?;
    let name = place.name();
    let opened = tokio::task::spawn_blocking(move || Table::open(file, name)).await;
    let (table, offsets) = opened.map_err(|_| "the table could not be read".to_owned())??;
    let (send, receive) = tokio::sync::mpsc::channel(ROWS_AHEAD);
    std::thread::spawn(move || {
        let sent = Table::rows(&table, &offsets, |record| send.blocking_send(Ok(record)).is_ok());
        if let Err(problem) = sent {
            let error = crate::Error::ImageSource {
                url: table.name.clone(),
                problem,
            };
            let _ = send.blocking_send(Err(error));
        }
    });
    Ok(stream::unfold(receive, |mut receive| async {
        Some((receive.recv().await?, receive))
    })
    .boxed())
}

fn reader(path: &Path, headers: bool, offset: u64) -> Result<csv::Reader<Bounded>, String> {
    let explain = |error: std::io::Error| format!("cannot read `{}`: {error}", path.display());
    let mut file = File::open(path).map_err(explain)?;
    file.seek(SeekFrom::Start(offset)).map_err(explain)?;
    let bounded = Bounded {
        file: BufReader::with_capacity(1 << 18, file),
        left: LONGEST_ROW_BYTES,
    };
    Ok(csv::ReaderBuilder::new()
        .delimiter(b'\t')
        .has_headers(headers)
        .from_reader(bounded))
}

impl Table {
    /// The table, and where every row's pictures are, by row.
    fn open(file: Here, name: String) -> Result<(Arc<Self>, Vec<u64>), String> {
        let mut rows = reader(&file.path, true, 0)?;
        let mut header = rows.headers().map_err(|error| explain(&error))?.clone();
        if let Some(first) = header.get(0).and_then(|first| first.strip_prefix('\u{feff}')) {
            let names: Vec<&str> = std::iter::once(first).chain(header.iter().skip(1)).collect();
            header = names.into();
        }
        if header.is_empty() {
            return Err("the file is empty".to_owned());
        }
        let column = |wanted: &str| header.iter().position(|name| name == wanted);
        let (image, index) = (column("image"), column("index"));
        let table = Arc::new(Self {
            file,
            name,
            header,
            image,
        });
        let mut row = csv::StringRecord::new();
        let mut offsets = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut references: HashMap<usize, String> = HashMap::new();
        while rows.read_record(&mut row).map_err(|error| explain(&error))? {
            rows.get_mut().left = LONGEST_ROW_BYTES;
            let number = offsets.len();
            offsets.push(row.position().map_or(0, csv::Position::byte));
            if let Some(index) = index.and_then(|index| row.get(index)) {
                known.insert(whole(index), number);
            }
            if let Some(image) = image
                .and_then(|image| row.get(image))
                .filter(|image| image.len() <= LONGEST_REFERENCE)
            {
                references.insert(number, whole(image));
            }
        }
        let resolved: Result<Vec<u64>, String> = (0..offsets.len())
            .map(|row| Ok(offsets[follow(row, &references, &known)?]))
            .collect();
        let offsets = offsets.into_iter().zip(resolved?);
        // Pairs, flattened: the row itself, then the row of its picture.
        Ok((table, offsets.flat_map(|(row, picture)| [row, picture]).collect()))
    }

    /// Gives the rows one after the other while they are wanted.
    fn rows(table: &Arc<Self>, offsets: &[u64], mut give: impl FnMut(Record) -> bool) -> Result<(), String> {
        let mut rows = reader(&table.file.path, true, 0)?;
        let mut row = csv::StringRecord::new();
        for (number, places) in offsets.chunks_exact(2).enumerate() {
            if !rows.read_record(&mut row).map_err(|error| explain(&error))? {
                break;
            }
            rows.get_mut().left = LONGEST_ROW_BYTES;
            let mut fields = Map::new();
            for (column, (name, value)) in table.header.iter().zip(&row).enumerate() {
                if Some(column) != table.image {
                    fields.insert(name.to_owned(), Value::from(value));
                }
            }
            let image = table
                .image
                .and_then(|image| row.get(image))
                .filter(|image| !image.is_empty());
            let count = match image {
                None => 0,
                Some(image) if image.starts_with('[') => pictures(image)?.len(),
                Some(_) => 1,
            };
            let picture = |n| ("image".to_owned(), Picture::Row(table.clone(), places[1], n));
            let record = Record {
                at: format!("{}, row {}", table.name, number + 1).into(),
                fields,
                pictures: (0..count).map(picture).collect(),
            };
            if !give(record) {
                break;
            }
        }
        Ok(())
    }

    /// The base64 of a picture of the row at that place.
    pub(in crate::benchmark) fn picture(&self, offset: u64, index: usize) -> Result<String, String> {
        let mut rows = reader(&self.file.path, false, offset)?;
        let mut row = csv::StringRecord::new();
        rows.read_record(&mut row).map_err(|error| explain(&error))?;
        let image = self.image.and_then(|image| row.get(image)).unwrap_or_default();
        if image.starts_with('[') {
            return pictures(image)?
                .into_iter()
                .nth(index)
                .ok_or_else(|| "the row lost a picture".to_owned());
        }
        Ok(image.to_owned())
    }
}

/// A list of base64 texts, which are too long for the parser of option lists.
fn pictures(list: &str) -> Result<Vec<String>, String> {
    if list.len() < 1 << 20 {
        return python::list(list);
    }
    let inner = list.trim().trim_start_matches('[').trim_end_matches(']');
    Ok(inner
        .split(',')
        .map(|item| item.trim().trim_matches(['\'', '"']).to_owned())
        .collect())
}

/// The row whose picture a row has, over rows that refer to it.
fn follow(
    row: usize,
    references: &HashMap<usize, String>,
    known: &HashMap<String, usize>,
) -> Result<usize, String> {
    let mut at = row;
    let mut way = vec![row];
    while let Some(index) = references.get(&at).filter(|index| !index.is_empty()) {
        at = *known.get(index).ok_or_else(|| {
            format!(
                "row {}: its image is `{index}`, which is neither base64 nor the index of a row",
                at + 1
            )
        })?;
        if way.contains(&at) {
            way.push(at);
            let way: Vec<String> = way.iter().map(|row| (row + 1).to_string()).collect();
            return Err(format!(
                "images refer to each other in a circle: rows {}",
                way.join(" → ")
            ));
        }
        way.push(at);
    }
    Ok(at)
}

/// An index as a whole number, also where pandas made a float of it.
fn whole(index: &str) -> String {
    index.strip_suffix(".0").unwrap_or(index).to_owned()
}

fn explain(error: &csv::Error) -> String {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!(
            "line {line}: {len} fields where the header has {expected_len}; a tab or a quote is missing or too many"
        ),
        csv::ErrorKind::Utf8 { .. } => format!("line {line}: not UTF-8"),
        _ => error.to_string(),
    }
}
