//! What is read off: clocks and boards.

use super::Family;
use super::name::Hidden;
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::{Kind, Object};
use crate::row::Category::{ClockReading, SmallTextRecognition};

pub(super) const FAMILY: Family = Family {
    templates: &[
        &HOUR,
        &MINUTES,
        &TIME,
        &TIME_IS,
        &HALF,
        &TEXT,
        &TEXT_IS,
        &NUMBER_OR_WORD,
    ],
    write,
};

const HOUR: Template = Template {
    category: ClockReading,
    name: "hour",
    train: &[
        "which hour does {a} show?",
        "what hour is it on {a}?",
        "which hour is it on {a}?",
    ],
    held_out: &["what hour does {a} show?"],
};
const MINUTES: Template = Template {
    category: ClockReading,
    name: "minutes",
    train: &[
        "how many minutes past the hour does {a} show?",
        "how many minutes past the hour is it on {a}?",
    ],
    held_out: &["{a} shows how many minutes past the hour?"],
};
const TIME: Template = Template {
    category: ClockReading,
    name: "time",
    train: &[
        "what time does {a} show?",
        "what time is it on {a}?",
        "{a} shows what time?",
    ],
    held_out: &["which time does {a} show?"],
};
const TIME_IS: Template = Template {
    category: ClockReading,
    name: "time_is",
    train: &[
        "does {a} show {t}?",
        "is it {t} on {a}?",
        "would you say that {a} shows {t}?",
    ],
    held_out: &["is it true that {a} shows {t}?"],
};
const HALF: Template = Template {
    category: ClockReading,
    name: "past_half",
    train: &[
        "is it more than half past the hour on {a}?",
        "does {a} show more than half past the hour?",
        "is it true that it is more than half past the hour on {a}?",
    ],
    held_out: &["would you say that it is more than half past the hour on {a}?"],
};
const TEXT: Template = Template {
    category: SmallTextRecognition,
    name: "text",
    train: &[
        "what does {a} say?",
        "what is written on {a}?",
        "what do you read on {a}?",
        "what does it read on {a}?",
    ],
    held_out: &["what does it say on {a}?"],
};
const TEXT_IS: Template = Template {
    category: SmallTextRecognition,
    name: "text_is",
    train: &[
        "does {a} say {t}?",
        "is {t} written on {a}?",
        "is it true that {t} is written on {a}?",
    ],
    held_out: &["would you say that {t} is written on {a}?"],
};
const NUMBER_OR_WORD: Template = Template {
    category: SmallTextRecognition,
    name: "number_or_word",
    train: &[
        "is there a number or a word on {a}?",
        "do you see a number or a word on {a}?",
    ],
    held_out: &["is a number or a word written on {a}?"],
};

/// What else could stand on a board: the words of the generator.
use crate::lab::generate::WORDS;

fn write(writer: &mut Writer) {
    let scene = writer.scene;
    if let Some((index, phrase)) =
        writer.one_named(Hidden::Nothing, |each| matches!(each.kind, Kind::Clock { .. }))
        && let Kind::Clock { hour, minute } = scene.objects[index].kind
    {
        writer.ask(&HOUR, &[("a", &phrase)], &hour.to_string());
        writer.ask(&MINUTES, &[("a", &phrase)], &minute.to_string());
        writer.ask(&TIME, &[("a", &phrase)], &time(hour, minute));
        let truth = writer.coin();
        if let Some(false_time) = misread_clock(writer, &scene.objects[index], hour, minute) {
            let claimed = if truth { time(hour, minute) } else { false_time };
            writer.ask_whether(&TIME_IS, &[("a", &phrase), ("t", &claimed)], truth);
        }
        if minute != 0 && minute != 30 {
            writer.ask_whether(&HALF, &[("a", &phrase)], minute > 30);
        }
    }
    if let Some((index, phrase)) =
        writer.one_named(Hidden::Nothing, |each| matches!(each.kind, Kind::Board(_)))
        && let Kind::Board(text) = &scene.objects[index].kind
    {
        writer.ask(&TEXT, &[("a", &phrase)], text);
        let truth = writer.coin();
        if let Some(false_text) = misread_board(writer, &scene.objects[index], text) {
            let claimed = if truth { text } else { &false_text };
            writer.ask_whether(&TEXT_IS, &[("a", &phrase), ("t", claimed)], truth);
        }
        let answer = if is_number(text) { "number" } else { "word" };
        writer.ask_choice(&NUMBER_OR_WORD, &[("a", &phrase)], answer, &["number", "word"]);
    }
}

fn time(hour: u8, minute: u8) -> String {
    format!("{hour}:{minute:02}")
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Another time of which one hand is right, so that both have to be read.
fn misread_clock(writer: &mut Writer, clock: &Object, hour: u8, minute: u8) -> Option<String> {
    // The other minutes lie opposite: easy worlds have no others, and the rest would be known to be false.
    let other_minutes = vec![(hour, (minute + 30) % 60)];
    let other_hours: Vec<(u8, u8)> = (1..=12)
        .filter(|other| *other != hour)
        .map(|hour| (hour, minute))
        .collect();
    let mut times = if writer.coin() { other_hours } else { other_minutes };
    times.retain(|&(hour, minute)| writer.can_be(clock, Kind::Clock { hour, minute }));
    writer.pick(&times).map(|(hour, minute)| time(hour, minute))
}

/// Another text of the same kind: a number with one other digit, or another word.
fn misread_board(writer: &mut Writer, board: &Object, text: &str) -> Option<String> {
    let differences = |other: &str| {
        text.bytes()
            .zip(other.bytes())
            .filter(|(one, other)| one != other)
            .count()
    };
    let mut texts: Vec<String> = if is_number(text) {
        let numbers = (10..100).map(|number: u32| number.to_string());
        numbers
            .filter(|other| other.len() == text.len() && differences(other) == 1)
            .collect()
    } else {
        WORDS
            .iter()
            .filter(|&&word| word != text)
            .map(|&word| word.to_owned())
            .collect()
    };
    texts.retain(|other| writer.can_be(board, Kind::Board(other.clone())));
    let order: Vec<&str> = texts.iter().map(String::as_str).collect();
    writer.pick(&order).map(str::to_owned)
}
