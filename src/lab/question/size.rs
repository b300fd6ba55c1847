//! Sizes: comparisons of two things, and the extremes of the scene.

use super::Family;
use super::name::{Hidden, only_one};
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::{Kind, Object, Size};
use crate::row::Category::SizeComparison;

pub(super) const FAMILY: Family = Family {
    templates: &[
        &LARGER,
        &SMALLER,
        &WHICH_LARGER,
        &WHICH_SMALLER,
        &SAME_SIZE,
        &LARGEST,
        &SMALLEST,
        &SIZE_OF,
    ],
    write,
};

const LARGER: Template = Template {
    category: SizeComparison,
    name: "larger",
    train: &[
        "is {a} larger than {b}?",
        "is {a} bigger than {b}?",
        "is it true that {a} is larger than {b}?",
        "would you say that {a} is bigger than {b}?",
    ],
    held_out: &["would you say that {a} is larger than {b}?"],
};
const SMALLER: Template = Template {
    category: SizeComparison,
    name: "smaller",
    train: &[
        "is {a} smaller than {b}?",
        "would you say that {a} is smaller than {b}?",
    ],
    held_out: &["is it true that {a} is smaller than {b}?"],
};
const WHICH_LARGER: Template = Template {
    category: SizeComparison,
    name: "which_larger",
    train: &[
        "which is larger, {a} or {b}?",
        "which is bigger, {a} or {b}?",
        "which thing is larger, {a} or {b}?",
        "what is bigger, {a} or {b}?",
    ],
    held_out: &["what is larger, {a} or {b}?"],
};
const WHICH_SMALLER: Template = Template {
    category: SizeComparison,
    name: "which_smaller",
    train: &["which is smaller, {a} or {b}?", "what is smaller, {a} or {b}?"],
    held_out: &["which thing is smaller, {a} or {b}?"],
};
const SAME_SIZE: Template = Template {
    category: SizeComparison,
    name: "same_size",
    train: &[
        "are {a} and {b} the same size?",
        "is {a} the same size as {b}?",
        "would you say that {a} and {b} are the same size?",
    ],
    held_out: &["is it true that {a} and {b} are the same size?"],
};
const LARGEST: Template = Template {
    category: SizeComparison,
    name: "largest",
    train: &[
        "what is the largest shape?",
        "which shape is the largest?",
        "what is the biggest shape?",
    ],
    held_out: &["which is the largest shape?"],
};
const SMALLEST: Template = Template {
    category: SizeComparison,
    name: "smallest",
    train: &["what is the smallest shape?", "which is the smallest shape?"],
    held_out: &["which shape is the smallest?"],
};
const SIZE_OF: Template = Template {
    category: SizeComparison,
    name: "size_of",
    train: &[
        "what size is {a}?",
        "what is the size of {a}?",
        "what size does {a} have?",
        "{a} has what size?",
    ],
    held_out: &["which size is {a}?", "which size does {a} have?"],
};

fn is_shape(object: &Object) -> bool {
    matches!(object.kind, Kind::Shape(_))
}

fn write(writer: &mut Writer) {
    let scene = writer.scene;
    let size = |index: usize| scene.objects[index].size;
    let named = writer.named(Hidden::Size, is_shape);

    for (template, larger) in [(&LARGER, true), (&SMALLER, false)] {
        let Some([first, second]) = writer.pair(&named) else {
            continue;
        };
        // Either order is equally likely, so yes is as likely as no.
        if size(first.0) != size(second.0) {
            let truth = (size(first.0) > size(second.0)) == larger;
            writer.ask_whether(template, &[("a", &first.1), ("b", &second.1)], truth);
        }
    }
    for (template, larger) in [(&WHICH_LARGER, true), (&WHICH_SMALLER, false)] {
        let Some([first, second]) = writer.pair(&named) else {
            continue;
        };
        let nouns = [&first, &second].map(|each| scene.objects[each.0].kind.noun());
        if size(first.0) != size(second.0) && nouns[0] != nouns[1] {
            let answer = if (size(first.0) > size(second.0)) == larger {
                nouns[0]
            } else {
                nouns[1]
            };
            writer.ask_choice(template, &[("a", &first.1), ("b", &second.1)], answer, &nouns);
        }
    }
    let truth = writer.coin();
    let pairs = named
        .iter()
        .enumerate()
        .flat_map(|(at, one)| named[at + 1..].iter().map(move |other| (one, other)));
    let (same, different): (Vec<_>, Vec<_>) = pairs.partition(|(one, other)| size(one.0) == size(other.0));
    if let (Some(alike), Some(unlike)) = (writer.pick(&same), writer.pick(&different)) {
        let (one, other) = if truth { alike } else { unlike };
        writer.ask_whether(&SAME_SIZE, &[("a", &one.1), ("b", &other.1)], truth);
    }
    let shapes: Vec<&Object> = scene.objects.iter().filter(|each| is_shape(each)).collect();
    if shapes.len() >= 2 {
        for (template, extreme) in [
            (&LARGEST, shapes.iter().map(|each| each.size).max()),
            (&SMALLEST, shapes.iter().map(|each| each.size).min()),
        ] {
            let mut at = shapes.iter().filter(|each| Some(each.size) == extreme);
            if let (Some(object), None) = (at.next(), at.next()) {
                writer.ask(template, &[], object.kind.noun());
            }
        }
    }
    let alone = |object: &Object| is_shape(object) && only_one(scene, object);
    if let Some((index, phrase)) = writer.one_named(Hidden::Size, alone) {
        let size: Size = size(index);
        writer.ask(&SIZE_OF, &[("a", &phrase)], size.name());
    }
}
