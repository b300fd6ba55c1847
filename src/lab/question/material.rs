//! Surfaces of shapes that have no look-alike: patterns and materials.

use super::Family;
use super::name::{Hidden, only_one, predicate};
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::{Kind, Object, Surface};
use crate::row::Category::MaterialRecognition;

pub(super) const FAMILY: Family = Family {
    templates: &[&SURFACE_OF, &SURFACE_IS, &THING_OF_SURFACE],
    write,
};

const SURFACE_OF: Template = Template {
    category: MaterialRecognition,
    name: "surface_of",
    train: &[
        "what is the surface of {a}?",
        "what surface does {a} have?",
        "what does the surface of {a} look like?",
    ],
    held_out: &["which surface does {a} have?", "{a} has what surface?"],
};
const SURFACE_IS: Template = Template {
    category: MaterialRecognition,
    name: "surface_is",
    train: &["is {a} {s}?", "is it true that {a} is {s}?"],
    held_out: &["would you say that {a} is {s}?"],
};
const THING_OF_SURFACE: Template = Template {
    category: MaterialRecognition,
    name: "thing_of_surface",
    train: &[
        "which object is {s}?",
        "which thing is {s}?",
        "what object is {s}?",
        "what is {s}?",
    ],
    held_out: &["what thing is {s}?"],
};

/// Plain things are this many times as common as those of any other surface.
const PLAIN_IN: u32 = 5;

fn write(writer: &mut Writer) {
    let scene = writer.scene;
    // Half of all shapes are plain; most of them are passed over, so that "plain" is no good guess.
    let keeps_plain = writer.one_in(PLAIN_IN);
    let alone = |object: &Object| {
        let asked = keeps_plain || object.surface != Surface::Plain;
        matches!(object.kind, Kind::Shape(_)) && only_one(scene, object) && asked
    };
    if let Some((index, phrase)) = writer.one_named(Hidden::Surface, alone) {
        writer.ask(
            &SURFACE_OF,
            &[("a", &phrase)],
            scene.objects[index].surface.name(),
        );
    }
    if let Some((index, phrase)) = writer.one_named(Hidden::Surface, alone) {
        let truth = writer.coin();
        let surface = writer.claim(Surface::ALL, scene.objects[index].surface, truth);
        writer.ask_whether(&SURFACE_IS, &[("a", &phrase), ("s", predicate(surface))], truth);
    }
    let alike = |object: &Object| {
        let shapes = scene
            .objects
            .iter()
            .filter(|each| matches!(each.kind, Kind::Shape(_)));
        shapes.filter(|each| each.surface == object.surface).count()
    };
    // "plain" is left out: everything without a surface of its own might be called so.
    let unique = |each: &Object| {
        matches!(each.kind, Kind::Shape(_)) && each.surface != Surface::Plain && alike(each) == 1
    };
    if let Some(index) = writer.objects(unique).first() {
        let object = &scene.objects[*index];
        writer.ask(
            &THING_OF_SURFACE,
            &[("s", predicate(object.surface))],
            object.kind.noun(),
        );
    }
}
