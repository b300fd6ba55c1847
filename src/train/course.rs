//! Where lessons come from: scenes of the lab without end, some questions about each.
//!
//! A lesson is a function of (seed, step, shard), so that a run that stops continues with what it had not
//! seen. Questions are drawn so that the categories come equally often.

use super::lesson::{Lesson, Row, pixels};
use crate::error::Result;
use crate::lab::generate::{Split, World};
use crate::lab::label::{HEADS, IGNORE, labels};
use crate::lab::question::{LabQuestion, questions, vocabulary};
use crate::lab::render::render;
use crate::lab::scene::SIDE;
use crate::row::Category;
use crate::vlm::{Config, Tokenizer};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// Scenes that the tokenizer's texts are sampled from.
const SCENES_OF_TEXT: u64 = 2_000;

/// How many times more images a lesson without questions has.
const LOOKING: usize = 4;

/// The share of the patches without a thing that the first head (what is there) does not learn from.
const EMPTY_LEFT_OUT: f64 = 0.9;

/// Makes lessons.
pub(super) struct Course {
    pub(super) tokenizer: Tokenizer,
    pub(super) config: Config,
    pub(super) seed: u64,
    /// Images of one lesson.
    pub(super) images: usize,
    /// Questions about each.
    pub(super) questions: usize,
    /// Of the scenes.
    pub(super) difficulty: u8,
}

impl Course {
    /// `folder` has the tokenizer of `config`, and its chat template where it has one.
    pub(super) fn new(
        folder: &Path,
        config: &Config,
        seed: u64,
        images: usize,
        questions: usize,
        difficulty: u8,
    ) -> Result<Self> {
        Ok(Self {
            tokenizer: Tokenizer::load(folder, config)?,
            config: config.clone(),
            seed,
            images,
            questions,
            difficulty,
        })
    }

    /// The lesson `number`: some images, some questions about each. Without questions there are more images,
    /// for the patches' sake.
    pub(super) fn lesson(&self, number: u64, asking: bool) -> Result<Lesson> {
        let (images, wanted) = if asking {
            (self.images, self.questions)
        } else {
            (LOOKING * self.images, 0)
        };
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9).wrapping_add(number));
        let seed = self.seed ^ if asking { 0 } else { 1 << 32 }; // not the scenes that will be asked about
        let world = World {
            seed,
            difficulty: self.difficulty,
            split: Split::Train,
        };
        let mut asked = [0u32; Category::ALL.len()];
        let (mut pictures, mut rows) = (Vec::new(), Vec::new());
        let mut patch_labels = vec![Vec::new(); HEADS.len()];
        for image in 0..images {
            let scene = world.scene(number * images as u64 + image as u64);
            let rendered = render(&scene);
            let patch = self.config.vision_config.patch_size as u32;
            for classes in labels(&scene, &rendered, patch).chunks_exact(HEADS.len()) {
                for (head, (labels, &class)) in patch_labels.iter_mut().zip(classes).enumerate() {
                    // Most patches show nothing: of these, a few are enough.
                    labels.push(if head == 0 && class == 0 && rng.random_bool(EMPTY_LEFT_OUT) {
                        IGNORE
                    } else {
                        class
                    });
                }
            }
            pictures.push(rendered.pixels);
            if wanted == 0 {
                continue;
            }
            let mut offered = questions(&scene, Split::Train, rng.random());
            offered.shuffle(&mut rng);
            for _ in 0..wanted {
                // The category that this lesson has asked about least, of those that the scene can serve.
                let least = (0..offered.len()).min_by_key(|&at| asked[place(offered[at].category)]);
                let Some(least) = least else { break };
                let question = offered.swap_remove(least);
                asked[place(question.category)] += 1;
                rows.push(self.row(image, &question.question, &question.answer)?);
            }
        }
        let pictures: Vec<&[u8]> = pictures
            .iter()
            .map(|picture| picture.as_raw().as_slice())
            .collect();
        Ok(Lesson::new(
            pixels(&pictures, SIDE as usize)?,
            &rows,
            patch_labels,
            &self.config,
        ))
    }

    /// Prompt and answer as token ids.
    pub(super) fn row(&self, image: usize, question: &str, answer: &str) -> Result<Row> {
        Ok(Row {
            image: image as u32,
            prompt: self.tokenizer.prompt(None, question, 1)?,
            answer: self.tokenizer.answer(answer)?,
        })
    }
}

/// Texts that a tokenizer of the lab should know: every word, and questions as they come.
pub(super) fn texts(difficulty: u8) -> Vec<String> {
    let world = World {
        seed: 0,
        difficulty,
        split: Split::Train,
    };
    let sampled = (0..SCENES_OF_TEXT).flat_map(|index| questions(&world.scene(index), Split::Train, index));
    let sampled = sampled.flat_map(|LabQuestion { question, answer, .. }| [question, answer]);
    let words = vocabulary().into_iter().flat_map(|word| vec![word; 20]); // all of them before any fragment
    sampled.chain(words).collect()
}

fn place(category: Category) -> usize {
    Category::ALL
        .iter()
        .position(|&each| each == category)
        .expect("all categories are listed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::shape::paligemma;
    use crate::train::tokenizer::{PALIGEMMA, learn};

    #[test]
    fn lessons_are_balanced_and_repeatable() {
        let folder = tempfile::tempdir().unwrap();
        let learned = learn(&texts(1), &PALIGEMMA).unwrap();
        let config = paligemma(learned.get_vocab_size(true));
        crate::train::describe(folder.path(), &config, &learned).unwrap();
        let course = Course::new(folder.path(), &config, 5, 20, 6, 1).unwrap();
        let lesson = course.lesson(13, true).unwrap();
        assert_eq!(lesson.rows.ids.len(), 120);
        assert_eq!(lesson.rows.ids, course.lesson(13, true).unwrap().rows.ids);
        assert_ne!(lesson.rows.ids, course.lesson(14, true).unwrap().rows.ids);
        let patches = 20 * course.config.image_tokens();
        assert!(lesson.patch_labels.iter().all(|labels| labels.len() == patches));
        for (labels, (name, classes)) in lesson.patch_labels.iter().zip(HEADS) {
            assert!(labels.iter().all(|&label| label < *classes as i64), "{name}");
        }
    }
}
