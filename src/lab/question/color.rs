//! Colours of things that have no look-alike.

use super::Family;
use super::name::{Hidden, has_color, only_one};
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::{Color, Kind};
use crate::row::Category::ColorRecognition;

pub(super) const FAMILY: Family = Family {
    templates: &[&COLOR_OF, &COLOR_IS, &THING_OF_COLOR, &SHIRT],
    write,
};

const COLOR_OF: Template = Template {
    category: ColorRecognition,
    name: "color_of",
    train: &[
        "what color is {a}?",
        "what is the color of {a}?",
        "which color is {a}?",
        "{a} has what color?",
        "what color does {a} have?",
        "{a} has which color?",
    ],
    held_out: &["which color does {a} have?", "{a} is what color?"],
};
const COLOR_IS: Template = Template {
    category: ColorRecognition,
    name: "color_is",
    train: &[
        "is {a} {c}?",
        "is the color of {a} {c}?",
        "does {a} look {c}?",
        "would you say that {a} is {c}?",
    ],
    held_out: &["is it true that {a} is {c}?"],
};
const THING_OF_COLOR: Template = Template {
    category: ColorRecognition,
    name: "thing_of_color",
    train: &[
        "what is the {c} thing?",
        "which thing is {c}?",
        "what is {c}?",
        "what object is {c}?",
        "which is the {c} thing?",
    ],
    held_out: &["which object is {c}?", "what thing is {c}?"],
};
const SHIRT: Template = Template {
    category: ColorRecognition,
    name: "shirt_color",
    train: &[
        "what color is the shirt of the person?",
        "what is the color of the person's shirt?",
        "which color is the shirt of the person?",
    ],
    held_out: &["which color is the person's shirt?"],
};

fn write(writer: &mut Writer) {
    let scene = writer.scene;
    let alone = |object: &crate::lab::scene::Object| {
        has_color(&object.kind) && !matches!(object.kind, Kind::Person(_)) && only_one(scene, object)
    };
    if let Some((index, phrase)) = writer.one_named(Hidden::Color, alone) {
        writer.ask(&COLOR_OF, &[("a", &phrase)], scene.objects[index].color.name());
    }
    if let Some((index, phrase)) = writer.one_named(Hidden::Color, alone) {
        let truth = writer.coin();
        let color = writer.claim(Color::ALL, scene.objects[index].color, truth);
        writer.ask_whether(&COLOR_IS, &[("a", &phrase), ("c", color.name())], truth);
    }
    let of_color = |color: Color| {
        scene
            .objects
            .iter()
            .filter(move |each| has_color(&each.kind) && each.color == color)
    };
    if let Some(index) = writer
        .objects(|each| matches!(each.kind, Kind::Shape(_)) && of_color(each.color).count() == 1)
        .first()
    {
        let object = &scene.objects[*index];
        writer.ask(&THING_OF_COLOR, &[("c", object.color.name())], object.kind.noun());
    }
    if let Some(index) = writer
        .objects(|each| matches!(each.kind, Kind::Person(_)) && only_one(scene, each))
        .first()
    {
        writer.ask(&SHIRT, &[], scene.objects[*index].color.name());
    }
}
