//! One of several look-alikes: the phrase picks it out by its other attributes.

use super::Family;
use super::name::{Hidden, only_one};
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::{Kind, Object, Size};
use crate::row::Category::DistractionAvoidance;

pub(super) const FAMILY: Family = Family {
    templates: &[&COLOR, &SURFACE, &SIZE],
    write,
};

const COLOR: Template = Template {
    category: DistractionAvoidance,
    name: "lookalike_color",
    train: &[
        "what color is {a}?",
        "what is the color of {a}?",
        "{a} is what color?",
    ],
    held_out: &["which color is {a}?"],
};
const SURFACE: Template = Template {
    category: DistractionAvoidance,
    name: "lookalike_surface",
    train: &["what is the surface of {a}?", "which surface does {a} have?"],
    held_out: &[
        "what surface does {a} have?",
        "what does the surface of {a} look like?",
    ],
};
const SIZE: Template = Template {
    category: DistractionAvoidance,
    name: "lookalike_size",
    train: &["what size is {a}?", "which size is {a}?"],
    held_out: &["what is the size of {a}?"],
};

fn write(writer: &mut Writer) {
    let scene = writer.scene;
    let alike = |object: &Object| matches!(object.kind, Kind::Shape(_)) && !only_one(scene, object);
    // Tiny things have a category of their own.
    let seen = |object: &Object| alike(object) && object.size != Size::Tiny;
    if let Some((index, phrase)) = writer.one_named(Hidden::Color, seen) {
        writer.ask(&COLOR, &[("a", &phrase)], scene.objects[index].color.name());
    }
    if let Some((index, phrase)) = writer.one_named(Hidden::Surface, seen) {
        writer.ask(&SURFACE, &[("a", &phrase)], scene.objects[index].surface.name());
    }
    if let Some((index, phrase)) = writer.one_named(Hidden::Size, alike) {
        writer.ask(&SIZE, &[("a", &phrase)], scene.objects[index].size.name());
    }
}
