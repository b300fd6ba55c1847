//! Instructions and captions, written and random.

use super::*;
use crate::lab::generate::{Split, World};
use crate::lab::layout::{Bounds, valid};
use crate::lab::scene::{
    Action, Color, Garment, Item, Object, Person, Pictogram, Shape, Size, Surface, Weather,
};
use proptest::prelude::*;

/// A red circle on the left, a blue star in the middle, a clock above and a board below it, a person, a sign.
fn scene() -> Scene {
    let object = |kind, color, x, y| Object {
        kind,
        color,
        surface: Surface::Plain,
        size: Size::Medium,
        x,
        y,
    };
    let person = Person {
        action: Action::Standing,
        emotion: crate::lab::scene::Emotion::Sad,
        holds: None,
        wears: None,
        touches: Some(1),
    };
    Scene {
        weather: Weather::Sunny,
        objects: vec![
            object(Kind::Shape(Shape::Circle), Color::Red, 14.0, 70.0),
            object(Kind::Shape(Shape::Star), Color::Blue, 48.0, 48.0),
            object(Kind::Clock { hour: 7, minute: 0 }, Color::Black, 48.0, 16.0),
            object(Kind::Board("tea".to_owned()), Color::Green, 48.0, 80.0),
            object(Kind::Person(person), Color::Pink, 72.0, 46.0),
            object(Kind::Sign(Pictogram::Yield), Color::Red, 82.0, 82.0),
        ],
    }
}

fn edited(instruction: &str) -> Scene {
    edit(&scene(), instruction, 1).unwrap_or_else(|problem| panic!("{instruction}: {problem}"))
}

#[test]
fn instructions_change_what_they_say() {
    let replaced = edited("Replace the red circle with a green star.");
    assert_eq!(
        (&replaced.objects[0].kind, replaced.objects[0].color),
        (&Kind::Shape(Shape::Star), Color::Green)
    );
    assert_eq!(replaced.objects[1..], scene().objects[1..]);
    assert_eq!(edited("make it snowy").weather, Weather::Snowy);
    assert_eq!(edited("change the weather to night").weather, Weather::Night);
    assert_eq!(
        edited("set the clock to 3:25").objects[2].kind,
        Kind::Clock { hour: 3, minute: 25 }
    );
    assert_eq!(
        edited("change the sign to stop").objects[5].kind,
        Kind::Sign(Pictogram::Stop)
    );
    assert_eq!(
        edited("change the sign to turn left").objects[5].kind,
        Kind::Sign(Pictogram::TurnLeft)
    );
    assert_eq!(
        edited("change the text to 42").objects[3].kind,
        Kind::Board("42".to_owned())
    );
    assert_eq!(edited("recolour the star yellow").objects[1].color, Color::Yellow);
    assert_eq!(edited("paint the star wooden").objects[1].surface, Surface::Wood);
    assert_eq!(edited("make the circle larger").objects[0].size, Size::Large);
    assert_eq!(edited("make the circle tiny").objects[0].size, Size::Tiny);
    for (instruction, check) in [
        (
            "make the person run",
            (|person| person.action == Action::Running) as fn(&Person) -> bool,
        ),
        ("make the person happy", |person| {
            person.emotion == crate::lab::scene::Emotion::Happy
        }),
        ("make the person in pink hold a ball", |person| {
            person.holds == Some(Item::Ball)
        }),
        ("make the person wear a hat", |person| {
            person.wears == Some(Garment::Hat)
        }),
    ] {
        let Kind::Person(person) = &edited(instruction).objects[4].kind else {
            panic!("{instruction}")
        };
        assert!(check(person), "{instruction}: {person:?}");
    }
}

#[test]
fn things_go_where_they_are_told() {
    let added = edited("add a small blue striped star left of the clock");
    let star = added.objects.last().unwrap();
    assert_eq!(
        (star.size, star.surface, star.color),
        (Size::Small, Surface::Striped, Color::Blue)
    );
    assert!(Bounds::of(star).right <= Bounds::of(&added.objects[2]).left);
    let sign = edited("add a turn right sign below the clock");
    assert_eq!(sign.objects[6].kind, Kind::Sign(Pictogram::TurnRight));
    assert!(edited("move the circle to the right").objects[0].x >= 64.0);
    assert!(edited("move the circle to the top").objects[0].y <= 32.0);
    let moved = edited("move the circle above the board");
    assert!(Bounds::of(&moved.objects[0]).bottom <= Bounds::of(&moved.objects[3]).top);
}

#[test]
fn touches_follow_their_things() {
    let touches = |scene: &Scene| {
        scene.objects.iter().find_map(|object| match &object.kind {
            Kind::Person(person) => Some(person.touches),
            _ => None,
        })
    };
    assert_eq!(touches(&edited("make it rainy")), Some(Some(1)));
    assert_eq!(touches(&edited("remove the circle")), Some(Some(0)));
    assert_eq!(touches(&edited("remove the star")), Some(None));
    assert_eq!(touches(&edited("move the star to the left")), Some(None));
    assert_eq!(touches(&edited("make the person lie")), Some(None));
}

#[test]
fn refusals_name_what_is_wrong() {
    for (instruction, reason) in [
        ("", "empty"),
        ("juggle the star", "`juggle`"),
        ("remove the green star", "no green star"),
        ("remove the object", "ambiguous"),
        ("remove the wobbly star", "`wobbly`"),
        ("make the sign red", "sign has no colour"),
        ("make the clock striped", "clock has no surface"),
        ("make the star happy", "no person"),
        ("make it happy", "no weather"),
        ("add a striped clock", "clock has no surface"),
        ("add a star left of the house", "no house"),
        ("move the star", "names no place"),
        ("set the star to 3:25", "no hands"),
        ("set the clock to 13:99", "13:99"),
        ("replace the star", "with"),
    ] {
        let problem = edit(&scene(), instruction, 0).unwrap_err();
        assert!(problem.contains(reason), "{instruction}: {problem}");
    }
    let mut full = scene();
    full.objects.resize(MOST_OBJECTS, scene().objects[0].clone());
    assert!(edit(&full, "add a star", 0).unwrap_err().contains("full"));
}

#[test]
fn captions_make_scenes() {
    let caption =
        "an image of a large red star, two small wooden houses and a person wearing a hat on a snowy day";
    let made = generate(caption, 3).unwrap();
    let said: Vec<String> = made
        .objects
        .iter()
        .map(|object| Description::of(object).to_string())
        .collect();
    assert_eq!(made.weather, Weather::Snowy);
    assert_eq!(said[0], "large plain red star");
    assert!(
        said[1..3]
            .iter()
            .all(|house| house.starts_with("small wooden") && house.ends_with("house")),
        "{said:?}"
    );
    assert!(said[3].contains("wearing a hat"));
    assert!(
        generate("an image of a purple cow", 0)
            .unwrap_err()
            .contains("`cow`")
    );
    assert!(
        generate("an image of 20 stars and 9 cups", 0)
            .unwrap_err()
            .contains("24")
    );
    assert!(generate("", 0).is_err());
}

fn any_scene() -> impl Strategy<Value = Scene> {
    (any::<u64>(), 0_u8..4, any::<bool>()).prop_map(|(index, difficulty, held)| {
        let split = if held { Split::HeldOut } else { Split::Train };
        World {
            seed: 1,
            difficulty,
            split,
        }
        .scene(index)
    })
}

/// Sentences of the grammar's words in any order, and of any other text.
fn any_text() -> impl Strategy<Value = String> {
    let words = "replace add remove move make set change paint the a red blue star clock person board sign flag \
        large tiny left right of to with above in on and wearing holding hat ball touching turn stop no entry it \
        snowy night 3:25 42 two 24 an image day at middle next beside showing saying";
    let words: Vec<&str> = words.split_whitespace().collect();
    prop_oneof![
        proptest::collection::vec(proptest::sample::select(words), 0..12).prop_map(|words| words.join(" ")),
        ".{0,40}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_breaks_the_painter(scene in any_scene(), text in any_text(), seed: u64) {
        for made in [edit(&scene, &text, seed), generate(&text, seed)].into_iter().flatten() {
            prop_assert!(valid(&made), "{text}: {made:?}");
            prop_assert!(made.objects.len() <= MOST_OBJECTS);
        }
    }

    #[test]
    fn proposals_are_carried_out(scene in any_scene(), seed: u64) {
        let instruction = propose_edit(&scene, &mut ChaCha8Rng::seed_from_u64(seed));
        let edited = edit(&scene, &instruction, seed);
        prop_assert!(edited.is_ok(), "{instruction}: {edited:?}");
        prop_assert_ne!(edited.clone().unwrap(), scene);
        prop_assert!(valid(&edited.unwrap()), "{instruction}");
    }

    #[test]
    fn a_caption_gives_the_same_things(scene in any_scene(), seed: u64) {
        let text = caption(&scene);
        let made = generate(&text, seed).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        prop_assert_eq!(made.weather, scene.weather);
        let seen = |scene: &Scene| scene.objects.iter().map(Description::of).collect::<Vec<_>>();
        prop_assert_eq!(seen(&made), seen(&scene), "{}", text);
    }
}
