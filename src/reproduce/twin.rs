//! Counterfactual twins of failures: is it the image or the words that the target fails on?
//!
//! In: a method's failures. Out: of how many the twin passes. The twin of a failure on an image that the method made is the
//! same question about the source's image: where the target answers that rightly, the image is the weakness. The twin of a
//! failure on a question that the method wrote is a question of the lab itself about the source's image: the one that was
//! reworded, or those of the same category, more than half of which must pass: then the words are. A twin without an answer
//! passes nothing.

use super::Plan;
use super::measure::rows;
use crate::config::{Config, ModelOptions};
use crate::diverge::Truth;
use crate::error::{Error, Result};
use crate::lab;
use crate::lab::generate::Split;
use crate::lab::scene::Scene;
use crate::model::local::LocalModel;
use crate::model::{EncodedImage, Model, Request};
use crate::probe::with_choices;
use crate::row::{content_id, id};
use crate::source::{self, Found, SourceQuestion};
use crate::sql;
use crate::tables::Tables;
use futures::TryStreamExt;
use serde::Deserialize;
use std::collections::HashMap;

/// Questions that the target is asked together.
const TOGETHER: usize = 256;

/// Failures whose twin passes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Twins {
    pub(super) image: u64,
    pub(super) text: u64,
}

#[derive(Deserialize)]
struct Failure {
    operation: String,
    question: String,
    category: String,
    category_source: Option<String>,
    strategy: String,
    k: u64,
    uri: String,
    #[serde(default)]
    choices: Vec<String>,
}

/// A question about a scene, and its answer.
type Asked = (String, SourceQuestion);

/// Asks the target the twins of all failures.
pub(super) async fn twins(config: &Config, plan: &Plan) -> Result<Twins> {
    let tables = Tables::open_existing(&config.tables).await?;
    let context = sql::open(&tables, sql::memory::limit_byte()).await?;
    let sql = "SELECT results.operation, results.question, results.category, results.category_source, results.strategy,
            results.k, roots.uri, probes.choices
        FROM results JOIN probes ON probes.probe_id = results.probe_id
            JOIN images AS roots ON roots.image_id = results.source_image_id
        WHERE run_label = $run AND failure";
    let failures: Vec<Failure> = rows(&context, sql, &config.label).await?;
    let found: Vec<Found> = source::open(&config.source).await?.try_collect().await?;
    let scenes: HashMap<String, Found> = found
        .into_iter()
        .map(|found| (found.uri.clone(), found))
        .collect();
    let of = |failure: &Failure| {
        scenes
            .get(&failure.uri)
            .and_then(|found| Some((found, found.scene.as_deref()?)))
    };
    let mut open: HashMap<String, Asked> = HashMap::new();
    let mut wanted: Vec<[Vec<String>; 2]> = Vec::with_capacity(failures.len());
    for failure in &failures {
        let Some((found, scene)) = of(failure) else {
            wanted.push([Vec::new(), Vec::new()]);
            continue;
        };
        let twins = [image_twin(failure, scene), text_twins(failure, found, scene)];
        wanted.push(twins.map(|twins| {
            let keys = twins.into_iter().map(|twin| {
                let key = id([&failure.uri, &twin.question, &twin.choices.join("\u{1f}")]);
                open.entry(key.clone()).or_insert((failure.uri.clone(), twin));
                key
            });
            keys.collect()
        }));
    }
    let passed = passed(config, plan, open, &scenes).await?;
    let passes = |keys: &Vec<String>| {
        let right = keys.iter().filter(|key| passed.get(*key) == Some(&true)).count();
        !keys.is_empty() && right * 2 > keys.len()
    };
    Ok(Twins {
        image: wanted.iter().filter(|[image, _]| passes(image)).count() as u64,
        text: wanted.iter().filter(|[_, text]| passes(text)).count() as u64,
    })
}

/// The same question about the source's image.
fn image_twin(failure: &Failure, scene: &Scene) -> Vec<SourceQuestion> {
    if failure.operation == "original" {
        return Vec::new();
    }
    let answer = lab::answer(scene, &failure.question).ok();
    let twin = answer.map(|answer| SourceQuestion {
        question: failure.question.clone(),
        answers: vec![answer],
        choices: failure.choices.clone(),
        category: None,
    });
    twin.into_iter().collect()
}

/// The lab's own questions that the method's stands for.
fn text_twins(failure: &Failure, found: &Found, scene: &Scene) -> Vec<SourceQuestion> {
    if found
        .questions
        .iter()
        .any(|known| known.question == failure.question)
    {
        return Vec::new();
    }
    if failure.strategy == "question" && failure.category_source.as_deref() == Some("source") {
        let place = failure.k as usize % found.questions.len().max(1);
        return found.questions.get(place).cloned().into_iter().collect();
    }
    let all = lab::question::questions(scene, Split::HeldOut, 1);
    let alike = all
        .into_iter()
        .filter(|asked| asked.category.name() == failure.category);
    alike
        .map(|asked| SourceQuestion {
            question: asked.question,
            answers: vec![asked.answer],
            choices: asked.choices,
            category: None,
        })
        .collect()
}

/// Whether the target answers each question rightly.
async fn passed(
    config: &Config,
    plan: &Plan,
    open: HashMap<String, Asked>,
    scenes: &HashMap<String, Found>,
) -> Result<HashMap<String, bool>> {
    let mut open: Vec<(String, Asked)> = open.into_iter().collect();
    open.sort_by(|a, b| a.0.cmp(&b.0));
    let ModelOptions::Local(local) = config.models[&config.target].clone() else {
        return Err(Error::Training(format!(
            "the target of {} is local",
            plan.folder.display()
        )));
    };
    let sampling = config.answers.clone();
    let opened = tokio::task::spawn_blocking(move || LocalModel::open(&local, &sampling));
    let model = opened.await.expect("opening a model does not panic")?;
    let mut passed = HashMap::new();
    for some in open.chunks(TOGETHER) {
        let mut requests = Vec::with_capacity(some.len());
        for (key, (uri, asked)) in some {
            let image = (scenes[uri].read)().await;
            let image = image.map_err(|problem| Error::Training(format!("{uri}: {problem}")))?;
            requests.push(Request {
                subject: key.as_str().into(),
                images: vec![EncodedImage::new(content_id(&image).as_str(), image)],
                prompt: with_choices(&asked.question, &asked.choices),
                system: None,
                sampling: config.answers.clone(),
                seed: 0,
            });
        }
        let replies = model.answer(requests).await;
        passed.extend(some.iter().zip(replies).map(|((key, (_, asked)), reply)| {
            let truth = Truth::Answers(asked.answers.clone());
            let right = reply
                .outcome
                .is_ok_and(|said| truth.accepts(&said.text, &asked.choices, 0.0) == Some(true));
            (key.clone(), right)
        }));
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceOptions;

    #[tokio::test]
    async fn twins_are_unedited_and_in_the_labs_words() {
        let source = SourceOptions {
            url: "lab://?scenes=1&questions=6".to_owned(),
            ..SourceOptions::default()
        };
        let found: Vec<Found> = source::open(&source).await.unwrap().try_collect().await.unwrap();
        let (found, scene) = (&found[0], found[0].scene.as_deref().unwrap());
        let failure = |operation: &str, question: &str, source: &str, k: u64| Failure {
            operation: operation.to_owned(),
            question: question.to_owned(),
            category: "counting".to_owned(),
            category_source: Some(source.to_owned()),
            strategy: "question".to_owned(),
            k,
            uri: found.uri.clone(),
            choices: Vec::new(),
        };
        let own = &found.questions[2];
        let edited = failure("edited", &own.question, "grammar", 2);
        assert_eq!(image_twin(&edited, scene)[0].answers, own.answers);
        assert!(
            text_twins(&edited, found, scene).is_empty(),
            "its words are the source's"
        );
        let misspelt = failure("original", "whta?", "source", 8);
        assert!(image_twin(&misspelt, scene).is_empty());
        assert_eq!(text_twins(&misspelt, found, scene), std::slice::from_ref(own));
        let new = failure("edited", "how many unicorns are there?", "grammar", 0);
        let alike = text_twins(&new, found, scene);
        assert!(
            !alike.is_empty()
                && alike
                    .iter()
                    .all(|twin| lab::category(&twin.question).unwrap().name() == "counting")
        );
    }
}
