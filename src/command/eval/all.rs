//! `auditdm eval all`: several benchmarks and models in one table.

use super::super::out::Out;
use super::super::plain::lines;
use super::Format;
use super::session::{Session, Task};
use crate::benchmark::Set;
use crate::benchmark::load::Data;
use crate::benchmark::overview::{Overview, Row};
use crate::benchmark::prompt::Family;
use anyhow::Context;
use clap::ValueEnum;
use parquet::arrow::ArrowWriter;
use serde::Deserialize;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The file `suite.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    /// Names of the configuration, or checkpoints' folders.
    models: Vec<String>,
    /// The configuration.
    config: Option<String>,
    tables: Option<String>,
    benchmarks: Vec<Entry>,
}

/// A benchmark; the options of `auditdm eval`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    data: Option<String>,
    annotations: Option<String>,
    images: Option<String>,
    rules: Option<String>,
    prompts: Option<String>,
    limit: Option<usize>,
}

/// What is wanted besides.
pub(super) struct Wish<'a> {
    pub(super) suite: &'a Path,
    pub(super) config: Option<&'a Path>,
    pub(super) tables: Option<&'a str>,
    pub(super) limit: Option<usize>,
    pub(super) format: Format,
    pub(super) output: Option<&'a Path>,
    pub(super) quiet: bool,
}

pub(super) async fn run(wish: Wish<'_>) -> anyhow::Result<ExitCode> {
    let shown = wish.suite.display();
    let text = std::fs::read_to_string(wish.suite).with_context(|| format!("cannot read `{shown}`"))?;
    let mut suite: Suite = toml::from_str(&text).with_context(|| format!("`{shown}`"))?;
    anyhow::ensure!(
        !suite.models.is_empty() && !suite.benchmarks.is_empty(),
        "`{shown}`: name at least one model in `models` and one [[benchmarks]]"
    );
    // As written in the file, wherever the command runs.
    let folder = wish.suite.parent().unwrap_or(Path::new(""));
    let local = |address: &str| {
        if address.contains("://") {
            address.to_owned()
        } else {
            folder.join(address).display().to_string()
        }
    };
    for model in &mut suite.models {
        let path = folder.join(&*model);
        if path.join("config.json").exists() {
            *model = path.display().to_string();
        }
    }
    let config: Option<PathBuf> = wish
        .config
        .map(Path::to_owned)
        .or(suite.config.as_deref().map(|path| folder.join(path)));
    let tables = wish
        .tables
        .map(str::to_owned)
        .or(suite.tables.as_deref().map(local));
    let session = Session::open(config.as_deref(), tables.as_deref()).await?;

    let mut rows = Vec::new();
    let (mut stopped, mut postponed) = (None, false);
    let mut names: Option<Vec<String>> = None;
    for entry in &suite.benchmarks {
        let outcome = async {
            let (set, task) = entry.task(&suite.models, &local, wish.limit).await?;
            if !wish.quiet {
                eprintln!("{}", lines(&set.title));
            }
            let evaluated = session.evaluate(task, wish.quiet).await?;
            anyhow::Ok((set, evaluated))
        };
        match outcome.await {
            Ok((set, (evaluated, end))) => {
                let tables: Vec<_> = evaluated
                    .iter()
                    .map(|model| (set.suite.report)(&model.scored, model.rules))
                    .collect();
                postponed |= evaluated.iter().any(|model| model.postponed > 0);
                names.get_or_insert_with(|| evaluated.iter().map(|model| model.model.clone()).collect());
                // A part of the questions is not the benchmark.
                match &end {
                    None => rows.push(Row::new(&set.title, &tables)),
                    Some(_) => rows.push(Row::failed(
                        &set.title,
                        suite.models.len(),
                        "not finished".to_owned(),
                    )),
                }
                stopped = end;
            }
            Err(error) => rows.push(Row::failed(&entry.name, suite.models.len(), format!("{error:#}"))),
        }
        if stopped.is_some() {
            break;
        }
    }
    let failed = stopped.is_none() && rows.iter().any(|row| row.problem.is_some());
    let overview = Overview::new(names.unwrap_or(suite.models), rows);
    write(&overview, wish.format, wish.output)?;
    Ok(match stopped {
        Some(stopped) => super::told(&stopped),
        None if failed => ExitCode::FAILURE,
        None if postponed => ExitCode::from(3),
        None => ExitCode::SUCCESS,
    })
}

impl Entry {
    async fn task(
        &self,
        models: &[String],
        local: &impl Fn(&str) -> String,
        limit: Option<usize>,
    ) -> anyhow::Result<(Set, Task)> {
        let data = self.data.as_deref().map(|data| Data {
            questions: local(data),
            annotations: self.annotations.as_deref().map(local),
            images: self.images.as_deref().map(local),
        });
        // A frozen set by its file.
        let name = if self.name.contains('/') {
            local(&self.name)
        } else {
            self.name.clone()
        };
        let (set, data) = Set::find(&name, data).await?;
        let prompts = self.prompts.as_deref().map(|name| Family::from_str(name, true));
        let prompts = prompts
            .transpose()
            .map_err(|_| anyhow::anyhow!("`prompts` is `paligemma` or `chat`"))?;
        let task = Task {
            set: set.clone(),
            data,
            models: models.to_vec(),
            prompts,
            rules: self.rules.clone(),
            limit: self.limit.or(limit),
        };
        Ok((set, task))
    }
}

fn write(overview: &Overview, format: Format, output: Option<&Path>) -> anyhow::Result<()> {
    anyhow::ensure!(
        format != Format::Parquet || output.is_some() || !std::io::stdout().is_terminal(),
        "Parquet is not for the eyes: name a file with --output FILE"
    );
    let mut sink: Box<dyn Write + Send> = match output {
        Some(path) => Box::new(
            std::fs::File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?,
        ),
        None => Box::new(Out),
    };
    match format {
        Format::Markdown => write!(sink, "{}", lines(&overview.to_string()))?,
        Format::Json => writeln!(sink, "{}", serde_json::to_string_pretty(overview)?)?,
        Format::Parquet => {
            let batch = overview.batch()?;
            let mut writer = ArrowWriter::try_new(sink, batch.schema(), None)?;
            writer.write(&batch)?;
            writer.close()?;
        }
    }
    Ok(())
}
