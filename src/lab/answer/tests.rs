//! Free questions about hand-made scenes, with truths worked out by hand.

use super::*;
use crate::lab::generate::{Split, World};
use crate::lab::refer::phrase;
use crate::lab::scene::{
    Action, Color, Country, Emotion, Garment, Item, Kind, Object, Person, Pictogram, Shape, Size, Surface,
    Weather,
};
use proptest::prelude::*;

fn thing(kind: Kind, color: Color, surface: Surface, size: Size, x: f32, y: f32) -> Object {
    Object {
        kind,
        color,
        surface,
        size,
        x,
        y,
    }
}

fn shape(shape: Shape, color: Color, surface: Surface, size: Size, x: f32, y: f32) -> Object {
    thing(Kind::Shape(shape), color, surface, size, x, y)
}

/// A rainy street: from left to right a small red striped star, a large blue star of wood, a running
/// happy person in green with a ball and a hat who touches a medium yellow cup, a clock above, and on
/// the right a tiny red heart and a stop sign.
fn street() -> Scene {
    let person = Person {
        action: Action::Running,
        emotion: Emotion::Happy,
        holds: Some(Item::Ball),
        wears: Some(Garment::Hat),
        touches: Some(3),
    };
    Scene {
        weather: Weather::Rainy,
        objects: vec![
            shape(Shape::Star, Color::Red, Surface::Striped, Size::Small, 10.0, 80.0),
            shape(Shape::Star, Color::Blue, Surface::Wood, Size::Large, 25.0, 40.0),
            thing(
                Kind::Person(person),
                Color::Green,
                Surface::Plain,
                Size::Large,
                45.0,
                60.0,
            ),
            shape(
                Shape::Cup,
                Color::Yellow,
                Surface::Plain,
                Size::Medium,
                60.0,
                65.0,
            ),
            thing(
                Kind::Clock { hour: 3, minute: 25 },
                Color::Black,
                Surface::Plain,
                Size::Medium,
                70.0,
                12.0,
            ),
            shape(Shape::Heart, Color::Red, Surface::Plain, Size::Tiny, 80.0, 50.0),
            thing(
                Kind::Sign(Pictogram::Stop),
                Color::Red,
                Surface::Plain,
                Size::Medium,
                88.0,
                30.0,
            ),
        ],
    }
}

/// A night with two red circles, a flag of Japan, a board that says 42 and a sad sitting person in pink.
fn night() -> Scene {
    let person = Person {
        action: Action::Sitting,
        emotion: Emotion::Sad,
        holds: None,
        wears: None,
        touches: None,
    };
    Scene {
        weather: Weather::Night,
        objects: vec![
            shape(
                Shape::Circle,
                Color::Red,
                Surface::Dotted,
                Size::Medium,
                20.0,
                20.0,
            ),
            shape(
                Shape::Circle,
                Color::Red,
                Surface::Brick,
                Size::Medium,
                22.0,
                70.0,
            ),
            thing(
                Kind::Flag(Country::Japan),
                Color::Blue,
                Surface::Plain,
                Size::Medium,
                50.0,
                35.0,
            ),
            thing(
                Kind::Board("42".into()),
                Color::Orange,
                Surface::Plain,
                Size::Medium,
                70.0,
                50.0,
            ),
            thing(
                Kind::Person(person),
                Color::Pink,
                Surface::Plain,
                Size::Large,
                75.0,
                80.0,
            ),
        ],
    }
}

const STREET: &str = include_str!("street.txt");
const NIGHT: &str = include_str!("night.txt");

/// Lines of "question | answer"; "absent", "ambiguous" and "nonsense" in capitals are refusals.
fn check(scene: &Scene, table: &str) {
    let mut wrong = vec![];
    for line in table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (question, expected) = line
            .split_once(" | ")
            .expect("a line has a question and an answer");
        let found = match answer(scene, question) {
            Ok(answer) => answer,
            Err(Unanswerable::Absent(_)) => "ABSENT".to_owned(),
            Err(Unanswerable::Ambiguous(_)) => "AMBIGUOUS".to_owned(),
            Err(Unanswerable::Nonsense(_)) => "NONSENSE".to_owned(),
        };
        if found != expected {
            wrong.push(format!(
                "{question}: {:?}, expected {expected}",
                answer(scene, question)
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn free_questions_about_the_street() {
    check(&street(), STREET);
}

#[test]
fn free_questions_about_the_night() {
    check(&night(), NIGHT);
}

#[test]
fn refusals_say_why() {
    let reason = |scene: &Scene, question: &str| answer(scene, question).expect_err("a refusal").to_string();
    assert_eq!(
        reason(&night(), "what surface does the red circle have?"),
        "ambiguous: 2 things here are \"the red circle\""
    );
    assert_eq!(
        reason(&street(), "what color is the green fish?"),
        "not there: nothing here is \"the green fish\""
    );
    let nonsense = reason(&street(), "what color is the flurb?");
    assert_eq!(
        nonsense,
        "not understood: no question about a scene goes on with \"flurb\" here"
    );
    assert_eq!(
        reason(&street(), "what color is"),
        "not understood: the question ends too early"
    );
    assert_eq!(reason(&street(), " ?"), "not understood: the text has no words");
    let close = shape(Shape::Fish, Color::Pink, Surface::Plain, Size::Small, 61.0, 30.0);
    let mut scene = street();
    scene.objects.push(close);
    assert_eq!(
        reason(&scene, "is the fish left of the cup?"),
        "ambiguous: the fish is too close to the line to tell"
    );
}

#[test]
fn hostile_texts_are_refused_quickly() {
    let mut crowd = street();
    for at in 0..30_u8 {
        crowd.objects.push(shape(
            Shape::Star,
            Color::Red,
            Surface::Plain,
            Size::Small,
            f32::from(at) * 4.0,
            50.0,
        ));
    }
    let deepest = format!("is there a star {}?", "left of a star ".repeat(3));
    assert_eq!(answer(&crowd, &deepest), Ok("yes".to_owned()));
    let negated = format!("is the clock {}black?", "not ".repeat(51));
    assert_eq!(answer(&crowd, &negated), Ok("no".to_owned()));
    let started = std::time::Instant::now();
    let nested = format!("is the star {} red?", "left of the cup that is above ".repeat(12));
    for text in [
        "a".repeat(1_000_000),
        "the ".repeat(90),
        "is the star and ".repeat(20),
        "left of the star ".repeat(20),
        nested,
        format!("is there a star {}?", "left of a star ".repeat(12)),
        "\u{0}\u{1F600}\u{202E}ß'ſ’s".to_owned(),
        "'s 's 's".to_owned(),
        String::new(),
    ] {
        assert!(
            matches!(answer(&crowd, &text), Err(Unanswerable::Nonsense(_))),
            "{text}"
        );
        assert_eq!(category(&text), None);
    }
    assert!(started.elapsed().as_secs() < 5, "took {:?}", started.elapsed());
}

#[test]
fn referring_phrases_mean_the_same_here() {
    for difficulty in 0..4 {
        let world = World {
            seed: 5,
            difficulty,
            split: Split::Train,
        };
        for scene in (0..200).map(|index| world.scene(index)) {
            for (index, object) in scene.objects.iter().enumerate() {
                if let Some(phrase) = phrase(&scene, index) {
                    let found = answer(&scene, &format!("what size is {phrase}?"));
                    assert_eq!(found, Ok(object.size.name().to_owned()), "{phrase} in {scene:?}");
                }
            }
        }
    }
}

#[test]
fn categories_of_free_questions() {
    for (question, expected) in [
        (
            "how many small striped stars are left of the clock?",
            Some(Category::Counting),
        ),
        (
            "is the red star larger than the blue cup?",
            Some(Category::SizeComparison),
        ),
        ("what is left of the clock?", Some(Category::SpatialRelationship)),
        ("is there a unicorn?", None),
        ("is there a tiny heart?", Some(Category::SmallObjectDetection)),
        ("who is holding a ball?", Some(Category::ObjectRelationship)),
        ("what does the board say?", Some(Category::SmallTextRecognition)),
        ("may you enter?", Some(Category::SignUnderstanding)),
        ("is the person sad?", Some(Category::Atmosphere)),
    ] {
        assert_eq!(category(question), expected, "{question}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,500}") {
        let _ = answer(&street(), &text);
        let _ = category(&text);
    }

    #[test]
    fn no_row_of_known_words_panics(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "is", "the", "a", "what", "which", "how", "many", "star", "red", "left", "of", "right", "or", "and",
            "clock", "person", "holding", "ball", "that", "color", "does", "not", "largest", "on", "in", "there",
            "sign", "no", "entry", "shirt", "'s", "image", "says", "3:25", "all", "same", "size", "as", "touching",
        ]),
        0..40,
    )) {
        let _ = answer(&night(), &words.join(" "));
    }
}
