//! Whether remote models still answer as they did: a declared revision is only a declaration.
//!
//! At the start of a run each HTTP model that answers greedily is asked some stored pairs again, with the
//! same words and seed. In: the source, in its order, and what the tables hold. Out: how many answers are
//! other ones, and the calls, which the budget counts. The stored answers stay what they are. An interrupted
//! run that goes on is not checked again.

use super::{Audit, read};
use crate::answer::{self, Player};
use crate::diverge::normalize;
use crate::error::Result;
use crate::image::Depth;
use crate::model::{Request, calls};
use crate::probe::{Ask, Subject};
use crate::row::{Role, Rows};
use crate::source::{self, SourceOptions};
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// So many images are looked through for stored pairs.
const MOST_IMAGES: usize = 64;
/// More than this share of other answers is no rounding noise.
const NOISE: f64 = 0.1;

/// How one model answered again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drift {
    /// The model's name in the configuration.
    pub model: String,
    /// As the configuration declares it.
    pub revision: String,
    /// Pairs that were answered again.
    pub asked: usize,
    /// Those whose normalised answer is another one now.
    pub changed: usize,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            model,
            revision,
            asked,
            changed,
        } = self;
        write!(
            f,
            "model `{model}` gives other answers to {changed} of {asked} stored pairs under the same revision \
             `{revision}`"
        )?;
        if *changed as f64 > NOISE * *asked as f64 {
            f.write_str(
                ": if its weights or settings changed, declare a new `revision`, so that it is asked anew",
            )
        } else if *changed > 0 {
            f.write_str("; so few may be the server's own noise")
        } else {
            Ok(())
        }
    }
}

/// Has the cast's HTTP models answer up to `pairs` stored pairs each again.
///
/// # Errors
/// Whatever cannot be listed or read.
pub(super) async fn check(
    audit: &Audit,
    source: &SourceOptions,
    pairs: usize,
    rows: &mut Rows,
) -> Result<Vec<Drift>> {
    let players: Vec<&Player> = audit
        .cast
        .players()
        .map(|(_, player)| player)
        .filter(|player| {
            let card = player.model.card();
            card.kind == "http"
                && player.sampling.temperature == 0.0
                && audit.done.has_answered(&card.model_id)
        })
        .collect();
    if players.is_empty() || pairs == 0 {
        return Ok(Vec::new());
    }
    let mut stored: Vec<BTreeMap<String, (Request, Option<String>)>> = vec![BTreeMap::new(); players.len()];
    let first = source::open(source).await?.take(MOST_IMAGES);
    let subjects: Vec<Option<Subject>> = first
        .and_then(async |found| Ok(read::read(found, Depth::Header).await.subject))
        .try_collect()
        .await?;
    let asked: Vec<(Subject, Vec<Ask>)> = subjects
        .into_iter()
        .flatten()
        .map(|subject| (subject.clone(), audit.asked(&subject).collect()))
        .collect();
    for (player, stored) in players.iter().zip(&mut stored) {
        let model_id = &player.model.card().model_id;
        let (known, answers) = audit.done.stored(&asked, model_id).await?;
        for pair in &known {
            let answered = answer::answer_of(pair, model_id, &answers).filter(|row| row.status == "ok");
            let (Some(answered), Some(pair_id)) = (answered, pair.row.pair_id.as_deref()) else {
                continue;
            };
            let request = answer::request(pair, pair_id, &player.sampling);
            if let Some(request) = request.filter(|_| stored.len() < pairs) {
                stored.insert(pair_id.to_owned(), (request, answered.normalized.clone()));
            }
        }
    }
    let asked = players
        .iter()
        .zip(stored)
        .filter(|(_, stored)| !stored.is_empty());
    let again = join_all(asked.map(|(player, stored)| again(player, stored, &audit.run_id))).await;
    Ok(again
        .into_iter()
        .map(|(drift, new)| {
            rows.extend(new);
            drift
        })
        .collect())
}

async fn again(
    player: &Player,
    stored: BTreeMap<String, (Request, Option<String>)>,
    run_id: &str,
) -> (Drift, Rows) {
    let card = player.model.card();
    let (requests, before): (Vec<Request>, Vec<Option<String>>) = stored.into_values().unzip();
    let subjects: Vec<_> = requests.iter().map(|request| request.subject.clone()).collect();
    let replies = player.model.answer(requests).await;
    let mut rows = Rows::default();
    let mut drift = Drift {
        model: player.name.clone(),
        revision: card.revision.clone(),
        asked: 0,
        changed: 0,
    };
    for ((subject, before), reply) in subjects.iter().zip(before).zip(replies) {
        rows.calls
            .extend(calls(run_id, card, Role::Drift, subject, &reply.attempts));
        if let Ok(completion) = reply.outcome {
            drift.asked += 1;
            drift.changed += usize::from(Some(normalize(&completion.text)) != before);
        }
    }
    (drift, rows)
}
