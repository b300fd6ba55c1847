//! The smallest things: what and what colour they are, how many, and whether.

use super::Family;
use super::name::any;
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::{Kind, Object, Shape, Size};
use crate::row::Category::SmallObjectDetection;

pub(super) const FAMILY: Family = Family {
    templates: &[&COLOR, &WHAT, &EXISTS, &COUNT],
    write,
};

const COLOR: Template = Template {
    category: SmallObjectDetection,
    name: "tiny_color",
    train: &[
        "what color is the tiny {n}?",
        "what is the color of the tiny {n}?",
    ],
    held_out: &["which color is the tiny {n}?"],
};
const WHAT: Template = Template {
    category: SmallObjectDetection,
    name: "tiny_what",
    train: &["what is the tiny thing?", "which shape is the tiny thing?"],
    held_out: &["what shape is the tiny thing?", "which thing is tiny?"],
};
const EXISTS: Template = Template {
    category: SmallObjectDetection,
    name: "tiny_exists",
    train: &["is there {n}?", "do you see {n}?", "do you see {n} in the image?"],
    held_out: &["can you see {n}?", "is there {n} in the image?"],
};
const COUNT: Template = Template {
    category: SmallObjectDetection,
    name: "tiny_count",
    train: &[
        "how many tiny things are there?",
        "how many tiny things do you see?",
        "how many tiny objects are there?",
        "count the tiny objects.",
    ],
    held_out: &["count the tiny things.", "how many tiny things are in the image?"],
};

fn is_tiny(object: &Object) -> bool {
    object.size == Size::Tiny
}

fn write(writer: &mut Writer) {
    let scene = writer.scene;
    let tiny: Vec<&Object> = scene.objects.iter().filter(|each| is_tiny(each)).collect();
    let shapes: Vec<(&Object, Shape)> = (scene.objects.iter())
        .filter_map(|each| {
            if let Kind::Shape(shape) = each.kind {
                Some((each, shape))
            } else {
                None
            }
        })
        .collect();
    let unique = |object: &Object| {
        is_tiny(object)
            && matches!(object.kind, Kind::Shape(_))
            && tiny
                .iter()
                .filter(|each| each.kind.noun() == object.kind.noun())
                .count()
                == 1
    };
    if let Some(index) = writer.objects(unique).first() {
        let object = &scene.objects[*index];
        let noun = if tiny.len() == 1 && writer.coin() {
            "thing"
        } else {
            object.kind.noun()
        };
        writer.ask(&COLOR, &[("n", noun)], object.color.name());
    }
    if let [only] = tiny[..]
        && matches!(only.kind, Kind::Shape(_))
    {
        writer.ask(&WHAT, &[], only.kind.noun());
    }
    // A shape that is there, tiny or not: the noun alone does not tell.
    let truth = writer.coin();
    let (small, large): (Vec<Shape>, Vec<Shape>) = (shapes.iter().map(|each| each.1))
        .partition(|shape| shapes.iter().any(|each| each.1 == *shape && is_tiny(each.0)));
    if let (Some(present), Some(absent)) = (writer.pick(&small), writer.pick(&large)) {
        let shape = if truth { present } else { absent };
        writer.ask_whether(&EXISTS, &[("n", &any(&format!("tiny {}", shape.name())))], truth);
    }
    // Most scenes have none; asking each of them would make that the best guess.
    if !tiny.is_empty() || writer.coin() {
        writer.ask(&COUNT, &[], &tiny.len().to_string());
    }
}
