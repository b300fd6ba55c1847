//! What is read off: clocks and boards.

use super::Family;
use super::name::Hidden;
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::Kind;
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
    train: &["which hour does {a} show?", "what hour is it on {a}?"],
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
    train: &["does {a} show {t}?", "is it {t} on {a}?"],
    held_out: &["is it true that {a} shows {t}?"],
};
const HALF: Template = Template {
    category: ClockReading,
    name: "past_half",
    train: &[
        "is it more than half past the hour on {a}?",
        "does {a} show more than half past the hour?",
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
    ],
    held_out: &["what does it say on {a}?"],
};
const TEXT_IS: Template = Template {
    category: SmallTextRecognition,
    name: "text_is",
    train: &["does {a} say {t}?", "is {t} written on {a}?"],
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
        let hours: Vec<u8> = (1..=12).collect();
        // One hand of a false time is right, so that both have to be read. The other minutes lie opposite:
        // easy worlds know no others, and their times would be known to be false.
        let claimed = match (truth, writer.coin()) {
            (true, _) => (hour, minute),
            (false, true) => (writer.other(&hours, hour), minute),
            (false, false) => (hour, (minute + 30) % 60),
        };
        writer.ask_whether(
            &TIME_IS,
            &[("a", &phrase), ("t", &time(claimed.0, claimed.1))],
            truth,
        );
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
        let claimed = if truth {
            Some(text.clone())
        } else {
            misread(writer, text)
        };
        if let Some(claimed) = claimed {
            writer.ask_whether(&TEXT_IS, &[("a", &phrase), ("t", &claimed)], truth);
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

/// Another text of the same kind: a number with one other digit, or another word.
fn misread(writer: &mut Writer, text: &str) -> Option<String> {
    if !is_number(text) {
        let others: Vec<&str> = WORDS.iter().copied().filter(|word| *word != text).collect();
        return writer.pick(&others).map(str::to_owned);
    }
    let places: Vec<usize> = (0..text.len()).collect();
    let place = writer.pick(&places)?;
    let first = u8::from(place == 0) + b'0';
    let digits: Vec<u8> = (first..=b'9')
        .filter(|digit| *digit != text.as_bytes()[place])
        .collect();
    let digit = writer.pick(&digits)?;
    Some(format!(
        "{}{}{}",
        &text[..place],
        char::from(digit),
        &text[place + 1..]
    ))
}
