//! The rival methods side by side on the lab, each with the same budget of probes.
//!
//! ```text
//! for each method:  audit held-out scenes ──▶ measure by the lab's truth ──▶ twins ──▶ rectify the target ──▶ one row
//! ```
//! In: the committed target, references and auditor, and how much each may ask. Out: a [`Row`] a method. Every method has a
//! folder of its own with its tables, its rectified target and, once it is done, its row; the same plan in the same folder
//! goes on where it was stopped. What each figure means stands at the fields of [`Row`]. Left out: three seeds.

mod fresh;
mod measure;
mod method;
mod row;
mod twin;

pub use method::{Method, Plan};
pub use row::{Mended, Ratio, Row, Share, csv, table};

use crate::audit::{Ended, Run};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::sql;
use crate::tables::Tables;
use crate::train::rectify::{self, Rectification};
use measure::Measured;
use std::path::Path;
use tokio::sync::watch;

/// What happens, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// A method begins a stage.
    Stage(Method, &'static str),
    /// A method is done.
    Row(&'a Row),
}

/// Runs every method of the plan; its rows, or none where `stop` came before the end.
///
/// # Errors
/// Whatever a stage fails with; [`Error::Training`] where the folder holds another plan.
pub async fn methods(
    plan: &Plan,
    stop: impl Future<Output = ()> + Send + 'static,
    mut tell: impl FnMut(&Event),
) -> Result<Option<Vec<Row>>> {
    plan.keep()?;
    let (halt, halted) = watch::channel(false);
    tokio::spawn(async move {
        stop.await;
        halt.send_replace(true);
    });
    let mut rows = Vec::new();
    for method in plan.methods() {
        let path = plan.folder_of(method).join("row.json");
        let row = if let Some(row) = read::<Row>(&path)? {
            row
        } else {
            let Some(row) = Box::pin(one(plan, method, &halted, &mut tell)).await? else {
                return Ok(None);
            };
            write(&path, &row)?;
            // As a later run reads it: to the last digit the same.
            read(&path)?.unwrap_or(row)
        };
        tell(&Event::Row(&row));
        rows.push(row);
    }
    Ok(Some(rows))
}

async fn one(
    plan: &Plan,
    method: Method,
    halted: &watch::Receiver<bool>,
    tell: &mut impl FnMut(&Event),
) -> Result<Option<Row>> {
    let config = plan.config(method)?;
    if method == Method::Nothing {
        tell(&Event::Stage(method, "rectify"));
        let mended = Box::pin(mended(&config, halted)).await?;
        return Ok(mended.map(|mended| Row::control(method, mended)));
    }
    tell(&Event::Stage(method, "audit"));
    if !audited(&config, halted).await? {
        return Ok(None);
    }
    tell(&Event::Stage(method, "a second round"));
    let again = plan.again(method)?;
    if !audited(&again, halted).await? {
        return Ok(None);
    }
    tell(&Event::Stage(method, "measure"));
    let fixed = Measured::baseline(&plan.config(Method::FixedSet)?).await?;
    let found = Measured::of(&config).await?;
    let fresh = fresh::share(&config, &again).await?;
    let twins = twin::twins(&config, plan).await?;
    let mended = if found.failures == 0 {
        None
    } else {
        tell(&Event::Stage(method, "rectify"));
        let Some(mended) = Box::pin(mended(&config, halted)).await? else {
            return Ok(None);
        };
        Some(mended)
    };
    Ok(Some(Row::new(method, &found, &fixed, fresh, twins, mended)))
}

/// Whether the audit came to its end.
async fn audited(config: &Config, halted: &watch::Receiver<bool>) -> Result<bool> {
    match Run::open(config.clone()).await?.go(halt(halted)).await? {
        Ended::Done => Ok(true),
        Ended::Failed(error) => Err(error),
        Ended::Stopped(_) | Ended::Interrupted => Ok(false),
    }
}

/// The target after it learned from what the method found.
async fn mended(config: &Config, halted: &watch::Receiver<bool>) -> Result<Option<Mended>> {
    let missing = || Error::Training("a plan's configuration has a section [rectification]".to_owned());
    let options = config.rectification.clone().ok_or_else(missing)?;
    let tables = Tables::open_existing(&config.tables).await?;
    let context = sql::open(&tables, sql::memory::limit_byte()).await?;
    let frame = rectify::rows(&context, &options, None).await?;
    let mut rectification = Rectification::open(config, &tables, frame).await?;
    let [rows, _, _] = rectification.sizes();
    let rectified = Box::pin(rectification.go(halt(halted), |_| {})).await?;
    Ok(rectified.finished.then(|| Mended::new(rows, &rectified.last)))
}

async fn wait(mut halted: watch::Receiver<bool>) {
    // An error means that nobody can stop it any more.
    if halted.wait_for(|halted| *halted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn halt(halted: &watch::Receiver<bool>) -> impl Future<Output = ()> + Send + use<> {
    wait(halted.clone())
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}

/// A JSON file; none where there is none.
fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path, error)),
    };
    let parsed = serde_json::from_slice(&bytes);
    parsed
        .map(Some)
        .map_err(|error| failed("read", path, std::io::Error::other(error)))
}

/// Complete under another name first, then renamed.
fn write<T: serde::Serialize>(path: &Path, value: &T) -> Result<()> {
    let partial = path.with_added_extension("partial");
    let text = serde_json::to_vec_pretty(value).expect("plain data");
    std::fs::write(&partial, text).map_err(|error| failed("write", &partial, error))?;
    std::fs::rename(&partial, path).map_err(|error| failed("write", path, error))
}
