//! Determinism, held-out combinations, room, and material for every category.

use super::*;
use crate::lab::layout::{Bounds, overlap, touching_side, valid};
use crate::lab::scene::{
    Action, Color, Country, Emotion, Garment, Item, Kind, Object, Person, Pictogram, Shape, Size, Surface,
};
use crate::row::Category;

fn scenes(difficulty: u8, split: Split, count: u64) -> impl Iterator<Item = Scene> {
    let world = World {
        seed: 5,
        difficulty,
        split,
    };
    (0..count).map(move |index| world.scene(index))
}

#[test]
fn a_scene_is_a_function_of_its_world_and_index() {
    let world = World::new(3);
    assert_eq!(world.scene(7), world.scene(7));
    let others = [
        World::new(4),
        World {
            difficulty: 2,
            ..world
        },
        World {
            split: Split::HeldOut,
            ..world
        },
    ];
    for other in others {
        assert_ne!(world.scene(7), other.scene(7));
    }
    assert_ne!(world.scene(7), world.scene(8));
}

#[test]
fn training_never_shows_what_is_held_out() {
    for difficulty in 0..=MAX_DIFFICULTY {
        assert!(scenes(difficulty, Split::Train, 500).all(|scene| !scene.objects.iter().any(held_out)));
        assert!(scenes(difficulty, Split::HeldOut, 500).all(|scene| scene.objects.iter().any(held_out)));
    }
}

#[test]
fn every_word_of_the_world_is_seen_in_training() {
    let text = scenes(1, Split::Train, 4000)
        .map(|scene| crate::lab::paint::caption(&scene))
        .collect::<String>();
    let words: std::collections::HashSet<&str> = text.split([' ', ',']).collect();
    let names = |all: &[&'static str]| all.iter().flat_map(|name| name.split(' ')).collect::<Vec<_>>();
    let wanted = [
        names(&Shape::ALL.iter().map(|each| each.name()).collect::<Vec<_>>()),
        names(&Color::ALL.iter().map(|each| each.name()).collect::<Vec<_>>()),
        names(&Country::ALL.iter().map(|each| each.name()).collect::<Vec<_>>()),
        names(&Pictogram::ALL.iter().map(|each| each.name()).collect::<Vec<_>>()),
        names(&Action::ALL.iter().map(|each| each.name()).collect::<Vec<_>>()),
        names(&Emotion::ALL.iter().map(|each| each.name()).collect::<Vec<_>>()),
        names(&Item::ALL.iter().map(|each| each.name()).collect::<Vec<_>>()),
        names(&Garment::ALL.iter().map(|each| each.name()).collect::<Vec<_>>()),
    ];
    for word in wanted.into_iter().flatten() {
        assert!(words.contains(word), "{word}");
    }
}

#[test]
fn easy_scenes_keep_things_apart_and_all_scenes_are_valid() {
    for difficulty in 0..=MAX_DIFFICULTY {
        for scene in scenes(difficulty, Split::Train, 500) {
            assert!(valid(&scene), "{scene:?}");
            for (at, object) in scene.objects.iter().enumerate() {
                if let Kind::Person(Person {
                    touches: Some(other), ..
                }) = &object.kind
                {
                    assert!(touching_side(object, &scene.objects[*other]).is_some());
                }
                if difficulty < 2 {
                    let apart = |other: &Object| overlap(&Bounds::of(object), &Bounds::of(other)) == 0.0;
                    assert!(scene.objects[at + 1..].iter().all(apart), "{scene:?}");
                }
            }
        }
    }
}

/// Whether a scene has what questions of a category speak about.
fn supports(category: Category, scene: &Scene) -> bool {
    let objects = &scene.objects;
    let any = |wanted: &dyn Fn(&Object) -> bool| objects.iter().any(wanted);
    let shapes: Vec<&Object> = objects
        .iter()
        .filter(|each| matches!(each.kind, Kind::Shape(_)))
        .collect();
    match category {
        Category::WorldKnowledge => any(&|each| matches!(each.kind, Kind::Flag(_))),
        Category::ClockReading => any(&|each| matches!(each.kind, Kind::Clock { .. })),
        Category::SignUnderstanding => any(&|each| matches!(each.kind, Kind::Sign(_))),
        Category::SmallTextRecognition => any(&|each| matches!(each.kind, Kind::Board(_))),
        Category::ActionRecognition => any(&|each| matches!(each.kind, Kind::Person(_))),
        Category::ObjectRelationship => any(&|each| match &each.kind {
            Kind::Person(person) => {
                person.holds.is_some() || person.wears.is_some() || person.touches.is_some()
            }
            _ => false,
        }),
        Category::MaterialRecognition => {
            any(&|each| matches!(each.surface, Surface::Wood | Surface::Brick | Surface::Metal))
        }
        Category::SmallObjectDetection => any(&|each| each.size == Size::Tiny),
        Category::SizeComparison => any(&|each| each.size != objects[0].size),
        Category::DistractionAvoidance => shapes.iter().any(|one| {
            shapes.iter().any(|other| {
                one.kind == other.kind
                    && (one.color, one.surface, one.size) != (other.color, other.surface, other.size)
            })
        }),
        Category::Counting | Category::ColorRecognition => {
            shapes.len() >= 2 || !shapes.is_empty() && objects.len() == 2
        }
        Category::SpatialRelationship | Category::Atmosphere | Category::HallucinationAvoidance => {
            objects.len() >= 2
        }
    }
}

#[test]
fn every_category_has_material_in_a_quarter_of_the_scenes() {
    let scenes: Vec<Scene> = scenes(1, Split::Train, 4000).collect();
    let shares: Vec<(&str, f64)> = Category::ALL
        .into_iter()
        .map(|category| {
            let count = scenes.iter().filter(|scene| supports(category, scene)).count();
            (category.name(), count as f64 / scenes.len() as f64)
        })
        .collect();
    println!("{shares:?}");
    assert!(shares.iter().all(|(_, share)| *share >= 0.25), "{shares:?}");
}
