//! Balance, blindness and wording of the questions over many scenes.

use super::*;
use crate::lab::answer::{answer, category};
use crate::lab::generate::World;
use crate::row::Category;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const SCENES: u64 = 5_000;
const SPLITS: [Split; 2] = [Split::Train, Split::HeldOut];

/// All difficulties in turn.
const MIXED: &[u8] = &[0, 1, 2, 3];

fn scene(split: Split, difficulties: &[u8], index: u64) -> Scene {
    let difficulty = difficulties[index as usize % difficulties.len()];
    World {
        seed: 17,
        difficulty,
        split,
    }
    .scene(index)
}

fn sample(split: Split, difficulties: &[u8]) -> Vec<LabQuestion> {
    (0..SCENES)
        .flat_map(|index| questions(&scene(split, difficulties, index), split, index))
        .collect()
}

fn by_template(questions: &[LabQuestion]) -> BTreeMap<&'static str, Vec<&LabQuestion>> {
    let mut templates: BTreeMap<&'static str, Vec<&LabQuestion>> = BTreeMap::new();
    for question in questions {
        templates.entry(question.template).or_default().push(question);
    }
    templates
}

/// The most frequent answer and its share.
fn best_constant<'a>(questions: &[&'a LabQuestion]) -> (&'a str, f64) {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for question in questions {
        *counts.entry(&question.answer).or_default() += 1;
    }
    let (answer, best) = counts
        .into_iter()
        .max_by_key(|each| each.1)
        .expect("a template has answers");
    (answer, best as f64 / questions.len() as f64)
}

#[test]
fn no_constant_answer_is_right_too_often() {
    // The usual difficulty alone has to be balanced too: models are trained on it.
    for (split, difficulties) in SPLITS.iter().flat_map(|&split| [(split, MIXED), (split, &[1])]) {
        let questions = sample(split, difficulties);
        let templates = by_template(&questions);
        let mut failed = vec![];
        for (template, of_template) in &templates {
            let (answer, share) = best_constant(of_template);
            println!(
                "{split:?} {difficulties:?} {template:22} {:6} questions, {share:.3} {answer}",
                of_template.len()
            );
            if share > 0.60 {
                failed.push(format!("{template}: {share:.3} {answer}"));
            }
        }
        let all: usize = FAMILIES.iter().map(|family| family.templates.len()).sum();
        assert_eq!(
            templates.len(),
            all,
            "every template is used: {:?}",
            templates.keys()
        );
        assert!(failed.is_empty(), "{split:?}: {failed:?}");
    }
}

/// A blind guesser that has seen half of the questions: naive Bayes over words and pairs of words.
fn blind_accuracy(questions: &[&LabQuestion]) -> f64 {
    let (seen, asked) = questions.split_at(questions.len() / 2);
    let mut priors: HashMap<&str, f64> = HashMap::new();
    let mut counts: HashMap<(&str, String), f64> = HashMap::new();
    for question in seen {
        *priors.entry(&question.answer).or_default() += 1.0;
        for word in features(&question.question) {
            *counts.entry((&question.answer, word)).or_default() += 1.0;
        }
    }
    let right = asked.iter().filter(|question| {
        let words = features(&question.question);
        let score = |answer: &str, prior: f64| {
            let likelihood = |word: &String| {
                let count = counts.get(&(answer, word.clone())).copied().unwrap_or(0.0);
                ((count + 1.0) / (prior + 2.0)).ln()
            };
            prior.ln() + words.iter().map(likelihood).sum::<f64>()
        };
        let best = priors
            .iter()
            .max_by(|one, other| score(one.0, *one.1).total_cmp(&score(other.0, *other.1)));
        best.is_some_and(|best| *best.0 == question.answer)
    });
    right.count() as f64 / asked.len() as f64
}

fn features(question: &str) -> BTreeSet<String> {
    let words: Vec<&str> = question.split_whitespace().collect();
    let pairs = words.windows(2).map(|pair| pair.join(" "));
    words.iter().map(|&word| word.to_owned()).chain(pairs).collect()
}

#[test]
fn words_do_not_give_answers_away() {
    let questions = sample(Split::Train, MIXED);
    let mut failed = vec![];
    for (template, of_template) in by_template(&questions) {
        let (answer, constant) = best_constant(&of_template);
        let blind = blind_accuracy(&of_template);
        println!(
            "{template:22} {:6} questions, blind {blind:.3}, constant {constant:.3} {answer}",
            of_template.len()
        );
        if blind > constant.max(0.5) + 0.08 {
            failed.push(format!("{template}: blind {blind:.3}, constant {constant:.3}"));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn every_category_is_served_by_many_scenes() {
    for split in SPLITS {
        let mut scenes: BTreeMap<Category, u64> = BTreeMap::new();
        for index in 0..2_000 {
            let asked: BTreeSet<Category> = questions(&scene(split, MIXED, index), split, index)
                .iter()
                .map(|question| question.category)
                .collect();
            for category in asked {
                *scenes.entry(category).or_default() += 1;
            }
        }
        for category in Category::ALL {
            let share = scenes.get(&category).copied().unwrap_or(0) as f64 / 2_000.0;
            println!("{split:?} {:24} {share:.3}", category.name());
            assert!(
                share > 0.1,
                "{} is served by {share} of all scenes",
                category.name()
            );
        }
    }
}

#[test]
fn the_grammar_agrees_with_every_question_and_its_category() {
    for split in SPLITS {
        for index in 0..2_000 {
            let scene = scene(split, MIXED, index);
            for question in questions(&scene, split, index) {
                let found = answer(&scene, &question.question);
                assert_eq!(found.as_ref(), Ok(&question.answer), "{question:?} in {scene:?}");
                assert_eq!(
                    category(&question.question),
                    Some(question.category),
                    "{question:?}"
                );
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_questions() {
    let scene = scene(Split::Train, MIXED, 3);
    assert_eq!(
        questions(&scene, Split::Train, 9),
        questions(&scene, Split::Train, 9)
    );
    assert_ne!(
        questions(&scene, Split::Train, 9),
        questions(&scene, Split::Train, 10)
    );
}

#[test]
fn held_out_wordings_are_new_but_their_words_are_not() {
    let words = |wording: &str| -> Vec<String> {
        let cut = wording.split(|c: char| !c.is_ascii_alphabetic() && !"{}".contains(c));
        cut.filter(|word| !word.is_empty() && !word.starts_with('{'))
            .map(str::to_owned)
            .collect()
    };
    let templates: Vec<&Template> = FAMILIES
        .iter()
        .flat_map(|family| family.templates.iter().copied())
        .collect();
    let train: BTreeSet<String> = templates
        .iter()
        .flat_map(|each| each.train)
        .flat_map(|wording| words(wording))
        .collect();
    for template in templates {
        for wording in template.held_out {
            assert!(!template.train.contains(wording), "{}: {wording}", template.name);
            for word in words(wording) {
                assert!(
                    train.contains(&word),
                    "{}: \"{word}\" is in no train wording",
                    template.name
                );
            }
        }
    }
}

#[test]
fn the_vocabulary_has_all_words() {
    let vocabulary: BTreeSet<String> = vocabulary().into_iter().collect();
    println!("{} words", vocabulary.len());
    assert!(vocabulary.len() <= 350);
    for split in SPLITS {
        for question in sample(split, MIXED) {
            if question.category == Category::SmallTextRecognition {
                continue;
            }
            for word in question
                .question
                .split(|c: char| !c.is_ascii_alphabetic())
                .chain(question.answer.split(' '))
            {
                let number = word.chars().all(|c| c.is_ascii_digit() || c == ':');
                assert!(number || vocabulary.contains(word), "\"{word}\" of {question:?}");
            }
        }
    }
}
