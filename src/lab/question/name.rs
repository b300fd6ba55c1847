//! Phrases for what questions speak about: "the small red star", "the person in blue", "stars".

use crate::lab::scene::{
    Action, Color, Country, Emotion, Garment, Item, Kind, Object, Pictogram, Scene, Shape, Size, Surface,
    Weather,
};

/// The attribute that a question asks for and that its phrase must not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    Nothing,
    Color,
    Surface,
    Size,
}

/// The words that may tell an object from its look-alikes.
#[derive(Clone, Copy)]
struct Words {
    size: bool,
    surface: bool,
    color: bool,
}

/// From few words to many; colour first, because it is seen first.
const CHOICES: [Words; 8] = [
    Words {
        size: false,
        surface: false,
        color: false,
    },
    Words {
        size: false,
        surface: false,
        color: true,
    },
    Words {
        size: false,
        surface: true,
        color: false,
    },
    Words {
        size: true,
        surface: false,
        color: false,
    },
    Words {
        size: false,
        surface: true,
        color: true,
    },
    Words {
        size: true,
        surface: false,
        color: true,
    },
    Words {
        size: true,
        surface: true,
        color: false,
    },
    Words {
        size: true,
        surface: true,
        color: true,
    },
];

/// The shortest phrase that fits this object and no other, without the hidden attribute.
pub(super) fn describe(scene: &Scene, index: usize, hidden: Hidden) -> Option<String> {
    let object = &scene.objects[index];
    let able = Words {
        size: hidden != Hidden::Size,
        surface: hidden != Hidden::Surface && matches!(object.kind, Kind::Shape(_)),
        color: hidden != Hidden::Color && has_color(&object.kind),
    };
    CHOICES
        .into_iter()
        .filter(|words| able.size >= words.size && able.surface >= words.surface && able.color >= words.color)
        .find(|words| {
            scene
                .objects
                .iter()
                .filter(|other| alike(object, other, *words))
                .count()
                == 1
        })
        .map(|words| phrase(object, words))
}

/// Whether nothing else in the scene goes by the same noun.
pub(super) fn only_one(scene: &Scene, object: &Object) -> bool {
    scene
        .objects
        .iter()
        .filter(|other| other.kind.noun() == object.kind.noun())
        .count()
        == 1
}

/// Whether questions may name this kind by a colour; flags and signs have colours of their own.
pub(super) fn has_color(kind: &Kind) -> bool {
    !matches!(kind, Kind::Flag(_) | Kind::Sign(_))
}

fn alike(object: &Object, other: &Object, words: Words) -> bool {
    object.kind.noun() == other.kind.noun()
        && (!words.size || object.size == other.size)
        && (!words.surface || object.surface == other.surface)
        && (!words.color || object.color == other.color)
}

fn phrase(object: &Object, words: Words) -> String {
    let mut phrase = "the ".to_owned();
    let mut add = |word: &str| phrase = format!("{phrase}{word} ");
    if words.size {
        add(object.size.name());
    }
    if words.surface {
        add(adjective(object.surface));
    }
    let person = matches!(object.kind, Kind::Person(_));
    if words.color && !person {
        add(object.color.name());
    }
    add(object.kind.noun());
    if words.color && person {
        add("in");
        add(object.color.name());
    }
    phrase.trim_end().to_owned()
}

/// The surface before a noun: "striped", "wooden".
pub(super) fn adjective(surface: Surface) -> &'static str {
    match surface {
        Surface::Wood => "wooden",
        other => other.name(),
    }
}

/// The surface as a predicate: "striped", "made of wood".
pub(super) fn predicate(surface: Surface) -> &'static str {
    match surface {
        Surface::Wood => "made of wood",
        Surface::Brick => "made of brick",
        Surface::Metal => "made of metal",
        other => other.name(),
    }
}

/// More than one: "stars", "crosses", "persons".
pub(super) fn plural(noun: &str) -> String {
    match noun {
        "fish" => "fish".to_owned(),
        "cross" => "crosses".to_owned(),
        other => format!("{other}s"),
    }
}

/// With its article: "a star", "an umbrella".
pub(super) fn any(phrase: &str) -> String {
    let article = if phrase.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {phrase}")
}

/// All words that fill slots or answer.
pub(super) fn words() -> Vec<String> {
    let nouns = ["clock", "flag", "board", "sign", "person"];
    let shapes = Shape::ALL.iter().map(|each| each.name());
    let singles = "the in a an made of wooden yes no nothing day number word things holding wearing \
        left right above below top bottom leftmost rightmost topmost lowest \
        must may can you stop enter give way park turn be careful get help";
    nouns
        .into_iter()
        .chain(shapes)
        .flat_map(|noun| [noun.to_owned(), plural(noun)])
        .chain(singles.split_whitespace().map(str::to_owned))
        .chain(
            (Color::ALL.iter().map(|each| each.name()))
                .chain(Surface::ALL.iter().map(|each| each.name()))
                .chain(Size::ALL.iter().map(|each| each.name()))
                .chain(Weather::ALL.iter().map(|each| each.name()))
                .chain(Country::ALL.iter().map(|each| each.name()))
                .chain(Pictogram::ALL.iter().map(|each| each.name()))
                .chain(Action::ALL.iter().map(|each| each.name()))
                .chain(Emotion::ALL.iter().map(|each| each.name()))
                .chain(Item::ALL.iter().map(|each| each.name()))
                .chain(Garment::ALL.iter().map(|each| each.name()))
                .flat_map(str::split_whitespace)
                .map(str::to_owned),
        )
        .collect()
}
