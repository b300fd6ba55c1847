//! Image files: a folder, a glob or a bucket, with columns taken from the path.
//!
//! Files are taken by extension (`.jpg`, `.jpeg`, `.png`, `.webp`); whether the content agrees shows when
//! they are decoded. A folder that has Parquet files instead of images is read as those.

use super::pattern::Pattern;
use super::place::{Entry, Place};
use super::{Found, SourceOptions, parquet, sample};
use crate::error::Result;
use async_stream::try_stream;
use chrono::Utc;
use futures::TryStreamExt;
use futures::stream::{BoxStream, StreamExt};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub(super) const EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Lists the images of a folder, by path.
pub(super) fn open(options: Arc<SourceOptions>) -> Result<BoxStream<'static, Result<Found>>> {
    let listed = list(&options, &EXTENSIONS)?;
    let found = found_in(options.clone(), listed);
    Ok(match options.sample {
        Some(_) => sample::draw(found, options),
        None => found,
    })
}

fn found_in(options: Arc<SourceOptions>, mut listed: Listing) -> BoxStream<'static, Result<Found>> {
    try_stream! {
        let mut any = false;
        while let Some((entry, columns)) = listed.next().await.map_err(|problem| options.error(problem))? {
            any = true;
            yield found(&listed.place, entry, columns, &options);
        }
        if !any {
            if listed.only("parquet") {
                let inside = SourceOptions { sample: None, ..(*options).clone() };
                let mut rows = parquet::open(Arc::new(inside))?;
                while let Some(row) = rows.try_next().await? {
                    yield row;
                }
            } else {
                Err(options.error(listed.nothing(&EXTENSIONS, &options)))?;
            }
        }
    }
    .boxed()
}

/// The file as a source offers it.
pub(super) fn found(
    place: &Place,
    entry: Entry,
    attributes: Map<String, Value>,
    options: &SourceOptions,
) -> Found {
    let uri = place.uri(&entry.path);
    let (place, path, max_bytes) = (place.clone(), Arc::<str>::from(entry.path), options.max_bytes);
    Found {
        uri,
        etag: entry.etag,
        licence: licence(options, &attributes),
        attributes,
        scene: None,
        questions: Vec::new(),
        read: Arc::new(move || {
            let (place, path) = (place.clone(), path.clone());
            Box::pin(async move { place.read(&path, max_bytes).await })
        }),
    }
}

/// The configured licence, or the source's own word.
pub(super) fn licence(options: &SourceOptions, attributes: &Map<String, Value>) -> Option<String> {
    let told = || {
        ["licence", "license"]
            .iter()
            .find_map(|name| attributes.get(*name)?.as_str())
    };
    options.licence.as_deref().or_else(told).map(str::to_owned)
}

/// A listing in progress, with what it passed over.
pub(super) struct Listing {
    pub(super) place: Place,
    folder: String,
    entries: BoxStream<'static, Result<Entry, String>>,
    pattern: Pattern,
    extensions: &'static [&'static str],
    newer_than: Option<chrono::DateTime<Utc>>,
    others: BTreeMap<String, usize>,
    unmatched: Option<String>,
    older: usize,
}

/// Lists the files of an address that have one of the extensions and match its pattern.
pub(super) fn list(options: &SourceOptions, extensions: &'static [&'static str]) -> Result<Listing> {
    let wrong = |problem| options.error(problem);
    let (place, path) = Place::parse(&options.url).map_err(wrong)?;
    let is_literal = matches!(place, Place::Local) && Path::new(&path).exists();
    let (folder, glob) = if is_literal {
        (path.as_str(), "")
    } else {
        Pattern::split(&path)
    };
    let pattern = Pattern::parse(glob).map_err(wrong)?;
    let age = options
        .modified_within
        .and_then(|age| chrono::Duration::from_std(age.duration()).ok());
    let newer_than = age.and_then(|age| Utc::now().checked_sub_signed(age));
    let (folder, single) = (folder.trim_end_matches('/').to_owned(), glob.is_empty());
    // An address without wildcards may be one file.
    let entries = {
        let (place, folder) = (place.clone(), folder.clone());
        futures::stream::once(async move {
            match place.entry(&folder).await.filter(|_| single) {
                Some(entry) => futures::stream::iter([Ok(entry)]).boxed(),
                None => place.list(&folder),
            }
        })
        .flatten()
        .boxed()
    };
    let (others, unmatched, older) = (BTreeMap::new(), None, 0);
    Ok(Listing {
        place,
        folder,
        entries,
        pattern,
        extensions,
        newer_than,
        others,
        unmatched,
        older,
    })
}

impl Listing {
    /// The next file, with the columns of its path.
    pub(super) async fn next(&mut self) -> Result<Option<(Entry, Map<String, Value>)>, String> {
        while let Some(entry) = self.entries.try_next().await? {
            let extension = entry
                .path
                .rsplit('/')
                .next()
                .and_then(|name| name.rsplit_once('.'));
            let extension = extension.map_or_else(String::new, |(_, extension)| extension.to_lowercase());
            if !self.extensions.contains(&extension.as_str()) {
                *self.others.entry(extension).or_default() += 1;
                continue;
            }
            let below = entry
                .path
                .strip_prefix(&self.folder)
                .unwrap_or(&entry.path)
                .trim_start_matches('/');
            let Some(columns) = self.pattern.columns(below) else {
                self.unmatched.get_or_insert_with(|| below.to_owned());
                continue;
            };
            if self.newer_than.is_some_and(|oldest| entry.modified < oldest) {
                self.older += 1;
                continue;
            }
            return Ok(Some((entry, columns)));
        }
        Ok(None)
    }

    /// Whether all that was passed over has this extension, and something has.
    fn only(&self, extension: &str) -> bool {
        self.others.contains_key(extension) && self.unmatched.is_none() && self.older == 0
    }

    /// Why there is nothing, naming what was found instead.
    pub(super) fn nothing(&self, extensions: &[&str], options: &SourceOptions) -> String {
        let wanted = extensions
            .iter()
            .map(|each| format!(".{each}"))
            .collect::<Vec<_>>()
            .join(", ");
        if let Some(age) = options.modified_within.filter(|_| self.older > 0) {
            return format!("{} files, but none changed within {age}", self.older);
        }
        if let Some(path) = &self.unmatched {
            return format!(
                "no file matches the pattern; below `{}` there is for example `{path}`",
                self.folder
            );
        }
        if self.others.is_empty() {
            return format!("no file below `{}`; expected {wanted}", self.folder);
        }
        let mut others: Vec<_> = self.others.iter().collect();
        others.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let others = others
            .iter()
            .take(5)
            .map(|(extension, count)| match extension.as_str() {
                "" => format!("{count} without extension"),
                extension => format!("{count} .{extension}"),
            });
        format!(
            "no file with {wanted}; found {} instead",
            others.collect::<Vec<_>>().join(", ")
        )
    }
}

#[cfg(test)]
mod tests;
