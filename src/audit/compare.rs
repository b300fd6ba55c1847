//! Pairs compared: who has not answered is asked, judges decide, and what follows is scored.
//!
//! In: pairs, and what is [`Done`](super::Done) about them already. Out: rows of answers, calls, verdicts and divergences.

use super::Audit;
use crate::answer::{self, Answers, Player, Said, Verdicts};
use crate::diverge::{Case, score};
use crate::error::Result;
use crate::probe::Pair;
use crate::row::{Role, Rows};
use chrono::Utc;
use futures::future::join_all;

impl Audit {
    /// Answers, verdicts and divergences of pairs that lack them; gives all answers, old and new.
    pub(crate) async fn answers(&self, pairs: &[Pair], rows: &mut Rows) -> Result<Answers> {
        let mut answers = self.done.answers(pairs).await?;
        let known = &answers;
        let replies = join_all(self.cast.players().map(|(role, player)| {
            let progress = self.progress.of(role, &player.name);
            answer::ask(player, role, pairs, known, &self.run_id, progress)
        }))
        .await;
        for new in replies {
            let keyed = new
                .answers
                .iter()
                .map(|row| ((row.pair_id.clone(), row.model_id.clone()), row.clone()));
            answers.extend(keyed);
            rows.extend(new);
        }
        self.verdicts(pairs, &answers, rows).await?;
        Ok(answers)
    }

    async fn verdicts(&self, pairs: &[Pair], answers: &Answers, rows: &mut Rows) -> Result<()> {
        let models: Vec<String> = self
            .cast
            .players()
            .map(|(_, player)| player.model.card().model_id.clone())
            .collect();
        let said = Said {
            pairs,
            answers,
            models: &models,
            number_tolerance: self.cast.scale.number_tolerance(),
        };
        let mut verdicts = self.done.verdicts(pairs)?;
        let known = &verdicts;
        let judged = join_all(self.cast.judges.iter().map(|judge: &Player| {
            let progress = self.progress.of(Role::Judge, &judge.name);
            answer::judge(judge, said, known, &self.run_id, progress)
        }))
        .await;
        let truths = answer::by_truth(said).into_iter();
        let truths = truths
            .filter(|row| !known.contains_key(&answer::verdict_key(row)))
            .collect();
        let truths = Rows {
            verdicts: truths,
            ..Rows::default()
        };
        for new in judged.into_iter().chain([truths]) {
            verdicts.extend(
                new.verdicts
                    .iter()
                    .map(|row| (answer::verdict_key(row), row.clone())),
            );
            rows.extend(new);
        }
        let texts = answers.values().filter_map(|answer| answer.text.clone());
        self.cast.scale.read(texts.collect()).await?;
        self.divergences(said, &verdicts, rows);
        Ok(())
    }

    /// Scores the pairs that everybody has answered and every judge has decided on; what a transient
    /// failure left open is tried again by a later run.
    fn divergences(&self, said: Said, verdicts: &Verdicts, rows: &mut Rows) {
        let judges: Vec<&str> = self
            .cast
            .judges
            .iter()
            .map(|judge| judge.model.card().model_id.as_str())
            .collect();
        let awaited = |pair: &Pair, model_id: &String| {
            let key = |judge: &&str| (pair.row.probe_id.clone(), model_id.clone(), (*judge).to_owned());
            said.undecided(pair, model_id).is_some()
                && judges.iter().any(|judge| !verdicts.contains_key(&key(judge)))
        };
        let (target_id, reference_set, judge_set) = (
            &self.cast.target.model.card().model_id,
            self.cast.reference_set(),
            self.cast.judge_set(),
        );
        for pair in said.pairs {
            let target = answer::answer_of(pair, target_id, said.answers);
            let references: Option<Vec<_>> = self
                .cast
                .references
                .iter()
                .map(|player| answer::answer_of(pair, &player.model.card().model_id, said.answers))
                .collect();
            let decided: Vec<_> = verdicts
                .values()
                .filter(|row| row.probe_id == pair.row.probe_id)
                .collect();
            let (Some(target), Some(references)) = (target, references) else {
                self.progress.postponed.add(1);
                continue;
            };
            if said.models.iter().any(|model_id| awaited(pair, model_id)) {
                self.progress.postponed.add(1);
                continue;
            }
            let case = Case {
                probe_id: &pair.row.probe_id,
                choices: &pair.row.choices,
                truth: &pair.truth,
                target,
                references: &references,
                verdicts: &decided,
            };
            rows.divergences.push(score(
                &case,
                &reference_set,
                &judge_set,
                &self.cast.scale,
                Utc::now(),
            ));
            self.progress.pairs.add(1);
        }
    }
}
