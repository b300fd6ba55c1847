//! WebDataset: tar files in which the images and the record of a row follow each other under one key.

use super::Ready;
use super::output::{File, Output};
use super::writer::Files;
use crate::error::Result;
use crate::row::id;
use async_trait::async_trait;
use serde_json::json;
use std::collections::BTreeMap;

const BLOCK: usize = 512;

pub(super) struct Tar {
    shard_byte: usize,
    splits: BTreeMap<String, (usize, File)>,
}

impl Tar {
    pub(super) fn new(shard_byte: usize) -> Self {
        Self {
            shard_byte,
            splits: BTreeMap::new(),
        }
    }
}

#[async_trait]
impl Files for Tar {
    async fn write(&mut self, output: &Output, row: Ready) -> Result<()> {
        let sample = &row.sample;
        let split = sample.split();
        let full = self
            .splits
            .get(split)
            .filter(|(_, file)| file.byte >= self.shard_byte);
        let number = match (full, self.splits.contains_key(split)) {
            (Some((number, _)), _) => Some(number + 1),
            (None, true) => None,
            (None, false) => Some(0),
        };
        if let Some(number) = number {
            let file = output.file(&format!("{split}-{number:06}.tar")).await?;
            if let Some((_, ended)) = self.splits.insert(split.to_owned(), (number, file)) {
                close(ended).await?;
            }
        }
        let (_, file) = self.splits.get_mut(split).expect("it was opened above");
        let key = key(&sample.id);
        let mut members = Vec::new();
        for (at, picture) in row.pictures.iter().enumerate() {
            // What follows the first dot is the field's name.
            let place = if at == 0 { String::new() } else { format!("{at}.") };
            members.push((
                format!("{key}.{place}{}", picture.extension),
                picture.bytes.clone(),
            ));
        }
        let record = json!({
            "id": sample.id,
            "question": sample.question(),
            "answer": sample.completion,
            "choices": sample.choices,
            "label_source": sample.label_source,
            "agreement": sample.agreement,
            "category": sample.category,
            "root_image_id": sample.root_image_id,
            "licence": sample.licence,
            "audit": sample.audit,
        });
        members.push((format!("{key}.json"), record.to_string().into()));
        for (name, bytes) in members {
            file.write(&header(&name, bytes.len())).await?;
            file.write(&bytes).await?;
            file.write(&[0; BLOCK][..bytes.len().next_multiple_of(BLOCK) - bytes.len()])
                .await?;
        }
        Ok(())
    }

    async fn close(self: Box<Self>, _: &Output) -> Result<String> {
        for (_, file) in self.splits.into_values() {
            close(file).await?;
        }
        Ok(String::new())
    }
}

/// A tar file ends with two empty blocks.
async fn close(mut file: File) -> Result<()> {
    file.write(&[0; 2 * BLOCK]).await?;
    file.close().await
}

/// A name without dots and slashes, short enough for a header.
fn key(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(plain) {
        text.to_owned()
    } else {
        id([text])
    }
}

/// A member's header in the `ustar` format (POSIX.1-1988): numbers are octal texts.
fn header(name: &str, byte: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{byte:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_tar() {
        let header = header("a.json", 1234);
        assert_eq!(&header[124..136], b"00000002322\0");
        let told = u32::from_str_radix(std::str::from_utf8(&header[148..154]).unwrap(), 8).unwrap();
        let blank = header.iter().enumerate().map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u32::from(*byte)
            }
        });
        assert_eq!(told, blank.sum::<u32>());
        assert_eq!(key("ab-1"), "ab-1");
        assert_eq!(key("../a.b").len(), 32);
    }
}
