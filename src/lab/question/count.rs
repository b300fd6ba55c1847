//! How many: the number is drawn first, then something of which there are so many.

use super::Family;
use super::name::{Hidden, has_color, plural};
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::{Action, Color, Kind, Object, Shape};
use crate::row::Category::Counting;
use std::collections::BTreeSet;

pub(super) const FAMILY: Family = Family {
    templates: &[
        &OF_KIND,
        &OF_COLOR,
        &OF_KIND_AND_COLOR,
        &BESIDE,
        &IN_ACTION,
        &OF_ALL,
    ],
    write,
};

const OF_KIND: Template = Template {
    category: Counting,
    name: "count_kind",
    train: &[
        "how many {n} are there?",
        "how many {n} do you see?",
        "count the {n}.",
        "what is the number of {n}?",
    ],
    held_out: &["how many {n} are in the image?", "how many {n} can you see?"],
};
const OF_COLOR: Template = Template {
    category: Counting,
    name: "count_color",
    train: &[
        "how many {n} are there?",
        "how many {n} are in the image?",
        "count the {n}.",
        "how many {n} can you see?",
        "what is the number of {n}?",
    ],
    held_out: &["how many {n} do you see?"],
};
const OF_KIND_AND_COLOR: Template = Template {
    category: Counting,
    name: "count_kind_and_color",
    train: &[
        "how many {n} are there?",
        "how many {n} can you see?",
        "how many {n} are in the image?",
    ],
    held_out: &["how many {n} do you see?", "count the {n}."],
};
const BESIDE: Template = Template {
    category: Counting,
    name: "count_beside",
    train: &[
        "how many {n} are {r} {b}?",
        "what is the number of {n} {r} {b}?",
        "count {n} {r} {b}.",
    ],
    held_out: &["count the {n} {r} {b}."],
};
const IN_ACTION: Template = Template {
    category: Counting,
    name: "count_action",
    train: &[
        "how many persons are {v}?",
        "how many people are {v}?",
        "how many {v} people are there?",
    ],
    held_out: &["how many {v} persons are there?"],
};
const OF_ALL: Template = Template {
    category: Counting,
    name: "count_all",
    train: &[
        "how many things are there?",
        "how many things do you see?",
        "how many objects are there?",
        "count the objects.",
        "how many objects are in the image?",
        "how many objects can you see?",
    ],
    held_out: &[
        "count the things.",
        "how many things are in the image?",
        "how many objects do you see?",
    ],
};

/// Of these (what, how many), one whose number was drawn first; none where the only number is zero.
fn draw(writer: &mut Writer, counted: &[(String, usize)]) -> Option<(String, usize)> {
    let numbers: Vec<usize> = counted
        .iter()
        .map(|each| each.1)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if numbers == [0] {
        return None;
    }
    let number = writer.pick(&numbers)?;
    let with: Vec<&(String, usize)> = counted.iter().filter(|each| each.1 == number).collect();
    writer.pick(&with).cloned()
}

fn write(writer: &mut Writer) {
    let scene = writer.scene;
    let count = |pass: &dyn Fn(&Object) -> bool| scene.objects.iter().filter(|each| pass(each)).count();
    let is = |object: &Object, shape: Shape| object.kind == Kind::Shape(shape);
    let colored = |object: &Object, color: Color| has_color(&object.kind) && object.color == color;

    let kinds: Vec<(String, usize)> = Shape::ALL
        .iter()
        .map(|&shape| (plural(shape.name()), count(&|each| is(each, shape))))
        .collect();
    ask(writer, &OF_KIND, &kinds);
    let colors: Vec<(String, usize)> = (Color::ALL.iter())
        .map(|&color| {
            (
                format!("{} things", color.name()),
                count(&|each| colored(each, color)),
            )
        })
        .collect();
    ask(writer, &OF_COLOR, &colors);
    let both: Vec<(String, usize)> = (Color::ALL.iter())
        .flat_map(|&color| Shape::ALL.iter().map(move |&shape| (color, shape)))
        .map(|(color, shape)| {
            let phrase = format!("{} {}", color.name(), plural(shape.name()));
            (phrase, count(&|each| is(each, shape) && each.color == color))
        })
        .collect();
    ask(writer, &OF_KIND_AND_COLOR, &both);
    if count(&|each| matches!(each.kind, Kind::Person(_))) > 0 {
        let acts =
            |each: &Object, action| matches!(&each.kind, Kind::Person(person) if person.action == action);
        let actions: Vec<(String, usize)> = Action::ALL
            .iter()
            .map(|&action| (action.name().to_owned(), count(&|each| acts(each, action))))
            .collect();
        if let Some((action, number)) = draw(writer, &actions) {
            writer.ask(&IN_ACTION, &[("v", &action)], &number.to_string());
        }
    }
    writer.ask(&OF_ALL, &[], &scene.objects.len().to_string());
    beside(writer);
}

fn ask(writer: &mut Writer, template: &'static Template, counted: &[(String, usize)]) {
    if let Some((phrase, number)) = draw(writer, counted) {
        writer.ask(template, &[("n", &phrase)], &number.to_string());
    }
}

/// "how many stars are left of the clock?": none may be so close to the line that it is hard to tell.
fn beside(writer: &mut Writer) {
    let scene = writer.scene;
    let Some((index, phrase)) = writer.one_named(Hidden::Nothing, |_| true) else {
        return;
    };
    let anchor = &scene.objects[index];
    let left = writer.coin();
    let mut counted = vec![];
    for (noun, pass) in Shape::ALL
        .iter()
        .map(|&shape| (plural(shape.name()), Some(shape)))
        .chain([("things".into(), None)])
    {
        let others =
            scene.objects.iter().enumerate().filter(|(at, each)| {
                *at != index && pass.is_none_or(|shape| each.kind == Kind::Shape(shape))
            });
        let distances: Vec<f32> = others
            .map(|(_, each)| {
                if left {
                    anchor.x - each.x
                } else {
                    each.x - anchor.x
                }
            })
            .collect();
        if distances
            .iter()
            .all(|distance| distance.abs() >= super::space::MARGIN)
        {
            counted.push((noun, distances.iter().filter(|&&distance| distance > 0.0).count()));
        }
    }
    if let Some((noun, number)) = draw(writer, &counted) {
        let relation = if left { "left of" } else { "right of" };
        writer.ask(
            &BESIDE,
            &[("n", &noun), ("r", relation), ("b", &phrase)],
            &number.to_string(),
        );
    }
}
