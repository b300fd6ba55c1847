//! The sky and the light.

use super::Family;
use super::template::Template;
use super::writer::Writer;
use crate::lab::scene::Weather;
use crate::row::Category::Atmosphere;

pub(super) const FAMILY: Family = Family {
    templates: &[&WEATHER, &WEATHER_IS, &DAY_OR_NIGHT],
    write,
};

const WEATHER: Template = Template {
    category: Atmosphere,
    name: "weather",
    train: &[
        "what is the weather?",
        "what is the weather like?",
        "what is the weather here?",
        "how is the weather?",
        "how does the weather look?",
    ],
    held_out: &["what does the weather look like?"],
};
const WEATHER_IS: Template = Template {
    category: Atmosphere,
    name: "weather_is",
    train: &["is it {w}?", "is the weather {w}?"],
    held_out: &["does it look {w}?", "would you say that it is {w}?"],
};
const DAY_OR_NIGHT: Template = Template {
    category: Atmosphere,
    name: "day_or_night",
    train: &[
        "is it day or night?",
        "would you say that it is day or night?",
        "which is it, day or night?",
    ],
    held_out: &["what is it, day or night?"],
};

fn write(writer: &mut Writer) {
    let weather = writer.scene.weather;
    let night = weather == Weather::Night;
    if !night {
        writer.ask(&WEATHER, &[], weather.name());
        let truth = writer.coin();
        let claimed = writer.claim(&Weather::ALL[..4], weather, truth);
        writer.ask_whether(&WEATHER_IS, &[("w", claimed.name())], truth);
    }
    // One scene in five is at night: a fourth of the days is asked about, so that both are as likely.
    let others = Weather::ALL.len() as u32 - 1;
    if night || writer.one_in(others) {
        writer.ask_choice(
            &DAY_OR_NIGHT,
            &[],
            if night { "night" } else { "day" },
            &["day", "night"],
        );
    }
}
