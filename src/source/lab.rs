//! The lab as a source: `lab://?scenes=500&seed=0&difficulty=1&split=held_out`; `questions=4` keeps so many of each
//! scene's questions, drawn from all categories.
//!
//! Scene i of a world has the address `lab://?seed=…&difficulty=…&split=…#i` whatever the number of scenes,
//! so that a larger audit adds to a smaller one. Images are rendered when they are read.

use super::{Found, SourceOptions, SourceQuestion, sample};
use crate::error::Result;
use crate::lab::generate::{MAX_DIFFICULTY, Split, World};
use crate::lab::question::questions;
use crate::lab::render::png;
use crate::row::id;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Map, Value};
use std::str::FromStr;
use std::sync::Arc;

const DEFAULT_SCENES: u64 = 500;
const KEYS: &str = "scenes, seed, difficulty (0 to 3), split (train or held_out), questions";

/// What the address asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address {
    scenes: u64,
    world: World,
    /// Of each scene; none for all.
    questions: Option<u64>,
}

/// Lists the scenes by number.
pub(super) fn open(options: Arc<SourceOptions>) -> Result<BoxStream<'static, Result<Found>>> {
    let address: Address = options.url.parse().map_err(|problem| options.error(problem))?;
    let listing = options.clone();
    let found = stream::iter(0..address.scenes)
        .map(move |index| Ok(found(&address, index, &listing)))
        .boxed();
    Ok(match options.sample {
        Some(_) => sample::draw(found, options),
        None => found,
    })
}

/// The scene at an address of this module's making, rendered.
pub(super) fn again(uri: &str) -> Result<Bytes, String> {
    let (world, index) = uri.rsplit_once('#').unwrap_or((uri, ""));
    let address: Address = world.parse()?;
    let index = index
        .parse()
        .map_err(|_| format!("`{index}` is no scene's number"))?;
    Ok(png(&address.world.scene(index)))
}

fn found(address: &Address, index: u64, options: &SourceOptions) -> Found {
    let world = address.world;
    let uri = format!(
        "lab://?seed={}&difficulty={}&split={}#{index}",
        world.seed,
        world.difficulty,
        name(world.split)
    );
    let scene = Arc::new(world.scene(index));
    let questions = questions(&scene, world.split, seed(&uri))
        .into_iter()
        .map(|question| SourceQuestion {
            question: question.question,
            answers: vec![question.answer],
            choices: question.choices,
            category: Some(question.category.name().to_owned()),
        });
    let mut questions: Vec<SourceQuestion> = questions.collect();
    if let Some(most) = address.questions {
        questions.sort_by_cached_key(|question| id([&uri, &question.question]));
        questions.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    }
    let drawn = scene.clone();
    Found {
        uri,
        etag: None,
        attributes: Map::from_iter([
            ("split".to_owned(), Value::from(name(world.split))),
            ("difficulty".to_owned(), Value::from(world.difficulty)),
            ("weather".to_owned(), Value::from(scene.weather.name())),
        ]),
        licence: options.licence.clone(),
        scene: Some(scene),
        questions,
        read: Arc::new(move || {
            let scene = drawn.clone();
            Box::pin(async move { Ok(png(&scene)) })
        }),
    }
}

/// The seed of a scene's questions, from its address.
fn seed(uri: &str) -> u64 {
    let digits = id([uri]);
    u64::from_str_radix(&digits[..16], 16).expect("an id is hexadecimal")
}

impl FromStr for Address {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let rest = url
            .split_once(':')
            .map_or("", |(_, rest)| rest)
            .trim_start_matches('/');
        let query = match rest.split_once('?') {
            Some(("", query)) => query,
            None if rest.is_empty() => "",
            _ => {
                return Err(format!(
                    "`{rest}` is not understood; write lab://?key=value with {KEYS}"
                ));
            }
        };
        let world = World {
            split: Split::HeldOut,
            ..World::new(0)
        };
        let mut address = Self {
            scenes: DEFAULT_SCENES,
            world,
            questions: None,
        };
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "scenes" => address.scenes = number(&key, &value)?,
                "seed" => address.world.seed = number(&key, &value)?,
                "difficulty" => address.world.difficulty = difficulty(&value)?,
                "split" => address.world.split = split(&value)?,
                "questions" => address.questions = Some(number(&key, &value)?),
                _ => return Err(format!("unknown key `{key}`; the keys are {KEYS}")),
            }
        }
        if address.scenes == 0 {
            return Err("`scenes` is 0; ask for at least one".to_owned());
        }
        Ok(address)
    }
}

fn number(key: &str, value: &str) -> Result<u64, String> {
    value
        .parse()
        .map_err(|_| format!("`{key}` is `{value}`; it must be a whole number"))
}

fn difficulty(value: &str) -> Result<u8, String> {
    let known = value
        .parse()
        .ok()
        .filter(|difficulty| *difficulty <= MAX_DIFFICULTY);
    known.ok_or_else(|| {
        format!("`difficulty` is `{value}`; it must be a whole number from 0 to {MAX_DIFFICULTY}")
    })
}

fn split(value: &str) -> Result<Split, String> {
    [Split::Train, Split::HeldOut]
        .into_iter()
        .find(|split| name(*split) == value)
        .ok_or_else(|| format!("`split` is `{value}`; it must be train or held_out"))
}

const fn name(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::HeldOut => "held_out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    fn listing(url: &str) -> BoxStream<'static, Result<Found>> {
        open(Arc::new(SourceOptions {
            url: url.to_owned(),
            ..SourceOptions::default()
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn scenes_have_addresses_pixels_and_questions() {
        let found: Vec<Found> = listing("lab://?seed=3&scenes=4").try_collect().await.unwrap();
        assert_eq!(found.len(), 4);
        assert_eq!(found[2].uri, "lab://?seed=3&difficulty=1&split=held_out#2");
        let decoded = crate::image::decode(&(found[2].read)().await.unwrap()).unwrap();
        assert_eq!(decoded.pixels.width(), crate::lab::scene::SIDE);
        assert!(
            found
                .iter()
                .all(|each| !each.questions.is_empty() && each.scene.is_some())
        );
        assert!(
            found[0]
                .questions
                .iter()
                .all(|each| each.answers.len() == 1 && each.category.is_some())
        );
        // More scenes of the same world begin with the same ones.
        let more: Vec<Found> = listing("lab://?scenes=6&seed=3").try_collect().await.unwrap();
        assert_eq!(
            (&more[3].uri, &more[3].questions),
            (&found[3].uri, &found[3].questions)
        );
    }

    #[tokio::test]
    async fn a_few_questions_of_each_scene_are_of_many_categories() {
        let few: Vec<Found> = listing("lab://?scenes=30&questions=3")
            .try_collect()
            .await
            .unwrap();
        let all: Vec<Found> = listing("lab://?scenes=30").try_collect().await.unwrap();
        let mut categories = std::collections::BTreeSet::new();
        for (few, all) in few.iter().zip(&all) {
            assert_eq!((few.questions.len(), &few.uri), (3, &all.uri));
            assert!(
                few.questions
                    .iter()
                    .all(|question| all.questions.contains(question))
            );
            categories.extend(
                few.questions
                    .iter()
                    .filter_map(|question| question.category.clone()),
            );
        }
        assert!(categories.len() >= 10, "{categories:?}");
    }

    #[test]
    fn addresses_are_checked() {
        let parse = |url: &str| url.parse::<Address>();
        let address = parse("lab://?split=train&difficulty=2&scenes=9").unwrap();
        assert_eq!(
            (address.scenes, address.world.difficulty, address.world.split),
            (9, 2, Split::Train)
        );
        assert_eq!(parse("lab://").unwrap(), parse("lab:").unwrap());
        for (url, words) in [
            ("lab://?scene=5", "unknown key `scene`; the keys are scenes, seed"),
            ("lab://?scenes=many", "whole number"),
            ("lab://?scenes=0", "at least one"),
            ("lab://?difficulty=4", "from 0 to 3"),
            ("lab://?split=test", "train or held_out"),
            ("lab://elsewhere", "not understood"),
        ] {
            assert!(parse(url).unwrap_err().contains(words), "{url}");
        }
    }
}
