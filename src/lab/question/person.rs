//! People: what they do, how they feel, and what they hold, wear and touch.

use super::Family;
use super::name::{Hidden, any};
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::{Action, Emotion, Garment, Item, Kind, Person};
use crate::row::Category::{ActionRecognition, Atmosphere, ObjectRelationship};

pub(super) const ACTION: Family = Family {
    templates: &[&ACTION_OF, &ACTION_IS, &ANYONE],
    write: action,
};
pub(super) const FEELING: Family = Family {
    templates: &[&FEELING_OF, &FEELING_IS],
    write: feeling,
};
pub(super) const RELATION: Family = Family {
    templates: &[
        &HOLDS,
        &WEARS,
        &TOUCHES,
        &HOLDS_IS,
        &WEARS_IS,
        &TOUCHES_IS,
        &WHOSE,
    ],
    write: relation,
};

const ACTION_OF: Template = Template {
    category: ActionRecognition,
    name: "action_of",
    train: &["what is {a} doing?", "what does {a} do?"],
    held_out: &["what do you see {a} doing?"],
};
const ACTION_IS: Template = Template {
    category: ActionRecognition,
    name: "action_is",
    train: &[
        "is {a} {v}?",
        "do you see {a} {v}?",
        "would you say that {a} is {v}?",
    ],
    held_out: &["is it true that {a} is {v}?"],
};
const ANYONE: Template = Template {
    category: ActionRecognition,
    name: "anyone_acts",
    train: &["is anyone {v}?", "is someone {v}?", "do you see someone {v}?"],
    held_out: &["do you see anyone {v}?"],
};
const FEELING_OF: Template = Template {
    category: Atmosphere,
    name: "feeling_of",
    train: &[
        "how does {a} feel?",
        "how does {a} look?",
        "what does {a} feel?",
        "what feeling does {a} have?",
    ],
    held_out: &["which feeling does {a} have?"],
};
const FEELING_IS: Template = Template {
    category: Atmosphere,
    name: "feeling_is",
    train: &[
        "is {a} {f}?",
        "does {a} look {f}?",
        "does {a} feel {f}?",
        "is it true that {a} is {f}?",
    ],
    held_out: &["would you say that {a} is {f}?"],
};
const HOLDS: Template = Template {
    category: ObjectRelationship,
    name: "holds",
    train: &[
        "what is {a} holding?",
        "what does {a} hold?",
        "what thing is {a} holding?",
        "which thing does {a} hold?",
    ],
    held_out: &["which thing is {a} holding?"],
};
const WEARS: Template = Template {
    category: ObjectRelationship,
    name: "wears",
    train: &[
        "what is {a} wearing?",
        "which thing is {a} wearing?",
        "what thing is {a} wearing?",
        "which thing does {a} wear?",
    ],
    held_out: &["what does {a} wear?"],
};
const TOUCHES: Template = Template {
    category: ObjectRelationship,
    name: "touches",
    train: &[
        "what is {a} touching?",
        "what does {a} touch?",
        "what thing is {a} touching?",
        "which thing does {a} touch?",
    ],
    held_out: &["which thing is {a} touching?"],
};
const HOLDS_IS: Template = Template {
    category: ObjectRelationship,
    name: "holds_is",
    train: &[
        "is {a} holding {b}?",
        "does {a} hold {b}?",
        "is it true that {a} is holding {b}?",
    ],
    held_out: &["do you see {a} holding {b}?"],
};
const WEARS_IS: Template = Template {
    category: ObjectRelationship,
    name: "wears_is",
    train: &[
        "is {a} wearing {b}?",
        "does {a} wear {b}?",
        "do you see {a} wearing {b}?",
        "would you say that {a} is wearing {b}?",
    ],
    held_out: &["is it true that {a} is wearing {b}?"],
};
const TOUCHES_IS: Template = Template {
    category: ObjectRelationship,
    name: "touches_is",
    train: &[
        "is {a} touching {b}?",
        "would you say that {a} is touching {b}?",
        "is it true that {a} is touching {b}?",
    ],
    held_out: &["does {a} touch {b}?"],
};
const WHOSE: Template = Template {
    category: ObjectRelationship,
    name: "whose_shirt",
    train: &[
        "what color is the shirt of the person {v}?",
        "what is the color of the shirt of the person {v}?",
    ],
    held_out: &["which color is the shirt of the person {v}?"],
};

fn action(writer: &mut Writer) {
    if let Some((person, phrase)) = writer.one_person() {
        writer.ask(&ACTION_OF, &[("a", &phrase)], person.action.name());
        let truth = writer.coin();
        let claimed = writer.claim(Action::ALL, person.action, truth);
        writer.ask_whether(&ACTION_IS, &[("a", &phrase), ("v", claimed.name())], truth);
    }
    let people = people(writer);
    let truth = writer.coin();
    let fitting: Vec<Action> = (Action::ALL.iter().copied())
        .filter(|action| people.iter().any(|each| each.1.action == *action) == truth)
        .collect();
    if let (false, Some(action)) = (people.is_empty(), writer.pick(&fitting)) {
        writer.ask_whether(&ANYONE, &[("v", action.name())], truth);
    }
}

fn feeling(writer: &mut Writer) {
    if let Some((person, phrase)) = writer.one_person() {
        writer.ask(&FEELING_OF, &[("a", &phrase)], person.emotion.name());
        let truth = writer.coin();
        let claimed = writer.claim(Emotion::ALL, person.emotion, truth);
        writer.ask_whether(&FEELING_IS, &[("a", &phrase), ("f", claimed.name())], truth);
    }
}

fn relation(writer: &mut Writer) {
    let scene = writer.scene;
    if let Some((person, phrase)) = writer.one_person() {
        let mut ask = |template, answer: Option<&str>| {
            // Empty hands are common; a third of them is enough to keep "nothing" from being the best guess.
            if answer.is_some() || writer.one_in(3) {
                writer.ask(template, &[("a", &phrase)], answer.unwrap_or("nothing"));
            }
        };
        ask(&HOLDS, person.holds.map(Item::name));
        ask(&WEARS, person.wears.map(Garment::name));
        ask(
            &TOUCHES,
            person.touches.map(|index| scene.objects[index].kind.noun()),
        );
        if let Some(item) = person.holds {
            let truth = writer.coin();
            let claimed = any(writer.claim(Item::ALL, item, truth).name());
            writer.ask_whether(&HOLDS_IS, &[("a", &phrase), ("b", &claimed)], truth);
        }
        if let Some(garment) = person.wears {
            let truth = writer.coin();
            let claimed = any(writer.claim(Garment::ALL, garment, truth).name());
            writer.ask_whether(&WEARS_IS, &[("a", &phrase), ("b", &claimed)], truth);
        }
        if let Some(touched) = person.touches {
            let truth = writer.coin();
            let others = writer.named(Hidden::Nothing, |each| matches!(each.kind, Kind::Shape(_)));
            let find = |wanted: bool| others.iter().find(|each| (each.0 == touched) == wanted);
            if let (Some(right), Some(wrong)) = (find(true), find(false)) {
                let other = if truth { &right.1 } else { &wrong.1 };
                writer.ask_whether(&TOUCHES_IS, &[("a", &phrase), ("b", other)], truth);
            }
        }
    }
    let people = people(writer);
    let mut found = vec![];
    for (color, person) in &people {
        if let Some(item) = person
            .holds
            .filter(|&item| people.iter().filter(|each| each.1.holds == Some(item)).count() == 1)
        {
            found.push((*color, format!("holding {}", any(item.name()))));
        }
        if let Some(garment) = person
            .wears
            .filter(|&worn| people.iter().filter(|each| each.1.wears == Some(worn)).count() == 1)
        {
            found.push((*color, format!("wearing {}", any(garment.name()))));
        }
    }
    let order: Vec<usize> = (0..found.len()).collect();
    if let Some((color, verb)) = writer.pick(&order).map(|at| &found[at]) {
        writer.ask(&WHOSE, &[("v", verb)], color);
    }
}

/// The shirts' colours and the people in them.
fn people<'a>(writer: &Writer<'a>) -> Vec<(&'static str, &'a Person)> {
    (writer.scene.objects.iter())
        .filter_map(|each| {
            if let Kind::Person(person) = &each.kind {
                Some((each.color.name(), person))
            } else {
                None
            }
        })
        .collect()
}
