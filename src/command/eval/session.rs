//! One evaluation from its data to scores in the tables.

use crate::benchmark::ask::Asker;
use crate::benchmark::candidate::{Candidate, Models};
use crate::benchmark::evaluate::{self, Evaluated};
use crate::benchmark::load::Data;
use crate::benchmark::prompt::Family;
use crate::benchmark::run::Run;
use crate::benchmark::{Set, evaluate::sink};
use crate::error::Error;
use crate::journal::Journal;
use crate::model::{Stop, calls};
use crate::plan;
use crate::row::Role;
use crate::tables::Tables;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;
use std::sync::Arc;

/// Where answers go, and who gives them.
pub(super) struct Session {
    tables: Tables,
    models: Arc<Models>,
    journal: Option<Arc<Journal>>,
}

/// What is to be evaluated.
pub(super) struct Task {
    pub(super) set: Set,
    pub(super) data: Data,
    pub(super) models: Vec<String>,
    pub(super) prompts: Option<Family>,
    pub(super) rules: Option<String>,
    pub(super) limit: Option<usize>,
}

/// Why there may be more to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stopped {
    Interrupted,
    Budget(String),
}

impl Session {
    /// Reads the configuration and opens the tables, which need not exist yet.
    pub(super) async fn open(config: Option<&Path>, tables: Option<&str>) -> anyhow::Result<Self> {
        let mut models = config.map(Models::read).transpose()?.unwrap_or_default();
        let address = tables.or(models.tables.as_deref()).unwrap_or("auditdm-tables");
        let tables = Tables::open(address).await?;
        Ok(Self {
            journal: models.keep_journal(&tables)?,
            models: Arc::new(models),
            tables,
        })
    }

    /// Asks what is not answered yet, and scores; what is through is in the tables, whatever happens.
    pub(super) async fn evaluate(
        &self,
        task: Task,
        quiet: bool,
    ) -> anyhow::Result<(Vec<Evaluated>, Option<Stopped>)> {
        let Task {
            set,
            data,
            prompts,
            rules,
            ..
        } = &task;
        let questions = evaluate::questions(set.suite, data.clone(), task.limit).await?;
        let (models, names, suite, prompts) = (self.models.clone(), task.models.clone(), set.suite, *prompts);
        let opened = tokio::task::spawn_blocking(move || {
            let open = |name: &String| models.open(name, suite, prompts);
            names.iter().map(open).collect::<Result<Vec<Candidate>, _>>()
        });
        let candidates = opened.await??;
        let named = candidates.iter().map(|candidate| {
            let rules = suite
                .rules(rules.as_deref(), candidate.family)
                .map_err(anyhow::Error::msg)?;
            Ok((candidate.name.clone(), rules))
        });
        let named: Vec<(String, &'static str)> = named.collect::<anyhow::Result<_>>()?;
        let asker = Arc::new(Asker::open(set, candidates, &self.tables).await?);
        self.resume(&asker).await?;
        let run = Run::start(&self.tables, set, asker.clone()).await?;
        let bar = bar(quiet);
        let progress = |count: usize| bar.inc(count as u64);
        let sink = sink(&self.tables, self.journal.clone());
        let outcome = evaluate::ask(asker.clone(), questions, sink, progress, self.stop()).await;
        bar.finish_and_clear();
        let brake = self.models.traffic.halt.reason();
        let (asked, stopped) = match (outcome, brake) {
            (Err(error), _) => return self.fail(&run, error).await,
            (Ok((asked, _)), Some(Stop::Model { model, problem })) => {
                let evaluated = evaluate::score(suite, &asked, &named);
                run.end(&asked, &evaluated, "failed", Some(problem.clone()))
                    .await?;
                return Err(Error::Model { model, problem }.into());
            }
            (Ok((asked, _)), Some(stop)) => (asked, Some(Stopped::Budget(stop.to_string()))),
            (Ok((asked, true)), None) => (asked, Some(Stopped::Interrupted)),
            (Ok((asked, false)), None) => (asked, None),
        };
        if asked.is_empty() && stopped.is_none() {
            let problem = format!("no question of {} is in it", set.title);
            let url = data.questions.clone();
            return self.fail(&run, Error::ImageSource { url, problem }).await;
        }
        let evaluated = evaluate::score(suite, &asked, &named);
        let (status, reason) = match &stopped {
            None => ("done", None),
            Some(Stopped::Interrupted) => ("interrupted", Some("asked to stop".to_owned())),
            Some(Stopped::Budget(why)) => ("stopped", Some(why.clone())),
        };
        run.end(&asked, &evaluated, status, reason).await?;
        if let (Some(journal), None) = (&self.journal, &stopped) {
            if let Some(failure) = journal.failure() {
                return Err(failure.into());
            }
            if evaluated.iter().all(|model| model.postponed == 0) {
                journal.complete(&asker.run_id, crate::config::Claim::default());
            }
        }
        Ok((evaluated, stopped))
    }

    async fn fail<T>(&self, run: &Run<'_>, error: Error) -> anyhow::Result<T> {
        // Tables that cannot be written to are the reason, not the news.
        if let Err(also) = run.end(&[], &[], "failed", Some(error.to_string())).await {
            tracing::warn!(%also, "how the evaluation ended was not noted");
        }
        Err(error.into())
    }

    /// What earlier sittings spent counts towards the budget.
    async fn resume(&self, asker: &Asker) -> anyhow::Result<()> {
        let run_id = &asker.run_id;
        if let Some(journal) = &self.journal {
            journal.begin(run_id, crate::config::Claim::default());
        }
        let received = self.journal.iter().flat_map(|journal| journal.received(run_id));
        let received = received.flat_map(|(model_id, subject, attempts)| {
            let mut cards = asker.candidates().iter().map(|each| each.model.card());
            let card = cards.find(|card| card.model_id == model_id);
            card.map_or_else(Vec::new, |card| {
                calls(run_id, card, Role::Target, &subject, &attempts).collect()
            })
        });
        let spent = plan::spent(&self.tables, run_id, &received.collect::<Vec<_>>()).await?;
        self.models
            .traffic
            .budget
            .resume(spent.towards_budget, spent.time);
        Ok(())
    }

    /// Ready when nothing new is to be asked.
    fn stop(&self) -> impl Future<Output = ()> + Send + use<> {
        let traffic = self.models.traffic.clone();
        async move {
            tokio::select! {
                () = interrupted() => {}
                () = traffic.halt.stopped() => {}
                () = traffic.out_of_time() => {}
            }
        }
    }
}

fn bar(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{spinner} {pos} questions, {per_sec}").expect("a constant template");
    ProgressBar::no_length().with_style(style)
}

/// Ready at the first Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    eprintln!("\nfinishing what is under way and committing it");
}
