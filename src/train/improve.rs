//! Self-improvement: audit, train the auditor, rectify the target, and again with what came of it.
//!
//! ```text
//! round r:  train the auditor on the target ──▶ audit with it ──▶ rectify the target ──▶ round r + 1
//! ```
//! Every stage writes under a label and into a folder of its round, and each takes up what it finds there, so that the
//! same command goes on between stages and within them. A last audit shows what the last target still gets wrong.

use super::grpo::{self, Training};
use super::rectify::{self, Rectification, Rectified};
use crate::audit::{Ended, Run};
use crate::config::{Config, ModelOptions, ProberKind};
use crate::error::{Error, Result};
use crate::sql;
use crate::tables::Tables;
use std::future::Future;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// What is under way, told before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The auditor of a round learns; the checkpoint's folder.
    Train(u64, PathBuf),
    /// The audit of a round; its label.
    Audit(u64, String),
    /// The target of a round learns; the checkpoint's folder.
    Rectify(u64, PathBuf),
}

/// What happens, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// A stage begins.
    Stage(&'a Stage),
    /// A step of the auditor.
    Trained(&'a grpo::StepFigures),
    /// A step of the target.
    Rectified(&'a rectify::StepFigures),
    /// The target of a round has learned.
    Changed(&'a Rectified),
}

/// Runs `rounds` rounds below `folder`, and a last audit; gives whether all was done, or `stop` came before.
///
/// # Errors
/// Whatever a stage fails with.
pub async fn improve(
    config: &Config,
    rounds: u64,
    folder: &Path,
    queries: Option<&Path>,
    stop: impl Future<Output = ()> + Send + 'static,
    mut tell: impl FnMut(&Event),
) -> Result<bool> {
    let (halt, halted) = watch::channel(false);
    tokio::spawn(async move {
        stop.await;
        halt.send_replace(true);
    });
    let stop = || {
        let mut halted = halted.clone();
        async move {
            // An error means that nobody can stop it any more.
            if halted.wait_for(|halted| *halted).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    for round in 0..=rounds {
        let mut config = of_round(config, round, folder)?;
        if round < rounds {
            let output = PathBuf::from(&config.training.as_ref().ok_or_else(missing)?.output);
            tell(&Event::Stage(&Stage::Train(round, output.clone())));
            let mut training = Training::open(config.clone()).await?;
            let trained = training
                .go(None, stop(), |figures| tell(&Event::Trained(figures)))
                .await?;
            if !trained.finished {
                return Ok(false);
            }
            let probers = config.probers.iter_mut();
            for prober in probers.filter(|prober| prober.kind == ProberKind::Prompted) {
                prober.foci = training.foci();
            }
            point(&mut config, Part::Auditor, &output)?;
        }
        tell(&Event::Stage(&Stage::Audit(round, config.label.clone())));
        match Run::open(config.clone()).await?.go(stop()).await? {
            Ended::Done => {}
            Ended::Failed(error) => return Err(error),
            Ended::Stopped(_) | Ended::Interrupted => return Ok(false),
        }
        if round == rounds {
            break;
        }
        let options = config.rectification.as_mut().ok_or_else(missing)?;
        options.params.insert("run".to_owned(), config.label.clone());
        tell(&Event::Stage(&Stage::Rectify(
            round,
            PathBuf::from(&options.output),
        )));
        let tables = Tables::open(&config.tables).await?;
        let context = sql::open(&tables, sql::memory::limit_byte()).await?;
        let frame = rectify::rows(&context, options, queries).await?;
        let rectified = Rectification::open(&config, &tables, frame)
            .await?
            .go(stop(), |figures| tell(&Event::Rectified(figures)))
            .await?;
        tell(&Event::Changed(&rectified));
        if !rectified.finished {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The configuration of a round: the models that the round before left, labels and folders of its own.
fn of_round(config: &Config, round: u64, folder: &Path) -> Result<Config> {
    let place = |round: u64, what: &str| folder.join(format!("round-{round}")).join(what);
    let mut own = config.clone();
    own.label = format!("{} round {round}", config.label);
    if let Some(before) = round.checked_sub(1) {
        point(&mut own, Part::Target, &place(before, "target"))?;
        point(&mut own, Part::Auditor, &place(before, "auditor"))?;
    }
    let training = own.training.as_mut().ok_or_else(missing)?;
    training.output = place(round, "auditor").display().to_string();
    let rectification = own.rectification.as_mut().ok_or_else(missing)?;
    rectification.output = place(round, "target").display().to_string();
    Ok(own)
}

/// Which model is replaced.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Target,
    Auditor,
}

/// Makes a part the checkpoint, or the adapter, in `folder`.
fn point(config: &mut Config, part: Part, folder: &Path) -> Result<()> {
    let name = match part {
        Part::Target => config.target.clone(),
        Part::Auditor => config.trained().ok_or_else(missing)?.model.clone(),
    };
    let adapted = match part {
        Part::Target => config
            .rectification
            .as_ref()
            .is_some_and(|options| options.lora.is_some()),
        Part::Auditor => config
            .training
            .as_ref()
            .is_some_and(|options| options.lora.is_some()),
    };
    let Some(ModelOptions::Local(local)) = config.models.get_mut(&name) else {
        return Err(missing());
    };
    if adapted {
        local.adapter = Some(folder.display().to_string());
    } else {
        local.path = folder.display().to_string();
    }
    Ok(())
}

fn missing() -> Error {
    Error::Training(
        "to improve takes sections [training] and [rectification], a local target and one prompted local prober".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_begins_with_what_the_round_before_left() {
        let text = r#"
            label = "night"
            target = "small"
            references = ["large", "other"]
            source = { url = "lab://" }
            training = { output = "x" }
            rectification = { output = "y", lora = { rank = 4 } }
            [models]
            small.local.path = "small"
            large.mock = {}
            other.mock = {}
            auditor.local.path = "auditor"
            [[probers]]
            kind = "prompted"
            model = "auditor"
        "#;
        let config = Config::parse(text, "test", Path::new("")).unwrap();
        let local = |config: &Config, name: &str| match &config.models[name] {
            ModelOptions::Local(local) => (local.path.clone(), local.adapter.clone()),
            other => panic!("{other:?}"),
        };
        let first = of_round(&config, 0, Path::new("out")).unwrap();
        assert_eq!(first.label, "night round 0");
        assert_eq!(local(&first, "small"), ("small".to_owned(), None));
        assert_eq!(first.training.as_ref().unwrap().output, "out/round-0/auditor");
        let third = of_round(&config, 2, Path::new("out")).unwrap();
        let adapter = Some("out/round-1/target".to_owned());
        assert_eq!(local(&third, "small"), ("small".to_owned(), adapter));
        assert_eq!(local(&third, "auditor"), ("out/round-1/auditor".to_owned(), None));
        assert_eq!(third.rectification.unwrap().output, "out/round-2/target");
    }
}
