//! What a scene shows, before anything has a place.

use super::{WORDS, pick};
use crate::lab::scene::{
    Action, Color, Country, Emotion, Garment, Item, Kind, Object, Person, Pictogram, Shape, Size, Surface,
};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

/// The things of a scene without their places.
pub(super) struct Cast {
    /// Things in drawing order; their positions mean nothing yet.
    pub(super) objects: Vec<Object>,
}

/// Things with inner structure.
#[derive(Clone, Copy)]
enum Special {
    Person,
    Clock,
    Flag,
    Board,
    Sign,
}

const SPECIALS: [Special; 5] = [
    Special::Person,
    Special::Clock,
    Special::Flag,
    Special::Board,
    Special::Sign,
];
const PATTERNS: [Surface; 3] = [Surface::Striped, Surface::Dotted, Surface::Checkered];
const MATERIALS: [Surface; 3] = [Surface::Wood, Surface::Brick, Surface::Metal];

/// Draws `count` things.
pub(super) fn cast(count: usize, difficulty: u8, rng: &mut impl Rng) -> Cast {
    let mut specials = SPECIALS;
    specials.shuffle(rng);
    let structured = match count {
        ..=2 => 1,
        3 => rng.random_range(1..=2),
        4..=6 => 2,
        _ => 3,
    };
    let mut objects: Vec<Object> = specials[..structured]
        .iter()
        .map(|&special| structured_object(special, difficulty, rng))
        .collect();
    objects.extend(shapes(count - structured, difficulty, rng));
    objects.shuffle(rng);
    touch(&mut objects, rng);
    Cast { objects }
}

fn object(kind: Kind, size: Size, rng: &mut impl Rng) -> Object {
    Object {
        kind,
        color: pick(Color::ALL, rng),
        surface: Surface::Plain,
        size,
        x: 0.0,
        y: 0.0,
    }
}

fn structured_object(special: Special, difficulty: u8, rng: &mut impl Rng) -> Object {
    let sizes: &[Size] = if difficulty < 2 {
        &[Size::Medium, Size::Large]
    } else {
        &[Size::Small, Size::Medium, Size::Medium, Size::Large]
    };
    let size = pick(sizes, rng);
    let kind = match special {
        Special::Person => person(rng),
        Special::Clock => {
            let step = [30, 15, 5, 5][usize::from(difficulty.min(3))];
            Kind::Clock {
                hour: rng.random_range(1..=12),
                minute: rng.random_range(0..60 / step) * step,
            }
        }
        Special::Flag => Kind::Flag(pick(Country::ALL, rng)),
        Special::Board => {
            let text = if rng.random_bool(0.5) {
                rng.random_range(10..100).to_string()
            } else {
                pick(WORDS, rng).to_owned()
            };
            // Small characters are for the harder worlds; long large words leave no room.
            let size = if text.len() > 3 && size == Size::Large {
                Size::Medium
            } else {
                size
            };
            return object(Kind::Board(text), size, rng);
        }
        Special::Sign => Kind::Sign(pick(Pictogram::ALL, rng)),
    };
    object(kind, size, rng)
}

fn person(rng: &mut impl Rng) -> Kind {
    let action = pick(Action::ALL, rng);
    // An umbrella or a balloon overhead hides a hat, so few people have both.
    let holds = rng.random_bool(0.6).then(|| pick(Item::ALL, rng));
    let wears = rng.random_bool(0.6).then(|| pick(Garment::ALL, rng));
    Kind::Person(Person {
        action,
        emotion: pick(Emotion::ALL, rng),
        holds,
        wears,
        touches: None,
    })
}

/// Shapes: look-alikes that differ in few attributes, copies to count, or independent ones.
fn shapes(count: usize, difficulty: u8, rng: &mut impl Rng) -> Vec<Object> {
    let mut shapes: Vec<Object> = (0..count).map(|_| shape(difficulty, rng)).collect();
    if count == 0 {
        return shapes;
    }
    if !shapes.iter().any(|each| MATERIALS.contains(&each.surface)) && rng.random_bool(0.35) {
        shapes[0].surface = pick(&MATERIALS, rng);
        shapes[0].size = shapes[0].size.max(Size::Medium);
    }
    let group = rng.random_range(2..=4).min(count);
    if group >= 2 {
        match rng.random_range(0..10) {
            0..5 => look_alikes(&mut shapes[..group], rng),
            5..7 => copies(&mut shapes[..group]),
            _ => {}
        }
    }
    if !shapes.iter().any(|each| each.size == Size::Tiny) && rng.random_bool(0.3) {
        let last = &mut shapes[count - 1];
        last.size = Size::Tiny;
        last.surface = Surface::Plain;
    }
    shapes
}

fn shape(difficulty: u8, rng: &mut impl Rng) -> Object {
    let surface = match rng.random_range(0..10) {
        0..5 => Surface::Plain,
        5..8 => pick(&PATTERNS, rng),
        _ => pick(&MATERIALS, rng),
    };
    let sizes: &[Size] = match difficulty {
        0 => &[Size::Small, Size::Medium, Size::Large, Size::Large],
        1 => &[Size::Small, Size::Medium, Size::Medium, Size::Large],
        _ => &[Size::Tiny, Size::Small, Size::Small, Size::Medium, Size::Large],
    };
    let mut shape = object(Kind::Shape(pick(Shape::ALL, rng)), pick(sizes, rng), rng);
    // A pattern takes more pixels than the smallest things have.
    shape.surface = if shape.size == Size::Tiny {
        Surface::Plain
    } else {
        surface
    };
    shape
}

/// The same shape several times: told apart by one attribute, one more is free, the third is shared.
fn look_alikes(group: &mut [Object], rng: &mut impl Rng) {
    let model = group[0].clone();
    let mut roles = [0, 1, 2];
    roles.shuffle(rng);
    let [tells, shared, _] = roles;
    let mut colors = Color::ALL.to_vec();
    colors.shuffle(rng);
    let mut surfaces = Surface::ALL.to_vec();
    surfaces.shuffle(rng);
    let mut sizes = [Size::Small, Size::Medium, Size::Large, Size::Tiny];
    sizes[..3].shuffle(rng);
    for (at, each) in group.iter_mut().enumerate() {
        each.kind = model.kind.clone();
        match tells {
            0 => each.color = colors[at],
            1 => each.surface = surfaces[at],
            _ => each.size = sizes[at],
        }
        match shared {
            0 => each.color = model.color,
            1 => each.surface = model.surface,
            _ => each.size = model.size,
        }
        if each.surface != Surface::Plain {
            each.size = each.size.max(Size::Small);
        }
    }
}

fn copies(group: &mut [Object]) {
    let model = group[0].clone();
    let size = model.size.min(Size::Medium);
    group.fill(Object { size, ..model });
}

/// Lets some of the people who can touch a shape.
fn touch(objects: &mut [Object], rng: &mut impl Rng) {
    let shapes: Vec<usize> = (0..objects.len())
        .filter(|&at| matches!(objects[at].kind, Kind::Shape(_)) && objects[at].size > Size::Tiny)
        .collect();
    for object in objects {
        if let Kind::Person(person) = &mut object.kind
            && matches!(
                person.action,
                Action::Standing | Action::Running | Action::Sitting
            )
            && rng.random_bool(0.7)
        {
            person.touches = shapes.choose(rng).copied();
        }
    }
}
