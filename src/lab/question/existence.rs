//! Whether something is there at all. What is not there is put together from what is: a red star is asked
//! for where there are red things and stars, so that neither word gives the answer away.

use super::Family;
use super::name::any;
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::{Country, Garment, Item, Kind, Object, Person, Pictogram, Shape, Surface};
use crate::row::Category::HallucinationAvoidance;

pub(super) const FAMILY: Family = Family {
    templates: &[&KIND, &KIND_AND_COLOR, &SURFACED, &CARRIED, &FLAG, &SIGN],
    write,
};

const KIND: Template = Template {
    category: HallucinationAvoidance,
    name: "exists_kind",
    train: &[
        "is there {n}?",
        "do you see {n}?",
        "can you see {n}?",
        "do you see {n} in the image?",
        "can you see {n} in the image?",
    ],
    held_out: &["is {n} in the image?", "is there {n} in the image?"],
};
const KIND_AND_COLOR: Template = Template {
    category: HallucinationAvoidance,
    name: "exists_color",
    train: &[
        "is there {n}?",
        "do you see {n}?",
        "is there {n} in the image?",
        "can you see {n} in the image?",
    ],
    held_out: &["can you see {n}?"],
};
const SURFACED: Template = Template {
    category: HallucinationAvoidance,
    name: "exists_surface",
    train: &[
        "is there {n}?",
        "can you see {n}?",
        "is {n} in the image?",
        "is there {n} in the image?",
    ],
    held_out: &["do you see {n}?"],
};
const CARRIED: Template = Template {
    category: HallucinationAvoidance,
    name: "exists_carried",
    train: &[
        "is there {n}?",
        "can you see {n}?",
        "is there {n} in the image?",
        "do you see {n}?",
    ],
    held_out: &["do you see {n} in the image?"],
};
const FLAG: Template = Template {
    category: HallucinationAvoidance,
    name: "exists_flag",
    train: &[
        "is there a flag of {n}?",
        "do you see the flag of {n}?",
        "is there a flag of {n} in the image?",
    ],
    held_out: &["can you see the flag of {n}?", "do you see a flag of {n}?"],
};
const SIGN: Template = Template {
    category: HallucinationAvoidance,
    name: "exists_sign",
    train: &[
        "is there {n} sign?",
        "do you see {n} sign?",
        "do you see {n} sign in the image?",
    ],
    held_out: &["is there {n} sign in the image?", "can you see {n} sign?"],
};

/// One of those that are there, or of those that are not; none where there is no choice between the two.
fn claim<T: Copy + PartialEq>(writer: &mut Writer, all: &[T], there: &[T], truth: bool) -> Option<T> {
    let (present, absent): (Vec<T>, Vec<T>) = all.iter().partition(|&each| there.contains(each));
    if present.is_empty() || absent.is_empty() {
        return None;
    }
    writer.pick(if truth { &present } else { &absent })
}

fn write(writer: &mut Writer) {
    let scene = writer.scene;
    let shapes: Vec<(&Object, Shape)> = (scene.objects.iter())
        .filter_map(|each| {
            if let Kind::Shape(shape) = each.kind {
                Some((each, shape))
            } else {
                None
            }
        })
        .collect();
    let truth = writer.coin();
    let there: Vec<Shape> = shapes.iter().map(|each| each.1).collect();
    if let Some(shape) = claim(writer, Shape::ALL, &there, truth) {
        writer.ask_whether(&KIND, &[("n", &any(shape.name()))], truth);
    }
    for (template, word) in [
        (
            &KIND_AND_COLOR,
            (|each: &Object| each.color.name()) as fn(&Object) -> &'static str,
        ),
        (&SURFACED, |each| super::name::adjective(each.surface)),
    ] {
        let truth = writer.coin();
        // "plain" is so common that it would give the answer away.
        let telling = shapes.iter().filter(|each| word(each.0) != Surface::Plain.name());
        let present: Vec<(&str, Shape)> = telling.map(|each| (word(each.0), each.1)).collect();
        let crossed: Vec<(&str, Shape)> = present
            .iter()
            .flat_map(|one| present.iter().map(|other| (one.0, other.1)))
            .collect();
        if let Some((word, shape)) = claim(writer, &crossed, &present, truth) {
            let phrase = any(&format!("{word} {}", shape.name()));
            writer.ask_whether(template, &[("n", &phrase)], truth);
        }
    }
    let persons: Vec<&Person> = (scene.objects.iter())
        .filter_map(|each| {
            if let Kind::Person(person) = &each.kind {
                Some(person)
            } else {
                None
            }
        })
        .collect();
    let carried: Vec<&str> = (persons.iter())
        .flat_map(|each| [each.holds.map(Item::name), each.wears.map(Garment::name)])
        .flatten()
        .collect();
    let all: Vec<&str> = Item::ALL
        .iter()
        .map(|each| each.name())
        .chain(Garment::ALL.iter().map(|each| each.name()))
        .collect();
    let truth = writer.coin();
    if let Some(name) = claim(writer, &all, &carried, truth) {
        writer.ask_whether(&CARRIED, &[("n", &any(name))], truth);
    }
    let flags: Vec<Country> = (scene.objects.iter())
        .filter_map(|each| {
            if let Kind::Flag(country) = each.kind {
                Some(country)
            } else {
                None
            }
        })
        .collect();
    let truth = writer.coin();
    if let Some(country) = claim(writer, Country::ALL, &flags, truth) {
        writer.ask_whether(&FLAG, &[("n", country.name())], truth);
    }
    let signs: Vec<Pictogram> = (scene.objects.iter())
        .filter_map(|each| {
            if let Kind::Sign(pictogram) = each.kind {
                Some(pictogram)
            } else {
                None
            }
        })
        .collect();
    let truth = writer.coin();
    if let Some(pictogram) = claim(writer, Pictogram::ALL, &signs, truth) {
        writer.ask_whether(&SIGN, &[("n", &any(pictogram.name()))], truth);
    }
}
