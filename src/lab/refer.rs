//! Referring phrases: "the small red star", and which object of a scene they mean.

use super::describe::{Description, shown, words};
use super::scene::Scene;

/// What a phrase may tell of an object beside its noun, the most telling first.
const ATTRIBUTES: [fn(&Description, &mut Description); 11] = [
    |full, said| said.color = full.color,
    |full, said| said.surface = full.surface,
    |full, said| said.size = full.size,
    |full, said| said.country = full.country,
    |full, said| said.pictogram = full.pictogram,
    |full, said| said.wears = full.wears,
    |full, said| said.holds = full.holds,
    |full, said| said.action = full.action,
    |full, said| said.emotion = full.emotion,
    |full, said| said.text.clone_from(&full.text),
    |full, said| said.time = full.time,
];

/// The shortest phrase that means this object and no other; `None` where it has a double.
#[must_use]
pub fn phrase(scene: &Scene, index: usize) -> Option<String> {
    let full = Description::of(scene.objects.get(index)?);
    let bare = Description {
        noun: full.noun,
        ..Description::default()
    };
    let told: Vec<_> = ATTRIBUTES
        .into_iter()
        .filter(|tell| {
            let mut said = bare.clone();
            tell(&full, &mut said);
            said != bare
        })
        .collect();
    let mut choices: Vec<u32> = (0..1 << told.len()).collect();
    choices.sort_by_key(|choice| choice.count_ones());
    choices.into_iter().find_map(|choice| {
        let mut said = bare.clone();
        for (at, tell) in told.iter().enumerate() {
            if choice >> at & 1 == 1 {
                tell(&full, &mut said);
            }
        }
        (scene.objects.iter().filter(|other| said.fits(other)).count() == 1).then(|| format!("the {said}"))
    })
}

/// The one object that a phrase means.
///
/// # Errors
/// In words: a word that is not known, nothing that fits, or several things that do.
pub fn find(scene: &Scene, phrase: &str) -> Result<usize, String> {
    let words = words(phrase);
    find_words(scene, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(super) fn find_words(scene: &Scene, words: &[&str]) -> Result<usize, String> {
    let said = Description::parse(words)?;
    let fitting: Vec<usize> = (0..scene.objects.len())
        .filter(|&at| said.fits(&scene.objects[at]))
        .collect();
    match fitting[..] {
        [index] => Ok(index),
        [] => Err(format!("there is no {}", shown(&said.to_string()))),
        _ => Err(format!(
            "`{}` is ambiguous: {} things fit",
            shown(&said.to_string()),
            fitting.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::generate::{Split, World};

    #[test]
    fn a_phrase_finds_what_it_was_written_for() {
        let mut written = 0;
        for difficulty in 0..4 {
            let world = World {
                seed: 6,
                difficulty,
                split: Split::Train,
            };
            for scene in (0..300).map(|index| world.scene(index)) {
                for index in 0..scene.objects.len() {
                    if let Some(phrase) = phrase(&scene, index) {
                        assert_eq!(find(&scene, &phrase), Ok(index), "{phrase}: {scene:?}");
                        written += 1;
                    }
                }
            }
        }
        assert!(written > 4000, "{written}");
    }

    #[test]
    fn refusals_name_the_reason() {
        let scene = World::new(0).scene(0);
        let double = Scene {
            objects: [scene.objects.clone(), scene.objects.clone()].concat(),
            ..scene.clone()
        };
        assert!(phrase(&double, 0).is_none());
        let noun = scene.objects[0].kind.noun();
        assert!(find(&double, noun).unwrap_err().contains("ambiguous"));
        assert!(find(&scene, "the wobbly star").unwrap_err().contains("`wobbly`"));
        assert!(find(&scene, "the red").unwrap_err().contains("no thing"));
    }
}
