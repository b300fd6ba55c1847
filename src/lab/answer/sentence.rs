//! Sentences: questions, requests ("count the stars") and statements to be confirmed.

mod meaning;

use super::Unanswerable;
use super::grammar::{Parser, Readings, Rule};
use super::query::{Attribute, Noun, Query};
use super::token::Token;
use meaning::{
    above_or_below, ask, attribute, count, count_is, count_that, either, fewer, flipped, identify,
    identify_such, identify_that, is, left_or_right, more, rule, same, says, side, text_kind, the,
};

/// What may follow "is it true that" and, turned around, stand as a question.
#[rustfmt::skip] // one rule a line
const STATEMENTS: &[Rule<Query>] = &[
    ("NP is PRED", is),
    ("NP PRED", is),
    ("NP and NP is|have the same ATTRIBUTE", same),
    ("NP is PRED or PRED", either),
    ("NP is left or right of NP", left_or_right),
    ("NP is above or below NP", above_or_below),
    ("there is NP", |parts| Query::Exists(parts.phrase())),
    ("it is WEATHER", |parts| Query::WeatherIs(parts.weather())),
    ("the weather is WEATHER", |parts| Query::WeatherIs(parts.weather())),
    ("it is day or night", |_| Query::DayOrNight),
    ("it is day", |_| Query::IsDay),
    ("it is WORD on NP", says),
    ("WORD is written on NP", says),
    ("it is more than half past the hour on NP", |parts| Query::PastHalf(parts.phrase())),
    ("NP saying more than half past the hour", |parts| Query::PastHalf(parts.phrase())),
];

#[rustfmt::skip] // one rule a line
const QUESTIONS: &[Rule<Query>] = &[
    // yes or no
    ("is there NP here?", |parts| Query::Exists(parts.phrase())),
    ("is this|it NP", |parts| Query::Exists(parts.phrase())),
    ("does|can you see NP here?", |parts| Query::Exists(parts.phrase())),
    ("does the|this image saying|have|contain NP", |parts| Query::Exists(parts.phrase())),
    ("is there exactly? NUMBER NP here?", count_is),
    ("does|can you see exactly? NUMBER NP here?", count_is),
    ("is there more NP than NP here?", more),
    ("is there fewer|less NP than NP here?", fewer),
    ("is NP PRED", is),
    ("is the color|surface|size of NP PRED", is),
    ("does NP PRED", is),
    ("is|does NP and NP have? the same ATTRIBUTE", same),
    ("is NP more than half past the hour", |parts| Query::PastHalf(parts.phrase())),
    ("does NP saying more than half past the hour", |parts| Query::PastHalf(parts.phrase())),
    ("is it more than half past the hour on NP", |parts| Query::PastHalf(parts.phrase())),
    ("is it WORD on NP", says),
    ("is WORD written on NP", says),
    ("is it WEATHER here?", |parts| Query::WeatherIs(parts.weather())),
    ("is the weather WEATHER here?", |parts| Query::WeatherIs(parts.weather())),
    ("does it look WEATHER here?", |parts| Query::WeatherIs(parts.weather())),
    ("is it day here?", |_| Query::IsDay),
    // this or that
    ("is NP PRED or PRED", either),
    ("does NP PRED or PRED", either),
    ("is NP left or right of NP", left_or_right),
    ("is NP to|on the left or to|on? the? right of NP", left_or_right),
    ("is NP above or below NP", above_or_below),
    ("NP is above or below NP", above_or_below),
    ("is NP on|in the left or on? the? right side|half? of? the? image? here?", side),
    ("is it day or night here?", |_| Query::DayOrNight),
    ("what|which is it day or night", |_| Query::DayOrNight),
    ("what|which thing? is larger NP or NP", |parts| Query::Larger([parts.phrase(), parts.phrase()])),
    ("what|which thing? is smaller NP or NP", |parts| Query::Smaller([parts.phrase(), parts.phrase()])),
    ("is there a number or a word on NP", text_kind),
    ("does you see a number or a word on NP", text_kind),
    ("is a number or a word written on NP", text_kind),
    // how many
    ("how many NP is there here?", count),
    ("how many NP is PRED", count_that),
    ("how many NP PRED", count_that),
    ("how many NP does|can you see here?", count),
    ("count NP", count),
    ("what is the number of NP", count),
    // attributes
    ("what|which ATTRIBUTE is|has NP", attribute),
    ("what is the ATTRIBUTE of NP", attribute),
    ("what|which ATTRIBUTE does NP have", attribute),
    ("what does the ATTRIBUTE of NP look like", attribute),
    ("what is NP 's ATTRIBUTE", flipped),
    ("NP is|has|have what|which ATTRIBUTE", flipped),
    ("what is NP made|built of|from", |parts| ask(Attribute::Surface, parts)),
    ("how large|small is NP", |parts| ask(Attribute::Size, parts)),
    ("what|which side of the image is NP on", side),
    ("on|in what|which side|half of the image is NP", side),
    // what and which
    ("what|which|who is NP here?", identify),
    ("what|which|who is PRED", identify_that),
    ("what|which NP is PRED", identify_such),
    ("what|which NP PRED", identify_such),
    // people
    ("what is|does NP doing|does", |parts| ask(Attribute::Action, parts)),
    ("what does you see NP doing", |parts| ask(Attribute::Action, parts)),
    ("what does NP feeling", |parts| ask(Attribute::Emotion, parts)),
    ("how does|is NP feeling|look", |parts| ask(Attribute::Emotion, parts)),
    ("what|which emotion|feeling does NP saying|have", |parts| ask(Attribute::Emotion, parts)),
    ("what|which thing? is|does NP holding", |parts| ask(Attribute::Holds, parts)),
    ("what|which thing? is|does NP wearing", |parts| ask(Attribute::Wears, parts)),
    ("what|which thing? is|does NP touching", |parts| ask(Attribute::Touches, parts)),
    // clocks, boards, signs, flags
    ("what|which hour does NP saying", |parts| ask(Attribute::Hour, parts)),
    ("what|which hour is it on NP", |parts| ask(Attribute::Hour, parts)),
    ("how many minutes past the hour does NP saying", |parts| ask(Attribute::Minutes, parts)),
    ("how many minutes past the hour is it on NP", |parts| ask(Attribute::Minutes, parts)),
    ("NP saying how many minutes past the hour", |parts| ask(Attribute::Minutes, parts)),
    ("what|which time does NP saying", |parts| ask(Attribute::Time, parts)),
    ("what|which time is it on NP", |parts| ask(Attribute::Time, parts)),
    ("NP saying what|which time", |parts| ask(Attribute::Time, parts)),
    ("what|which time is it", |_| Query::Attribute(Attribute::Time, the(Noun::Clock))),
    ("what is|does NP saying|meaning|tell you?", |parts| ask(Attribute::Message, parts)),
    ("what is the meaning of NP", |parts| ask(Attribute::Message, parts)),
    ("what is written on NP", |parts| ask(Attribute::Message, parts)),
    ("what does you saying on NP", |parts| ask(Attribute::Message, parts)),
    ("what does it saying on NP", |parts| ask(Attribute::Message, parts)),
    ("what|which word|number is on NP", |parts| ask(Attribute::Message, parts)),
    ("what|which country does NP belong to", |parts| ask(Attribute::Country, parts)),
    ("what|which country is NP of|from", |parts| ask(Attribute::Country, parts)),
    ("what|which country 's flag is NP", |parts| ask(Attribute::Country, parts)),
    ("what|which country 's flag is this|saying|shown|here", |_| Query::Attribute(Attribute::Country, the(Noun::Flag))),
    // the whole
    ("what|how is the weather like? here?", |_| Query::Weather),
    ("what|how does the weather look like? here?", |_| Query::Weather),
    ("what|which time of day is it", |_| Query::DayOrNight),
];

/// What signs demand, allow or forbid.
#[rustfmt::skip] // one rule a line
const RULES: &[Rule<Query>] = &[
    ("must|should you stop", |_| rule("stop", true)),
    ("may|can you enter", |_| rule("no entry", false)),
    ("must|should you give way", |_| rule("yield", true)),
    ("must|should you yield", |_| rule("yield", true)),
    ("may|can you park", |_| rule("parking", true)),
    ("must|should you turn left", |_| rule("turn left", true)),
    ("must|should you turn right", |_| rule("turn right", true)),
    ("must|should you be careful", |_| rule("danger", true)),
    ("may|can you get help", |_| rule("first aid", true)),
];

/// All complete readings of a sentence.
pub(super) fn readings(tokens: &[Token]) -> Result<Vec<Query>, Unanswerable> {
    let parser = Parser::new(tokens);
    let mut readings = parser.apply(QUESTIONS, 0);
    for opening in [
        "is it true that",
        "would|do you say|saying that",
        "does you see that",
        "is it the case that",
    ] {
        for end in parser.skip(opening, 0) {
            readings.extend(parser.apply(STATEMENTS, end));
        }
    }
    for end in parser.skip("does|you you? see", 0).into_iter().chain([0]) {
        readings.extend(demands(&parser, end));
    }
    let complete: Vec<Query> = readings
        .into_iter()
        .filter(|(_, end)| *end == tokens.len())
        .map(|(query, _)| query)
        .collect();
    if complete.is_empty() {
        return Err(Unanswerable::Nonsense(match parser.stumbled_at() {
            Some(word) => format!("no question about a scene goes on with \"{word}\" here"),
            None => "the question ends too early".to_owned(),
        }));
    }
    Ok(complete)
}

/// "must you stop", "must you stop here", and after "you see" "the sign: must you stop".
fn demands(parser: &Parser, start: usize) -> Readings<Query> {
    let mut readings = parser.apply(RULES, start);
    for (phrase, end) in parser.phrases(start).iter() {
        for (query, end) in parser.apply(RULES, *end) {
            if let Query::Rule { says, positive, .. } = query {
                readings.push((
                    Query::Rule {
                        sign: phrase.clone(),
                        says,
                        positive,
                    },
                    end,
                ));
            }
        }
    }
    for (_, end) in &mut readings {
        *end += usize::from(parser.is(*end, &["here"]));
    }
    readings
}

#[cfg(test)]
mod tests {
    #[test]
    fn rules_take_what_their_patterns_give() {
        super::super::grammar::tests::check(super::STATEMENTS);
        super::super::grammar::tests::check(super::QUESTIONS);
        super::super::grammar::tests::check(super::RULES);
    }
}
