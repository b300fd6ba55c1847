//! Records as JSON texts, a file for each split, with their images as files beside them.

use super::Files;
use crate::error::Result;
use crate::export::Ready;
use crate::export::output::{File, Output};
use crate::export::shape::Record;
use async_trait::async_trait;
use std::collections::{BTreeMap, HashSet};
use tokio::task::{JoinError, JoinSet};

/// Images that are written at once.
const PUTS_IN_FLIGHT: usize = 32;

pub(super) struct Lines {
    record: Record,
    /// One JSON array instead of a text a line.
    array: bool,
    files: BTreeMap<String, File>,
    /// Images that are there already, or on their way.
    images: HashSet<String>,
    puts: JoinSet<Result<()>>,
}

impl Lines {
    pub(super) fn new(record: Record, array: bool) -> Self {
        Self {
            record,
            array,
            files: BTreeMap::new(),
            images: HashSet::new(),
            puts: JoinSet::new(),
        }
    }
}

#[async_trait]
impl Files for Lines {
    async fn write(&mut self, output: &Output, row: Ready) -> Result<()> {
        let mut paths = Vec::new();
        for picture in &row.pictures {
            let path = picture.path();
            if self.images.insert(picture.id.clone()) {
                if self.puts.len() >= PUTS_IN_FLIGHT {
                    finished(self.puts.join_next().await)?;
                }
                let (output, path, bytes) = (output.clone(), path.clone(), picture.bytes.clone());
                self.puts.spawn(async move { output.put(&path, bytes).await });
            }
            paths.push(path);
        }
        let split = row.sample.split();
        let text = (self.record)(&row.sample, &paths).to_string();
        let between = match (self.array, self.files.contains_key(split)) {
            (false, _) => "",
            (true, false) => "[\n",
            (true, true) => ",\n",
        };
        if !self.files.contains_key(split) {
            let end = if self.array { "json" } else { "jsonl" };
            let file = output.file(&format!("{split}.{end}")).await?;
            self.files.insert(split.to_owned(), file);
        }
        let file = self.files.get_mut(split).expect("it was made above");
        let end = if self.array { "" } else { "\n" };
        file.write(format!("{between}{text}{end}").as_bytes()).await
    }

    async fn close(mut self: Box<Self>, _: &Output) -> Result<String> {
        while let Some(put) = self.puts.join_next().await {
            finished(Some(put))?;
        }
        for mut file in self.files.into_values() {
            if self.array {
                file.write(b"\n]\n").await?;
            }
            file.close().await?;
        }
        Ok(String::new())
    }
}

fn finished(put: Option<std::result::Result<Result<()>, JoinError>>) -> Result<()> {
    put.map_or(Ok(()), |put| put.expect("a put neither panics nor is cancelled"))
}
