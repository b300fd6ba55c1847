//! Sentences: questions, requests ("count the stars") and statements to be confirmed.

use super::Unanswerable;
use super::grammar::{Parser, Parts, Readings, Rule};
use super::query::{Attribute, Determiner, Noun, Phrase, Predicate, Query};
use super::token::Token;

/// What may follow "is it true that" and, turned around, stand as a question.
const STATEMENTS: &[Rule<Query>] = &[
    Rule { pattern: "NP is PRED", build: is },
    Rule { pattern: "NP PRED", build: is },
    Rule { pattern: "NP and NP is|have the same ATTRIBUTE", build: same },
    Rule { pattern: "NP is PRED or PRED", build: either },
    Rule { pattern: "NP is left or right of NP", build: left_or_right },
    Rule { pattern: "there is NP", build: |parts| Query::Exists(parts.phrase()) },
    Rule { pattern: "it is WEATHER", build: |parts| Query::WeatherIs(parts.weather()) },
    Rule { pattern: "the weather is WEATHER", build: |parts| Query::WeatherIs(parts.weather()) },
    Rule { pattern: "it is day or night", build: |_| Query::DayOrNight },
    Rule { pattern: "it is day", build: |_| Query::IsDay },
    Rule { pattern: "it is WORD on NP", build: says },
    Rule { pattern: "WORD is written on NP", build: says },
    Rule { pattern: "it is more than half past the hour on NP", build: |parts| Query::PastHalf(parts.phrase()) },
    Rule { pattern: "NP saying more than half past the hour", build: |parts| Query::PastHalf(parts.phrase()) },
];

const QUESTIONS: &[Rule<Query>] = &[
    // yes or no
    Rule { pattern: "is there NP here?", build: |parts| Query::Exists(parts.phrase()) },
    Rule { pattern: "does|can you see NP here?", build: |parts| Query::Exists(parts.phrase()) },
    Rule { pattern: "does the|this image saying|have|contain NP", build: |parts| Query::Exists(parts.phrase()) },
    Rule { pattern: "is there exactly? NUMBER NP here?", build: count_is },
    Rule { pattern: "does|can you see exactly? NUMBER NP here?", build: count_is },
    Rule { pattern: "is there more NP than NP here?", build: more },
    Rule { pattern: "is there fewer|less NP than NP here?", build: fewer },
    Rule { pattern: "is NP PRED", build: is },
    Rule { pattern: "does NP PRED", build: is },
    Rule { pattern: "is|does NP and NP have? the same ATTRIBUTE", build: same },
    Rule { pattern: "is NP more than half past the hour", build: |parts| Query::PastHalf(parts.phrase()) },
    Rule { pattern: "does NP saying more than half past the hour", build: |parts| Query::PastHalf(parts.phrase()) },
    Rule { pattern: "is it more than half past the hour on NP", build: |parts| Query::PastHalf(parts.phrase()) },
    Rule { pattern: "is it WORD on NP", build: says },
    Rule { pattern: "is WORD written on NP", build: says },
    Rule { pattern: "is it WEATHER here?", build: |parts| Query::WeatherIs(parts.weather()) },
    Rule { pattern: "is the weather WEATHER here?", build: |parts| Query::WeatherIs(parts.weather()) },
    Rule { pattern: "does it look WEATHER here?", build: |parts| Query::WeatherIs(parts.weather()) },
    Rule { pattern: "is it day here?", build: |_| Query::IsDay },
    // this or that
    Rule { pattern: "is NP PRED or PRED", build: either },
    Rule { pattern: "does NP PRED or PRED", build: either },
    Rule { pattern: "is NP left or right of NP", build: left_or_right },
    Rule { pattern: "is NP to|on the left or right of NP", build: left_or_right },
    Rule { pattern: "is NP above or below NP", build: above_or_below },
    Rule { pattern: "NP is above or below NP", build: above_or_below },
    Rule { pattern: "is NP on|in the left or on? the? right side|half? of? the? image? here?", build: side },
    Rule { pattern: "is it day or night here?", build: |_| Query::DayOrNight },
    Rule { pattern: "what|which is it day or night", build: |_| Query::DayOrNight },
    Rule { pattern: "what|which thing? is larger NP or NP", build: |parts| Query::Larger([parts.phrase(), parts.phrase()]) },
    Rule { pattern: "what|which thing? is smaller NP or NP", build: |parts| Query::Smaller([parts.phrase(), parts.phrase()]) },
    Rule { pattern: "is there a number or a word on NP", build: text_kind },
    Rule { pattern: "does you see a number or a word on NP", build: text_kind },
    Rule { pattern: "is a number or a word written on NP", build: text_kind },
    // how many
    Rule { pattern: "how many NP is there here?", build: count },
    Rule { pattern: "how many NP is PRED", build: count_that },
    Rule { pattern: "how many NP PRED", build: count_that },
    Rule { pattern: "how many NP does|can you see here?", build: count },
    Rule { pattern: "count NP", build: count },
    Rule { pattern: "what is the number of NP", build: count },
    // attributes
    Rule { pattern: "what|which ATTRIBUTE is|has NP", build: attribute },
    Rule { pattern: "what is the ATTRIBUTE of NP", build: attribute },
    Rule { pattern: "what|which ATTRIBUTE does NP have", build: attribute },
    Rule { pattern: "what does the ATTRIBUTE of NP look like", build: attribute },
    Rule { pattern: "what is NP 's ATTRIBUTE", build: flipped },
    Rule { pattern: "NP is|has|have what|which ATTRIBUTE", build: flipped },
    Rule { pattern: "what is NP made|built of|from", build: |parts| ask(Attribute::Surface, parts) },
    Rule { pattern: "how large|small is NP", build: |parts| ask(Attribute::Size, parts) },
    Rule { pattern: "what|which side of the image is NP on", build: side },
    Rule { pattern: "on|in what|which side|half of the image is NP", build: side },
    // what and which
    Rule { pattern: "what|which|who is NP here?", build: identify },
    Rule { pattern: "what|which shape is NP", build: identify },
    Rule { pattern: "what|which|who is PRED", build: identify_that },
    Rule { pattern: "what|which NP is PRED", build: identify_such },
    Rule { pattern: "what|which NP PRED", build: identify_such },
    // people
    Rule { pattern: "what is|does NP doing|does", build: |parts| ask(Attribute::Action, parts) },
    Rule { pattern: "what does you see NP doing", build: |parts| ask(Attribute::Action, parts) },
    Rule { pattern: "what does NP feeling", build: |parts| ask(Attribute::Emotion, parts) },
    Rule { pattern: "how does|is NP feeling|look", build: |parts| ask(Attribute::Emotion, parts) },
    Rule { pattern: "what|which emotion|feeling does NP saying|have", build: |parts| ask(Attribute::Emotion, parts) },
    Rule { pattern: "what|which thing? is|does NP holding", build: |parts| ask(Attribute::Holds, parts) },
    Rule { pattern: "what|which thing? is|does NP wearing", build: |parts| ask(Attribute::Wears, parts) },
    Rule { pattern: "what|which thing? is|does NP touching", build: |parts| ask(Attribute::Touches, parts) },
    // clocks, boards, signs, flags
    Rule { pattern: "what|which hour does NP saying", build: |parts| ask(Attribute::Hour, parts) },
    Rule { pattern: "what|which hour is it on NP", build: |parts| ask(Attribute::Hour, parts) },
    Rule { pattern: "how many minutes past the hour does NP saying", build: |parts| ask(Attribute::Minutes, parts) },
    Rule { pattern: "how many minutes past the hour is it on NP", build: |parts| ask(Attribute::Minutes, parts) },
    Rule { pattern: "NP saying how many minutes past the hour", build: |parts| ask(Attribute::Minutes, parts) },
    Rule { pattern: "what|which time does NP saying", build: |parts| ask(Attribute::Time, parts) },
    Rule { pattern: "what|which time is it on NP", build: |parts| ask(Attribute::Time, parts) },
    Rule { pattern: "NP saying what|which time", build: |parts| ask(Attribute::Time, parts) },
    Rule { pattern: "what|which time is it", build: |_| Query::Attribute(Attribute::Time, the(Noun::Clock)) },
    Rule { pattern: "what is|does NP saying|meaning|tell you?", build: |parts| ask(Attribute::Message, parts) },
    Rule { pattern: "what is the meaning of NP", build: |parts| ask(Attribute::Message, parts) },
    Rule { pattern: "what is written on NP", build: |parts| ask(Attribute::Message, parts) },
    Rule { pattern: "what does you saying on NP", build: |parts| ask(Attribute::Message, parts) },
    Rule { pattern: "what does it saying on NP", build: |parts| ask(Attribute::Message, parts) },
    Rule { pattern: "what|which word|number is on NP", build: |parts| ask(Attribute::Message, parts) },
    Rule { pattern: "what|which country does NP belong to", build: |parts| ask(Attribute::Country, parts) },
    Rule { pattern: "what|which country is NP of|from", build: |parts| ask(Attribute::Country, parts) },
    Rule { pattern: "what|which country 's flag is NP", build: |parts| ask(Attribute::Country, parts) },
    Rule { pattern: "what|which country 's flag is this|saying|shown|here", build: |_| Query::Attribute(Attribute::Country, the(Noun::Flag)) },
    // the whole
    Rule { pattern: "what|how is the weather like? here?", build: |_| Query::Weather },
    Rule { pattern: "what|how does the weather look like? here?", build: |_| Query::Weather },
    Rule { pattern: "what|which time of day is it", build: |_| Query::DayOrNight },
];

/// What signs demand, allow or forbid.
const RULES: &[Rule<Query>] = &[
    Rule { pattern: "must|should you stop", build: |_| rule("stop", true) },
    Rule { pattern: "may|can you enter", build: |_| rule("no entry", false) },
    Rule { pattern: "must|should you give way", build: |_| rule("yield", true) },
    Rule { pattern: "must|should you yield", build: |_| rule("yield", true) },
    Rule { pattern: "may|can you park", build: |_| rule("parking", true) },
    Rule { pattern: "must|should you turn left", build: |_| rule("turn left", true) },
    Rule { pattern: "must|should you turn right", build: |_| rule("turn right", true) },
    Rule { pattern: "must|should you is careful", build: |_| rule("danger", true) },
    Rule { pattern: "may|can you get help", build: |_| rule("first aid", true) },
];

/// All complete readings of a sentence.
pub(super) fn readings(tokens: &[Token]) -> Result<Vec<Query>, Unanswerable> {
    let parser = Parser::new(tokens);
    let mut readings = parser.apply(QUESTIONS, 0);
    for opening in ["is it true that", "would|do you say|saying that", "does you see that", "is it the case that"] {
        for end in parser.skip(opening, 0) {
            readings.extend(parser.apply(STATEMENTS, end));
        }
    }
    for end in parser.skip("does|you you? see", 0).into_iter().chain([0]) {
        readings.extend(demands(&parser, end));
    }
    let complete: Vec<Query> =
        readings.into_iter().filter(|(_, end)| *end == tokens.len()).map(|(query, _)| query).collect();
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
                readings.push((Query::Rule { sign: phrase.clone(), says, positive }, end));
            }
        }
    }
    for (_, end) in &mut readings {
        *end += usize::from(parser.is(*end, &["here"]));
    }
    readings
}

fn the(noun: Noun) -> Phrase {
    let words = format!("the {}", if noun == Noun::Clock { "clock" } else if noun == Noun::Flag { "flag" } else { "sign" });
    Phrase { determiner: Determiner::The, extreme: None, noun, filters: vec![], words }
}

fn rule(says: &'static str, positive: bool) -> Query {
    Query::Rule { sign: the(Noun::Sign), says, positive }
}

fn ask(attribute: Attribute, parts: &mut Parts) -> Query {
    Query::Attribute(attribute, parts.phrase())
}

fn attribute(parts: &mut Parts) -> Query {
    Query::Attribute(parts.attribute(), parts.phrase())
}

fn flipped(parts: &mut Parts) -> Query {
    let phrase = parts.phrase();
    Query::Attribute(parts.attribute(), phrase)
}

fn side(parts: &mut Parts) -> Query {
    ask(Attribute::Side, parts)
}

fn text_kind(parts: &mut Parts) -> Query {
    ask(Attribute::TextKind, parts)
}

fn is(parts: &mut Parts) -> Query {
    Query::Is(parts.phrase(), parts.predicate())
}

fn same(parts: &mut Parts) -> Query {
    let (one, other) = (parts.phrase(), parts.boxed());
    Query::Is(one, Predicate::Same(parts.attribute(), other))
}

fn says(parts: &mut Parts) -> Query {
    let word = parts.word();
    Query::Is(parts.phrase(), Predicate::Says(word))
}

fn count(parts: &mut Parts) -> Query {
    Query::Count(parts.phrase())
}

fn count_that(parts: &mut Parts) -> Query {
    Query::Count(such(parts))
}

fn count_is(parts: &mut Parts) -> Query {
    let number = parts.number();
    Query::CountIs(parts.phrase(), number)
}

fn more(parts: &mut Parts) -> Query {
    Query::More(parts.phrase(), parts.phrase())
}

fn fewer(parts: &mut Parts) -> Query {
    let one = parts.phrase();
    Query::More(parts.phrase(), one)
}

fn identify(parts: &mut Parts) -> Query {
    Query::Attribute(Attribute::Kind, definite(parts.phrase()))
}

fn identify_such(parts: &mut Parts) -> Query {
    Query::Attribute(Attribute::Kind, definite(such(parts)))
}

fn identify_that(parts: &mut Parts) -> Query {
    let mut phrase = the(Noun::Thing);
    phrase.words = "such a thing".to_owned();
    phrase.filters.push(parts.predicate());
    Query::Attribute(Attribute::Kind, phrase)
}

/// A phrase with one more thing that is true of it.
fn such(parts: &mut Parts) -> Phrase {
    let mut phrase = parts.phrase();
    phrase.filters.push(parts.predicate());
    phrase
}

/// Questions for what something is take for granted that there is just one.
fn definite(phrase: Phrase) -> Phrase {
    Phrase { determiner: Determiner::The, ..phrase }
}

fn either(parts: &mut Parts) -> Query {
    let phrase = parts.phrase();
    let mut option = || {
        let predicate = parts.predicate();
        let word = super::predicate::answer(&predicate);
        (predicate, word)
    };
    Query::Either(phrase, [option(), option()])
}

fn left_or_right(parts: &mut Parts) -> Query {
    beside(parts, [super::query::Direction::Left, super::query::Direction::Right])
}

fn above_or_below(parts: &mut Parts) -> Query {
    beside(parts, [super::query::Direction::Above, super::query::Direction::Below])
}

fn beside(parts: &mut Parts, directions: [super::query::Direction; 2]) -> Query {
    let (phrase, anchor) = (parts.phrase(), parts.boxed());
    Query::Either(
        phrase,
        directions.map(|direction| (Predicate::Beside(direction, anchor.clone()), direction.name().to_owned())),
    )
}
