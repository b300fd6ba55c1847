//! The same pixels everywhere, and values that can be told apart.

use super::*;
use crate::lab::generate::{Split, World};
use crate::lab::scene::{Color, Country, Emotion, Garment, Item, Pictogram, Shape, Size, Surface, Weather};
use sha2::{Digest, Sha256};
use std::collections::HashSet;

/// The first eight bytes of the SHA-256.
fn digest(bytes: &[u8]) -> u64 {
    Sha256::digest(bytes)[..8]
        .iter()
        .fold(0, |digest, byte| digest << 8 | u64::from(*byte))
}

/// A checkpoint is trained on these very pixels: whoever changes them trains again.
#[test]
fn pixels_are_the_same_everywhere() {
    let mut pixels = Vec::new();
    for difficulty in 0..4 {
        let world = World {
            seed: 11,
            difficulty,
            split: Split::HeldOut,
        };
        for index in 0..8 {
            pixels.extend(render(&world.scene(index)).pixels.into_raw());
        }
    }
    assert_eq!(digest(&pixels), 0xe416_45ee_b901_6c34_u64);
}

#[test]
fn a_png_holds_the_pixels() {
    let scene = World::new(2).scene(0);
    let decoded = image::load_from_memory(&png(&scene)).unwrap().into_rgb8();
    assert_eq!(decoded, render(&scene).pixels);
}

#[test]
fn every_object_owns_pixels() {
    for index in 0..200 {
        let scene = World::new(9).scene(index);
        let owners: HashSet<u8> = render(&scene).owner.into_iter().collect();
        assert_eq!(owners.len(), scene.objects.len() + 1, "{scene:?}");
    }
}

fn alone(kind: Kind) -> Scene {
    let object = Object {
        kind,
        color: Color::Red,
        surface: Surface::Plain,
        size: Size::Medium,
        x: 48.0,
        y: 48.0,
    };
    Scene {
        weather: Weather::Sunny,
        objects: vec![object],
    }
}

/// How many pixels differ clearly.
fn difference(one: &Scene, other: &Scene) -> usize {
    let (one, other) = (render(one).pixels, render(other).pixels);
    let far = |(one, other): (&image::Rgb<u8>, &image::Rgb<u8>)| {
        one.0
            .iter()
            .zip(other.0)
            .any(|(one, other)| one.abs_diff(other) > 40)
    };
    one.pixels().zip(other.pixels()).filter(|pair| far(*pair)).count()
}

#[test]
fn no_two_values_of_an_attribute_look_alike() {
    let person = Person {
        action: Action::Standing,
        emotion: Emotion::Happy,
        holds: None,
        wears: None,
        touches: None,
    };
    let people = |change: &dyn Fn(&mut Person)| {
        let mut person = person.clone();
        change(&mut person);
        alone(Kind::Person(person))
    };
    let painted = |change: &dyn Fn(&mut Object)| {
        let mut scene = alone(Kind::Shape(Shape::Circle));
        change(&mut scene.objects[0]);
        scene
    };
    let series: Vec<(&str, Vec<Scene>)> = vec![
        (
            "shape",
            Shape::ALL.iter().map(|each| alone(Kind::Shape(*each))).collect(),
        ),
        (
            "color",
            Color::ALL
                .iter()
                .map(|each| painted(&|object| object.color = *each))
                .collect(),
        ),
        (
            "surface",
            Surface::ALL
                .iter()
                .map(|each| painted(&|object| object.surface = *each))
                .collect(),
        ),
        (
            "size",
            Size::ALL
                .iter()
                .map(|each| painted(&|object| object.size = *each))
                .collect(),
        ),
        (
            "flag",
            Country::ALL.iter().map(|each| alone(Kind::Flag(*each))).collect(),
        ),
        (
            "sign",
            Pictogram::ALL
                .iter()
                .map(|each| alone(Kind::Sign(*each)))
                .collect(),
        ),
        (
            "hour",
            (1..=12)
                .map(|hour| alone(Kind::Clock { hour, minute: 0 }))
                .collect(),
        ),
        (
            "minute",
            (0..12)
                .map(|step| {
                    alone(Kind::Clock {
                        hour: 4,
                        minute: 5 * step,
                    })
                })
                .collect(),
        ),
        (
            "text",
            (0..10)
                .map(|digit| alone(Kind::Board(digit.to_string())))
                .collect(),
        ),
        (
            "action",
            Action::ALL
                .iter()
                .map(|each| people(&|person| person.action = *each))
                .collect(),
        ),
        (
            "emotion",
            Emotion::ALL
                .iter()
                .map(|each| people(&|person| person.emotion = *each))
                .collect(),
        ),
        (
            "holds",
            Item::ALL
                .iter()
                .map(|each| people(&|person| person.holds = Some(*each)))
                .collect(),
        ),
        (
            "wears",
            Garment::ALL
                .iter()
                .map(|each| people(&|person| person.wears = Some(*each)))
                .collect(),
        ),
        (
            "weather",
            Weather::ALL
                .iter()
                .map(|each| Scene {
                    weather: *each,
                    objects: vec![],
                })
                .collect(),
        ),
    ];
    for (name, scenes) in series {
        for (at, one) in scenes.iter().enumerate() {
            for other in &scenes[..at] {
                let pixels = difference(one, other);
                assert!(
                    pixels >= 8,
                    "{name}: only {pixels} pixels tell {one:?} from {other:?}"
                );
            }
        }
    }
}

#[test]
fn no_scene_is_too_strange() {
    let mut scene = alone(Kind::Board("long words and ünïcode".to_owned()));
    for (x, y) in [(f32::NAN, 0.0), (f32::INFINITY, 1.0), (-1e9, 1e9), (95.0, 0.0)] {
        (scene.objects[0].x, scene.objects[0].y) = (x, y);
        assert_eq!(render(&scene).owner.len(), 96 * 96);
    }
    let person = Person {
        action: Action::Lying,
        emotion: Emotion::Sad,
        holds: None,
        wears: None,
        touches: Some(99),
    };
    scene.objects = vec![alone(Kind::Person(person)).objects.remove(0); 300];
    assert_eq!(render(&scene).owner.len(), 96 * 96);
}
