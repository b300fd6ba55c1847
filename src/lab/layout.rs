//! Where things stand: how many pixels an object takes, what overlaps, and where there is room.

use super::scene::{Action, Kind, Object, SIDE, Scene, Size};
use rand::Rng;

/// Free pixels between an object and the frame.
const MARGIN: f32 = 2.0;

/// An axis-aligned box in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The smallest x.
    pub left: f32,
    /// The smallest y.
    pub top: f32,
    /// The largest x.
    pub right: f32,
    /// The largest y.
    pub bottom: f32,
}

impl Bounds {
    /// The box with this centre and extent.
    #[must_use]
    pub fn around(x: f32, y: f32, (width, height): (f32, f32)) -> Self {
        Self {
            left: x - width / 2.0,
            top: y - height / 2.0,
            right: x + width / 2.0,
            bottom: y + height / 2.0,
        }
    }

    /// The box that an object is drawn in.
    #[must_use]
    pub fn of(object: &Object) -> Self {
        Self::around(object.x, object.y, extent(object))
    }

    /// The area in square pixels that two boxes share.
    #[must_use]
    pub fn shared(&self, other: &Self) -> f32 {
        let across = self.right.min(other.right) - self.left.max(other.left);
        let down = self.bottom.min(other.bottom) - self.top.max(other.top);
        across.max(0.0) * down.max(0.0)
    }

    /// Its area in square pixels.
    #[must_use]
    pub fn area(&self) -> f32 {
        (self.right - self.left) * (self.bottom - self.top)
    }

    /// The box with `by` more pixels on every side.
    #[must_use]
    pub fn grown(&self, by: f32) -> Self {
        Self {
            left: self.left - by,
            top: self.top - by,
            right: self.right + by,
            bottom: self.bottom + by,
        }
    }
}

/// The height of a board's characters in pixels.
#[must_use]
pub const fn character_height(size: Size) -> u32 {
    match size {
        Size::Tiny => 5,
        Size::Small => 7,
        Size::Medium => 10,
        Size::Large => 13,
    }
}

/// The width of a board's characters in pixels.
#[must_use]
pub const fn character_width(size: Size) -> u32 {
    match size {
        Size::Tiny => 4,
        Size::Small => 6,
        Size::Medium => 8,
        Size::Large => 11,
    }
}

/// Width and height of an object in pixels.
#[must_use]
pub fn extent(object: &Object) -> (f32, f32) {
    let pick = |[tiny, small, medium, large]: [f32; 4]| match object.size {
        Size::Tiny => tiny,
        Size::Small => small,
        Size::Medium => medium,
        Size::Large => large,
    };
    match &object.kind {
        Kind::Shape(_) => {
            let side = pick([8.0, 14.0, 21.0, 30.0]);
            (side, side)
        }
        Kind::Clock { .. } => {
            let side = pick([12.0, 18.0, 26.0, 34.0]);
            (side, side)
        }
        Kind::Flag(_) => pick_pair(pick([10.0, 16.0, 24.0, 33.0]), 2.0 / 3.0),
        Kind::Sign(_) => {
            let side = pick([10.0, 16.0, 23.0, 31.0]);
            (side, side)
        }
        Kind::Board(text) => {
            let letters = text.chars().count() as u32;
            let width = letters * character_width(object.size) + 8;
            (width as f32, (character_height(object.size) + 8) as f32)
        }
        Kind::Person(person) => {
            let tall = pick([18.0, 26.0, 35.0, 44.0]);
            let wide = tall * PERSON_WIDTH;
            if person.action == Action::Lying {
                (tall, wide)
            } else {
                (wide, tall)
            }
        }
    }
}

/// A person's width as a share of the height.
pub(super) const PERSON_WIDTH: f32 = 0.72;

fn pick_pair(width: f32, ratio: f32) -> (f32, f32) {
    (width, (width * ratio).round())
}

/// Pushes an object inside the frame.
pub fn keep_inside(object: &mut Object) {
    let (width, height) = extent(object);
    object.x = inside(object.x, width);
    object.y = inside(object.y, height);
}

fn inside(at: f32, length: f32) -> f32 {
    let side = SIDE as f32;
    let low = (length / 2.0 + MARGIN).min(side / 2.0);
    if at.is_finite() {
        at.clamp(low, side - low)
    } else {
        side / 2.0
    }
}

/// A random place inside the frame for something of this extent, on whole pixels.
pub fn anywhere(extent: (f32, f32), rng: &mut impl Rng) -> (f32, f32) {
    let mut along = |length: f32| {
        let (low, high) = (inside(0.0, length), inside(SIDE as f32, length));
        (low + rng.random::<f32>() * (high - low))
            .round()
            .clamp(low, high)
    };
    let x = along(extent.0);
    (x, along(extent.1))
}

/// The share of the smaller of two boxes that the other covers.
#[must_use]
pub fn overlap(one: &Bounds, other: &Bounds) -> f32 {
    one.shared(other) / one.area().min(other.area()).max(1.0)
}

/// Where a person's hand reaches when it touches: beside `person`, on which side `object` stands.
/// `None` where the two do not stand beside each other.
#[must_use]
pub fn touching_side(person: &Object, object: &Object) -> Option<f32> {
    let (one, other) = (Bounds::of(person), Bounds::of(object));
    let side = if object.x < person.x { -1.0 } else { 1.0 };
    let gap = if side < 0.0 {
        one.left - other.right
    } else {
        other.left - one.right
    };
    let level = other.top <= person.y + 6.0 && other.bottom >= person.y - 4.0;
    (gap.abs() <= 6.0 && level).then_some(side)
}

/// The centre beside a person, on the given side, where an object of this extent is touched.
#[must_use]
pub fn beside(person: &Object, extent_of_other: (f32, f32), side: f32) -> (f32, f32) {
    let (width, _) = extent(person);
    (
        person.x + side * (width / 2.0 + extent_of_other.0 / 2.0),
        person.y + 2.0,
    )
}

/// Whether every object lies inside the frame and every touch names another object.
#[must_use]
pub fn valid(scene: &Scene) -> bool {
    scene.objects.iter().enumerate().all(|(index, object)| {
        let bounds = Bounds::of(object);
        let touches = match &object.kind {
            Kind::Person(person) => person
                .touches
                .is_none_or(|other| other != index && other < scene.objects.len()),
            _ => true,
        };
        touches
            && bounds.left >= 0.0
            && bounds.top >= 0.0
            && bounds.right <= SIDE as f32
            && bounds.bottom <= SIDE as f32
    })
}

/// Takes an object out; what touched it touches nothing, and later indexes move up.
pub fn remove(objects: &mut Vec<Object>, index: usize) -> Object {
    let removed = objects.remove(index);
    for object in objects {
        if let Kind::Person(person) = &mut object.kind {
            person.touches = match person.touches {
                Some(touched) if touched == index => None,
                Some(touched) if touched > index => Some(touched - 1),
                other => other,
            };
        }
    }
    removed
}
