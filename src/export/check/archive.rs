//! Records in tar files and in tables of text.

use super::{Checked, undecodable};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::{ErrorKind, Read};
use std::path::Path;

const BLOCK: usize = 512;

/// A member with more bytes is not looked into.
const MOST_BYTES: usize = 256 << 20;

/// Members of a key follow each other: images, and one record.
pub(super) fn tar(path: &Path, name: &str, checked: &mut Checked) -> Result<(), String> {
    let mut file = std::io::BufReader::new(std::fs::File::open(path).map_err(|error| error.to_string())?);
    let (mut key, mut images, mut has_record) = (String::new(), 0, true);
    let end = |key: &str, images: usize, has_record: bool, checked: &mut Checked| {
        if !key.is_empty() && (images == 0 || !has_record) {
            let missing = if images == 0 { "image" } else { "record (.json)" };
            checked.problem(format!("{name}: `{key}` has no {missing}"));
        }
    };
    loop {
        let mut header = [0; BLOCK];
        file.read_exact(&mut header).map_err(|error| ended(&error))?;
        if header.iter().all(|byte| *byte == 0) {
            end(&key, images, has_record, checked);
            return Ok(());
        }
        let text = |from: usize, to: usize| {
            let bytes = header[from..to]
                .split(|byte| *byte == 0)
                .next()
                .unwrap_or_default();
            String::from_utf8_lossy(bytes).trim().to_owned()
        };
        let member = text(0, 100);
        let size =
            usize::from_str_radix(&text(124, 136), 8).map_err(|_| format!("`{member}` has no size"))?;
        if size > MOST_BYTES {
            return Err(format!("`{member}` has {size} bytes; that is no image"));
        }
        let mut bytes = vec![0; size.next_multiple_of(BLOCK)];
        file.read_exact(&mut bytes).map_err(|error| ended(&error))?;
        bytes.truncate(size);
        let (of, field) = member.split_once('.').unwrap_or((&member, ""));
        if of != key {
            end(&key, images, has_record, checked);
            (key, images, has_record) = (of.to_owned(), 0, false);
            checked.records += 1;
        }
        if field == "json" {
            has_record = true;
            let record: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            if record["answer"]
                .as_str()
                .is_none_or(|answer| answer.trim().is_empty())
            {
                checked.problem(format!("{name}: `{key}`: the answer is empty"));
            }
        } else {
            images += 1;
            if let Some(problem) = undecodable(&bytes) {
                checked.problem(format!("{name}: `{member}`: {problem}"));
            }
        }
    }
}

fn ended(error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::UnexpectedEof {
        "the file ends early: it was not written whole".to_owned()
    } else {
        error.to_string()
    }
}

/// Questions with images in base64; in a choice the answer is the letter of an option.
pub(super) fn tsv(path: &Path, name: &str, checked: &mut Checked) -> Result<(), String> {
    let reader = csv::ReaderBuilder::new()
        .delimiter(b'\t')
        .flexible(true)
        .from_path(path);
    let mut reader = reader.map_err(|error| error.to_string())?;
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |wanted: &str| header.iter().position(|name| name == wanted);
    let (Some(index), Some(image), Some(answer)) = (column("index"), column("image"), column("answer"))
    else {
        return Err("it needs the columns index, image and answer".to_owned());
    };
    let is_choice = column("A").is_some();
    let mut seen = std::collections::HashSet::new();
    for (at, row) in reader.records().enumerate() {
        let row = row.map_err(|error| error.to_string())?;
        let place = format!("{name}:{}", at + 1);
        let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).unwrap_or_default();
        checked.records += 1;
        seen.insert(cell(Some(index)).to_owned());
        let picture = cell(Some(image));
        if !picture.is_empty() && picture.len() < 12 && picture.bytes().all(|byte| byte.is_ascii_digit()) {
            if !seen.contains(picture) {
                checked.problem(format!(
                    "{place}: the image is that of row {picture}, which is not before it"
                ));
            }
        } else if !picture.starts_with('[') {
            let problem = STANDARD
                .decode(picture)
                .map_or_else(|_| Some("no base64".to_owned()), |bytes| undecodable(&bytes));
            if let Some(problem) = problem {
                checked.problem(format!("{place}: image: {problem}"));
            }
        }
        let answer = cell(Some(answer));
        if answer.trim().is_empty() {
            checked.problem(format!("{place}: the answer is empty"));
        } else if is_choice && cell(column(answer)).is_empty() {
            checked.problem(format!("{place}: the option `{answer}` is empty"));
        }
    }
    Ok(())
}
