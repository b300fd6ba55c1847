//! Collects the questions of one scene; every draw comes from its seed.

use super::LabQuestion;
use super::name::{Hidden, describe};
use super::template::{Template, fill};
use crate::lab::generate::Split;
use crate::lab::holdout::held_out;
use crate::lab::scene::{Kind, Object, Person, Scene};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(super) struct Writer<'a> {
    pub(super) scene: &'a Scene,
    split: Split,
    random: ChaCha8Rng,
    questions: Vec<LabQuestion>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(scene: &'a Scene, split: Split, seed: u64) -> Self {
        Self {
            scene,
            split,
            random: ChaCha8Rng::seed_from_u64(seed),
            questions: Vec::new(),
        }
    }

    pub(super) fn questions(self) -> Vec<LabQuestion> {
        self.questions
    }

    /// Writes a question in one of the split's wordings.
    pub(super) fn ask(&mut self, template: &'static Template, slots: &[(&str, &str)], answer: &str) {
        self.ask_choice(template, slots, answer, &[]);
    }

    /// Writes a yes/no question.
    pub(super) fn ask_whether(&mut self, template: &'static Template, slots: &[(&str, &str)], truth: bool) {
        self.ask(template, slots, if truth { "yes" } else { "no" });
    }

    /// Writes a question that names its options.
    pub(super) fn ask_choice(
        &mut self,
        template: &'static Template,
        slots: &[(&str, &str)],
        answer: &str,
        choices: &[&str],
    ) {
        let wordings = match self.split {
            Split::Train => template.train,
            Split::HeldOut => template.held_out,
        };
        let wording = wordings
            .choose(&mut self.random)
            .expect("a template has wordings for both splits");
        self.questions.push(LabQuestion {
            category: template.category,
            template: template.name,
            question: fill(wording, slots),
            answer: answer.to_owned(),
            choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
        });
    }

    pub(super) fn coin(&mut self) -> bool {
        self.random.random()
    }

    /// Whether one of `outcomes` equally likely outcomes came.
    pub(super) fn one_in(&mut self, outcomes: u32) -> bool {
        self.random.random_range(0..outcomes) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        from.choose(&mut self.random).copied()
    }

    /// One of a closed set, other than `this`.
    pub(super) fn other<T: Copy + PartialEq>(&mut self, all: &[T], this: T) -> T {
        let others: Vec<T> = all.iter().copied().filter(|&each| each != this).collect();
        self.pick(&others).expect("closed sets have at least two members")
    }

    /// `this` if the statement is to be true, else another of its set.
    pub(super) fn claim<T: Copy + PartialEq>(&mut self, all: &[T], this: T, truth: bool) -> T {
        if truth { this } else { self.other(all, this) }
    }

    /// Whether scenes of this split can show the object as this kind. A false claim must: what training
    /// never shows would be known to be false without a look.
    pub(super) fn can_be(&self, object: &Object, kind: Kind) -> bool {
        self.split == Split::HeldOut
            || !held_out(&Object {
                kind,
                ..object.clone()
            })
    }

    /// The objects that pass, in random order.
    pub(super) fn objects(&mut self, pass: impl Fn(&Object) -> bool) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.scene.objects.len())
            .filter(|&i| pass(&self.scene.objects[i]))
            .collect();
        found.shuffle(&mut self.random);
        found
    }

    /// Objects that pass and can be told from all others without the hidden attribute, in random order,
    /// with their phrases.
    pub(super) fn named(&mut self, hidden: Hidden, pass: impl Fn(&Object) -> bool) -> Vec<(usize, String)> {
        let scene = self.scene;
        self.objects(pass)
            .into_iter()
            .filter_map(|i| Some((i, describe(scene, i, hidden)?)))
            .collect()
    }

    /// The first of [`Self::named`].
    pub(super) fn one_named(
        &mut self,
        hidden: Hidden,
        pass: impl Fn(&Object) -> bool,
    ) -> Option<(usize, String)> {
        self.named(hidden, pass).into_iter().next()
    }

    /// A person that can be told from the others.
    pub(super) fn one_person(&mut self) -> Option<(&'a Person, String)> {
        let scene = self.scene;
        let (index, phrase) =
            self.one_named(Hidden::Nothing, |object| matches!(object.kind, Kind::Person(_)))?;
        match &scene.objects[index].kind {
            Kind::Person(person) => Some((person, phrase)),
            _ => None,
        }
    }

    /// Two different objects out of these, in random order.
    pub(super) fn pair(&mut self, from: &[(usize, String)]) -> Option<[(usize, String); 2]> {
        let mut indices: Vec<usize> = (0..from.len()).collect();
        indices.shuffle(&mut self.random);
        match indices[..] {
            [first, second, ..] => Some([from[first].clone(), from[second].clone()]),
            _ => None,
        }
    }
}
