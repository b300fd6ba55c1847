//! Lessons for the lab's auditor: random well-formed probes, to be written about a scene that it sees.
//!
//! In: scenes without end. Out: rows of "strategy: focus" and what a prober would write, of all three strategies and
//! all categories equally often. What is imitated is chosen without regard to any model, so that the auditor is a
//! prompted one that knows its form and nothing else: the baseline that training is compared with.

use super::lesson::{Lesson, Row, pixels};
use crate::error::Result;
use crate::lab::generate::{Split, World};
use crate::lab::paint;
use crate::lab::question::{LabQuestion, questions, vocabulary};
use crate::lab::render::render;
use crate::lab::scene::{SIDE, Scene};
use crate::probe::{Draft, Strategy, parse};
use crate::row::Category;
use crate::vlm::{Config, Tokenizer};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// Images of a lesson, and probes about each.
const IMAGES: usize = 16;
const PROBES: usize = 4;
/// Scenes that the tokenizer's texts are sampled from.
const SCENES_OF_TEXT: u64 = 1_500;
/// The share of probes that are asked for without a focus.
const ANY_SHARE: f64 = 0.2;
/// The share of captions that have nothing to do with the scene.
const FAR_SHARE: f64 = 0.5;
/// Tries to find a probe for a strategy.
const TRIES: usize = 8;

/// What the lab's auditor is asked for: a strategy, and a category or anything.
pub(crate) fn request(strategy: Strategy, focus: Option<Category>) -> String {
    let focus = focus.map_or("anything".to_owned(), |focus| focus.name().replace('_', " "));
    format!("{}: {focus}", strategy.name())
}

/// Makes lessons.
pub(super) struct ProbeCourse {
    tokenizer: Tokenizer,
    config: Config,
    world: World,
}

impl ProbeCourse {
    /// `folder` has the tokenizer and the chat template of `config`.
    pub(super) fn new(folder: &Path, config: &Config, seed: u64, difficulty: u8) -> Result<Self> {
        let split = Split::Train;
        Ok(Self {
            tokenizer: Tokenizer::load(folder, config)?,
            config: config.clone(),
            world: World {
                seed,
                difficulty,
                split,
            },
        })
    }

    /// The lesson `number`, of one strategy, so that its rows are about equally long: the same for the same seed.
    pub(super) fn lesson(&self, number: u64) -> Result<Lesson> {
        let mut rng =
            ChaCha8Rng::seed_from_u64(self.world.seed.wrapping_mul(0x9e37_79b9).wrapping_add(number));
        let strategy = STRATEGIES[(number % 3) as usize];
        let mut asked = [0; Category::ALL.len()];
        let (mut pictures, mut rows) = (Vec::new(), Vec::new());
        for image in 0..IMAGES as u64 {
            let scene = self.world.scene(number * IMAGES as u64 + image);
            pictures.push(render(&scene).pixels);
            for _ in 0..PROBES {
                let Some((focus, draft)) = probe(&scene, strategy, &self.world, &mut asked, &mut rng) else {
                    continue;
                };
                let focus = (!rng.random_bool(ANY_SHARE)).then_some(focus);
                rows.push(Row {
                    image: image as u32,
                    prompt: self.tokenizer.prompt(None, &request(strategy, focus), 1)?,
                    answer: self.tokenizer.answer(&parse::write(&draft))?,
                });
            }
        }
        let pictures: Vec<&[u8]> = pictures
            .iter()
            .map(|picture| picture.as_raw().as_slice())
            .collect();
        let pixels = pixels(&pictures, SIDE as usize)?;
        Ok(Lesson::new(pixels, &rows, Vec::new(), &self.config))
    }
}

const STRATEGIES: [Strategy; 3] = [Strategy::Question, Strategy::Edit, Strategy::Generation];

/// A probe of the category that was asked about least, where the strategy finds one.
fn probe(
    scene: &Scene,
    strategy: Strategy,
    world: &World,
    asked: &mut [u32; Category::ALL.len()],
    rng: &mut ChaCha8Rng,
) -> Option<(Category, Draft)> {
    let (instruction, shown) = match strategy {
        Strategy::Dataset | Strategy::Question | Strategy::Perturbation => (None, scene.clone()),
        Strategy::Edit => (0..TRIES).find_map(|_| {
            let instruction = paint::propose_edit(scene, rng);
            let edited = paint::edit(scene, &instruction, rng.random()).ok()?;
            Some((Some(instruction), edited))
        })?,
        Strategy::Generation => (0..TRIES).find_map(|_| {
            let far = rng.random_bool(FAR_SHARE);
            let near = far.then(|| world.scene(rng.random_range(1 << 40..1 << 41)));
            let near = near.unwrap_or_else(|| scene.clone());
            let changed = paint::edit(&near, &paint::propose_edit(&near, rng), rng.random()).ok()?;
            let caption = paint::caption(&changed);
            let drawn = paint::generate(&caption, rng.random()).ok()?;
            Some((Some(caption), drawn))
        })?,
    };
    let mut offered = questions(&shown, world.split, rng.random());
    offered.retain(|offered| offered.question.ends_with('?')); // what a parser takes for a question
    let place = |category: Category| Category::ALL.iter().position(|&each| each == category);
    let least = (0..offered.len()).min_by_key(|&at| {
        let times = place(offered[at].category).map_or(0, |place| asked[place]);
        (times, rng.random::<u32>())
    })?;
    let LabQuestion {
        category,
        question,
        answer,
        ..
    } = offered.swap_remove(least);
    asked[place(category)?] += 1;
    let draft = Draft {
        question,
        instruction,
        category: Some(category.name().replace('_', " ")),
        expected_answer: Some(answer),
        ..Draft::default()
    };
    Some((category, draft))
}

/// Texts that the auditor's tokenizer should know: every word, and probes as they come.
pub(super) fn texts(difficulty: u8) -> Vec<String> {
    let world = World {
        seed: 0,
        difficulty,
        split: Split::Train,
    };
    let (mut rng, mut asked) = (ChaCha8Rng::seed_from_u64(0), [0; Category::ALL.len()]);
    let mut texts: Vec<String> = vocabulary().into_iter().flat_map(|word| vec![word; 20]).collect();
    for index in 0..SCENES_OF_TEXT {
        let scene = world.scene(index);
        for strategy in STRATEGIES {
            if let Some((focus, draft)) = probe(&scene, strategy, &world, &mut asked, &mut rng) {
                texts.extend(parse::write(&draft).lines().map(str::to_owned));
                texts.extend([request(strategy, Some(focus)), request(strategy, None)]);
            }
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_is_imitated_is_well_formed_and_of_all_kinds() {
        let world = World::new(3);
        let (mut rng, mut asked) = (ChaCha8Rng::seed_from_u64(1), [0; Category::ALL.len()]);
        let mut kinds: BTreeMap<(Strategy, Category), usize> = BTreeMap::new();
        for index in 0..400 {
            let scene = world.scene(index);
            for strategy in STRATEGIES {
                let Some((category, draft)) = probe(&scene, strategy, &world, &mut asked, &mut rng) else {
                    continue;
                };
                *kinds.entry((strategy, category)).or_default() += 1;
                let again = parse::parse(&parse::write(&draft), strategy).unwrap();
                assert_eq!(
                    (again.question, again.instruction),
                    (draft.question, draft.instruction)
                );
                assert_eq!(again.category.as_deref(), Some(category.name()));
            }
        }
        assert_eq!(kinds.len(), 3 * Category::ALL.len(), "{kinds:?}");
        assert!(kinds.values().all(|&count| count >= 10), "{kinds:?}");
    }

    #[test]
    fn lessons_repeat_and_their_answers_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let learned = super::super::tokenizer::learn(&texts(1), &super::super::tokenizer::GEMMA3).unwrap();
        let config = super::super::shape::gemma(learned.get_vocab_size(true));
        super::super::describe(folder.path(), &config, &learned).unwrap();
        super::super::tokenizer::save_chat(folder.path()).unwrap();
        let course = ProbeCourse::new(folder.path(), &config, 5, 1).unwrap();
        let lesson = course.lesson(7).unwrap();
        assert_eq!(lesson.rows.ids, course.lesson(7).unwrap().rows.ids);
        assert!(lesson.rows.ids.len() > 48);
        let text = "Instruction: an image of a large red star and a clock showing 3:25 on a snowy day\nQuestion: is there a star?";
        let ids = course.tokenizer.answer(text).unwrap();
        assert!(ids.len() < 60, "{}", ids.len());
        let said = course.tokenizer.decode(&ids).unwrap();
        assert_eq!(said.replace("\n ", "\n"), text); // each line begins like a word of its own
    }
}
