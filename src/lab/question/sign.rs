//! What has a fixed meaning: signs and flags.

use super::Family;
use super::name::{Hidden, any, only_one};
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::{Country, Kind, Pictogram};
use crate::row::Category::{SignUnderstanding, WorldKnowledge};

pub(super) const FAMILY: Family = Family {
    templates: &[&MEANING, &MEANING_IS, &RULE, &COUNTRY, &COUNTRY_IS],
    write,
};

const MEANING: Template = Template {
    category: SignUnderstanding,
    name: "sign_meaning",
    train: &[
        "what does {a} mean?",
        "what does {a} tell you?",
        "what does {a} say?",
        "what does {a} show?",
    ],
    held_out: &["what does {a} read?"],
};
const MEANING_IS: Template = Template {
    category: SignUnderstanding,
    name: "sign_is",
    train: &["is {a} {p} sign?", "would you say that {a} is {p} sign?"],
    held_out: &["is it true that {a} is {p} sign?"],
};
const RULE: Template = Template {
    category: SignUnderstanding,
    name: "sign_rule",
    train: &["{q}?", "you see {a}: {q}?"],
    held_out: &["{q} here?"],
};
const COUNTRY: Template = Template {
    category: WorldKnowledge,
    name: "country",
    train: &[
        "which country does {a} belong to?",
        "which country's flag is {a}?",
        "what country is {a} of?",
    ],
    held_out: &["what country does {a} belong to?"],
};
const COUNTRY_IS: Template = Template {
    category: WorldKnowledge,
    name: "country_is",
    train: &[
        "is {a} the flag of {c}?",
        "does {a} belong to {c}?",
        "would you say that {a} is the flag of {c}?",
    ],
    held_out: &["is it true that {a} is the flag of {c}?"],
};

/// The rule that a sign is about, as a question, and whether the sign makes its answer yes.
const fn rule(pictogram: Pictogram) -> (&'static str, bool) {
    match pictogram {
        Pictogram::Stop => ("must you stop", true),
        Pictogram::NoEntry => ("may you enter", false),
        Pictogram::Yield => ("must you give way", true),
        Pictogram::Parking => ("may you park", true),
        Pictogram::TurnLeft => ("must you turn left", true),
        Pictogram::TurnRight => ("must you turn right", true),
        Pictogram::Danger => ("must you be careful", true),
        Pictogram::FirstAid => ("can you get help", true),
    }
}

fn write(writer: &mut Writer) {
    let scene = writer.scene;
    let sign = writer.one_named(Hidden::Nothing, |each| matches!(each.kind, Kind::Sign(_)));
    if let Some((index, phrase)) = sign
        && let Kind::Sign(pictogram) = scene.objects[index].kind
    {
        writer.ask(&MEANING, &[("a", &phrase)], pictogram.name());
        let truth = writer.coin();
        let claimed = writer.claim(Pictogram::ALL, pictogram, truth);
        writer.ask_whether(&MEANING_IS, &[("a", &phrase), ("p", &any(claimed.name()))], truth);
        if only_one(scene, &scene.objects[index]) {
            let matching = writer.coin();
            let (question, positive) = rule(writer.claim(Pictogram::ALL, pictogram, matching));
            writer.ask_whether(&RULE, &[("a", &phrase), ("q", question)], matching == positive);
        }
    }
    let flag = writer.one_named(Hidden::Nothing, |each| matches!(each.kind, Kind::Flag(_)));
    if let Some((index, phrase)) = flag
        && let Kind::Flag(country) = scene.objects[index].kind
    {
        writer.ask(&COUNTRY, &[("a", &phrase)], country.name());
        let truth = writer.coin();
        let claimed = writer.claim(Country::ALL, country, truth);
        writer.ask_whether(&COUNTRY_IS, &[("a", &phrase), ("c", claimed.name())], truth);
    }
}
