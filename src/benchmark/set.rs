//! What is evaluated: one of the sixteen with its data, or a frozen set by its name or file.

use super::Benchmark;
use super::load::Data;
use super::place::Place;
use super::suite::{self, Suite};
use crate::error::{Error, Result};
use crate::source::frozen;
use clap::ValueEnum;

/// Where frozen sets are looked for by name, and written.
pub const FOLDER: &str = "benchmarks";

/// A benchmark, as the tables name it.
#[derive(Debug, Clone)]
pub struct Set {
    /// How it is read, asked and scored.
    pub suite: &'static Suite,
    /// In tables: `pope`; of a frozen set its name with the hash.
    pub name: String,
    /// For eyes.
    pub title: String,
}

impl From<Benchmark> for Set {
    fn from(benchmark: Benchmark) -> Self {
        let suite = benchmark.suite();
        Self {
            suite,
            name: suite.name.to_owned(),
            title: suite.title.to_owned(),
        }
    }
}

impl Set {
    /// The set of that name and its data: a benchmark, which needs data, a frozen set's file, or the name of one whose file
    /// lies in the folder `data`.
    ///
    /// # Errors
    /// Which names there are.
    pub async fn find(name: &str, data: Option<Data>) -> Result<(Self, Data)> {
        let wrong = |problem: String| Error::ImageSource {
            url: name.to_owned(),
            problem,
        };
        if let Ok(benchmark) = Benchmark::from_str(name, true) {
            let missing = "name the benchmark's data with --data: a file, a folder of shards or a bucket";
            return Ok((benchmark.into(), data.ok_or_else(|| wrong(missing.to_owned()))?));
        }
        if frozen::parse(name).is_some() {
            return Ok(Self::frozen(name));
        }
        let folder = data.map_or_else(|| FOLDER.to_owned(), |data| data.questions);
        let files = Place::parse(&folder)?
            .files(&["parquet"])
            .await
            .unwrap_or_default();
        let names: Vec<String> = files.iter().map(Place::name).collect();
        let sets: Vec<&String> = names
            .iter()
            .filter(|file| frozen::parse(file).is_some())
            .collect();
        let of_name = sets
            .iter()
            .filter(|file| frozen::parse(file).is_some_and(|(set, _)| set == name));
        let list = |files: &[&String]| {
            files
                .iter()
                .map(|file| file.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        match of_name.copied().collect::<Vec<_>>().as_slice() {
            [only] => Ok(Self::frozen(only)),
            [] => Err(wrong(format!(
                "no benchmark and no frozen set of this name; benchmarks: {}; frozen sets in `{folder}`: {}",
                Benchmark::value_variants()
                    .iter()
                    .map(|each| each.suite().name)
                    .collect::<Vec<_>>()
                    .join(", "),
                if sets.is_empty() {
                    "none".to_owned()
                } else {
                    list(&sets)
                }
            ))),
            several => Err(wrong(format!(
                "several sets have this name; name one by its file: {}",
                list(several)
            ))),
        }
    }

    fn frozen(file: &str) -> (Self, Data) {
        let name = frozen::parse(file).map(|(name, hash)| format!("{name}-{hash}"));
        let name = name.expect("the caller has parsed it");
        let set = Self {
            suite: &suite::frozen::SUITE,
            title: name.clone(),
            name,
        };
        let data = Data {
            questions: file.to_owned(),
            ..Data::default()
        };
        (set, data)
    }
}
