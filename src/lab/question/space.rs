//! Where things are, beside one another and in the image.

use super::Family;
use super::name::Hidden;
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::{Object, SIDE, Scene};
use crate::row::Category::SpatialRelationship;

pub(super) const FAMILY: Family = Family {
    templates: &[
        &RELATION,
        &LEFT_OR_RIGHT,
        &ABOVE_OR_BELOW,
        &EXTREME,
        &HALF,
        &LEFT_HALF,
        &BESIDE,
    ],
    write,
};

/// Two centres closer than this along an axis, in pixels, are not asked about.
pub(super) const MARGIN: f32 = 8.0;

const RELATION: Template = Template {
    category: SpatialRelationship,
    name: "relation",
    train: &["is {a} {r} {b}?", "is it true that {a} is {r} {b}?"],
    held_out: &["would you say that {a} is {r} {b}?"],
};
const LEFT_OR_RIGHT: Template = Template {
    category: SpatialRelationship,
    name: "left_or_right",
    train: &[
        "is {a} left or right of {b}?",
        "is {a} to the left or to the right of {b}?",
    ],
    held_out: &["is {a} to the left or right of {b}?"],
};
const ABOVE_OR_BELOW: Template = Template {
    category: SpatialRelationship,
    name: "above_or_below",
    train: &[
        "is {a} above or below {b}?",
        "would you say that {a} is above or below {b}?",
    ],
    held_out: &["{a} is above or below {b}?"],
};
const EXTREME: Template = Template {
    category: SpatialRelationship,
    name: "extreme",
    train: &[
        "what is the {e} thing?",
        "which thing is the {e}?",
        "which object is the {e}?",
        "what thing is the {e}?",
    ],
    held_out: &["which is the {e} thing?", "what is the {e} object?"],
};
const HALF: Template = Template {
    category: SpatialRelationship,
    name: "half",
    train: &[
        "is {a} on the left or on the right side of the image?",
        "which side of the image is {a} on?",
    ],
    held_out: &["on which side of the image is {a}?"],
};
const LEFT_HALF: Template = Template {
    category: SpatialRelationship,
    name: "half_is",
    train: &[
        "is {a} in the {h} half of the image?",
        "would you say that {a} is in the {h} half of the image?",
    ],
    held_out: &["is it true that {a} is in the {h} half of the image?"],
};
const BESIDE: Template = Template {
    category: SpatialRelationship,
    name: "thing_beside",
    train: &[
        "what is {r} {b}?",
        "which thing is {r} {b}?",
        "what object is {r} {b}?",
    ],
    held_out: &["what thing is {r} {b}?", "which object is {r} {b}?"],
};

/// A direction: the words for "beside", for the extreme and for the half, and the distance towards it.
struct Direction {
    relation: &'static str,
    extreme: &'static str,
    half: &'static str,
    towards: fn(&Object) -> f32,
}

const DIRECTIONS: [Direction; 4] = [
    Direction {
        relation: "left of",
        extreme: "leftmost",
        half: "left",
        towards: |object| -object.x,
    },
    Direction {
        relation: "right of",
        extreme: "rightmost",
        half: "right",
        towards: |object| object.x,
    },
    Direction {
        relation: "above",
        extreme: "topmost",
        half: "top",
        towards: |object| -object.y,
    },
    Direction {
        relation: "below",
        extreme: "lowest",
        half: "bottom",
        towards: |object| object.y,
    },
];

fn write(writer: &mut Writer) {
    let scene = writer.scene;
    let named = writer.named(Hidden::Nothing, |_| true);
    relations(writer, scene, &named);

    let middle = SIDE as f32 / 2.0;
    if let Some((index, phrase)) = named
        .iter()
        .find(|each| (scene.objects[each.0].x - middle).abs() >= MARGIN)
    {
        let side = if scene.objects[*index].x < middle {
            "left"
        } else {
            "right"
        };
        writer.ask_choice(&HALF, &[("a", phrase)], side, &["left", "right"]);
    }
    let truth = writer.coin();
    if let Some(direction) = writer.pick(&[0, 1, 2, 3]).map(|at| &DIRECTIONS[at]) {
        let centre = if direction.half == "left" || direction.half == "top" {
            -middle
        } else {
            middle
        };
        let fits = |index: usize| {
            let beyond = (direction.towards)(&scene.objects[index]) - centre;
            if truth {
                beyond >= MARGIN
            } else {
                beyond <= -MARGIN
            }
        };
        if let Some((_, phrase)) = named.iter().rev().find(|each| fits(each.0)) {
            writer.ask_whether(&LEFT_HALF, &[("a", phrase), ("h", direction.half)], truth);
        }
    }
    if let Some(direction) = writer.pick(&[0, 1, 2, 3]).map(|at| &DIRECTIONS[at]) {
        let mut order: Vec<&Object> = scene.objects.iter().collect();
        order.sort_by(|a, b| (direction.towards)(b).total_cmp(&(direction.towards)(a)));
        if let [first, second, ..] = order[..]
            && (direction.towards)(first) - (direction.towards)(second) >= MARGIN
        {
            writer.ask(&EXTREME, &[("e", direction.extreme)], first.kind.noun());
        }
    }
    // The one thing on that side of another; the rest must clearly be elsewhere.
    if let Some(direction) = writer.pick(&[0, 1, 2, 3]).map(|at| &DIRECTIONS[at]) {
        for (index, phrase) in &named {
            let distance =
                |other: &Object| (direction.towards)(other) - (direction.towards)(&scene.objects[*index]);
            let others = || {
                scene
                    .objects
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| at != index)
                    .map(|(_, other)| other)
            };
            let clear = others().all(|other| distance(other).abs() >= MARGIN);
            let mut beyond = others().filter(|other| distance(other) >= MARGIN);
            if let (true, Some(found), None) = (clear, beyond.next(), beyond.next()) {
                writer.ask(
                    &BESIDE,
                    &[("b", phrase), ("r", direction.relation)],
                    found.kind.noun(),
                );
                break;
            }
        }
    }
}

fn relations(writer: &mut Writer, scene: &Scene, named: &[(usize, String)]) {
    if let Some([first, second]) = writer.pair(named) {
        let (a, b) = (&scene.objects[first.0], &scene.objects[second.0]);
        let slots = [("a", first.1.as_str()), ("b", second.1.as_str())];
        let (right, down) = (b.x - a.x, b.y - a.y);
        if right.abs() >= MARGIN {
            let side = if right > 0.0 { "left" } else { "right" };
            writer.ask_choice(&LEFT_OR_RIGHT, &slots, side, &["left", "right"]);
        }
        if down.abs() >= MARGIN {
            let side = if down > 0.0 { "above" } else { "below" };
            writer.ask_choice(&ABOVE_OR_BELOW, &slots, side, &["above", "below"]);
        }
    }
    if let (Some([first, second]), Some(at)) = (writer.pair(named), writer.pick(&[0, 1, 2, 3])) {
        let direction = &DIRECTIONS[at];
        let distance =
            (direction.towards)(&scene.objects[first.0]) - (direction.towards)(&scene.objects[second.0]);
        if distance.abs() >= MARGIN {
            let slots = [
                ("a", first.1.as_str()),
                ("b", second.1.as_str()),
                ("r", direction.relation),
            ];
            writer.ask_whether(&RELATION, &slots, distance > 0.0);
        }
    }
}
