//! The gate before the reward: what a question takes for granted must be there, once, and of its kind.
//!
//! References agree on questions about things that are not there ("is the clock large?" of a scene without one: no) or there
//! twice, a target errs on them, and an auditor learns nothing quicker. So for every question that would be rewarded,
//! each reference is asked whether there is what the question calls "the …", and how many; where one says no, or
//! several, the pair is invalid. Feelings, and holding and wearing things, are of somebody: a question that names nobody is
//! invalid at once. This is the references' word, not ground truth. Left out: other presuppositions, other languages than
//! English.

use crate::audit::Audit;
use crate::diverge::normalize;
use crate::lab::describe::with_article;
use crate::model::{EncodedImage, Request, calls};
use crate::row::{Role, Rows, id};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// Words that end what "the" begins, beside punctuation.
const ENDS: [&str; 54] = [
    "a", "above", "an", "and", "are", "at", "below", "beneath", "beside", "bigger", "carry", "color",
    "colour", "do", "does", "doing", "feel", "from", "has", "have", "here", "hold", "holding", "in", "is",
    "larger", "left", "likely", "look", "made", "near", "of", "on", "or", "over", "point", "read", "right",
    "say", "see", "seem", "show", "smaller", "than", "that", "the", "there", "to", "touch", "touching",
    "under", "wear", "wearing", "with",
];
/// What every image has.
const ALWAYS: [&str; 12] = [
    "answer",
    "background",
    "day",
    "drawing",
    "image",
    "number",
    "photo",
    "picture",
    "scene",
    "sky",
    "time",
    "weather",
];

/// What only somebody does or feels, and words for somebody.
const PERSONAL: [&str; 18] = [
    "angry",
    "carries",
    "carry",
    "carrying",
    "emotion",
    "feel",
    "feeling",
    "feels",
    "happy",
    "hold",
    "holding",
    "holds",
    "mood",
    "sad",
    "surprised",
    "wear",
    "wearing",
    "wears",
];
const SOMEBODY: [&str; 23] = [
    "animal", "anybody", "anyone", "baby", "bird", "boy", "cat", "child", "children", "dog", "everyone",
    "girl", "he", "horse", "man", "men", "people", "person", "persons", "she", "somebody", "someone",
    "woman",
];

/// Whether a question speaks of what only somebody does or feels, and of nobody.
pub(super) fn is_of_nobody(question: &str) -> bool {
    let lower = question.to_lowercase();
    let has = |list: &[&str]| {
        let mut words = lower.split(|c: char| !c.is_alphanumeric());
        words.any(|word| list.binary_search(&word).is_ok())
    };
    has(&PERSONAL) && !has(&SOMEBODY)
}

/// The things that a question calls "the …", without article.
pub(super) fn things(question: &str) -> BTreeSet<String> {
    let lower = question.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let mut things = BTreeSet::new();
    for (at, _) in words.iter().enumerate().filter(|(_, word)| **word == "the") {
        let mut thing: Vec<&str> = Vec::new();
        for word in &words[at + 1..] {
            let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
            let ends =
                ENDS.binary_search(&bare.trim_end_matches('s')).is_ok() || ENDS.binary_search(&bare).is_ok();
            if bare.is_empty() || ends {
                break;
            }
            thing.push(bare);
            if bare.len() < word.len() {
                break; // punctuation
            }
        }
        if thing.last().is_some_and(|last| !ALWAYS.contains(last)) {
            things.insert(thing.join(" "));
        }
    }
    things
}

/// Whether this answer to "is there …?" or "how many … are there?" refutes that there is one.
fn refutes(said: &str) -> bool {
    let said = normalize(said);
    said.split(' ').next() == Some("no") || said.parse::<u32>().is_ok_and(|number| number > 1)
}

/// Several of a thing, as far as rules go.
fn several(thing: &str) -> String {
    let (before, noun) = thing
        .rsplit_once(' ')
        .map_or(("", thing), |(before, noun)| (before, noun));
    let noun = match noun {
        "fish" => "fish".to_owned(),
        "person" => "people".to_owned(),
        noun if noun.ends_with(['s', 'x']) || noun.ends_with("ch") => format!("{noun}es"),
        noun => format!("{noun}s"),
    };
    format!("{before} {noun}").trim_start().to_owned()
}

/// Which of the probes (probe, question, image) take for granted what a reference does not see.
pub(super) async fn missing(
    audit: &Audit,
    probes: &[(String, String, EncodedImage)],
    rows: &mut Rows,
) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    // Each thing of each image once, whoever takes it for granted.
    let mut asked: BTreeMap<(String, String), (EncodedImage, Vec<&String>)> = BTreeMap::new();
    for (probe_id, question, image) in probes {
        if is_of_nobody(question) {
            missing.insert(probe_id.clone());
            continue;
        }
        for thing in things(question) {
            let exists = format!("is there {}?", with_article(&thing));
            let count = format!("how many {} are there?", several(&thing));
            for prompt in [exists, count] {
                let key = (image.image_id.to_string(), prompt);
                let (_, wanted) = asked.entry(key).or_insert_with(|| (image.clone(), Vec::new()));
                wanted.push(probe_id);
            }
        }
    }
    let replies = join_all(audit.cast.references.iter().map(|player| {
        let requests = asked.iter().map(|((image_id, prompt), (image, _))| Request {
            subject: id(["presupposed", image_id, prompt]).into(),
            images: vec![image.clone()],
            prompt: prompt.clone(),
            system: None,
            sampling: player.sampling.clone(),
            seed: 0,
        });
        let requests: Vec<Request> = requests.collect();
        async move {
            let subjects: Vec<_> = requests.iter().map(|request| request.subject.clone()).collect();
            (player, subjects, player.model.answer(requests).await)
        }
    }))
    .await;
    for (player, subjects, replies) in replies {
        for (((_, wanted), subject), reply) in asked.values().zip(subjects).zip(replies) {
            let card = player.model.card();
            rows.calls.extend(calls(
                &audit.run_id,
                card,
                Role::Reference,
                &subject,
                &reply.attempts,
            ));
            if reply.outcome.is_ok_and(|said| refutes(&said.text)) {
                missing.extend(wanted.iter().map(|id| (*id).clone()));
            }
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_question_takes_for_granted() {
        assert!(ENDS.is_sorted());
        let found = |question: &str| things(question).into_iter().collect::<Vec<_>>().join(" | ");
        assert_eq!(
            found("is the green cross smaller than the purple cross?"),
            "green cross | purple cross"
        );
        assert_eq!(found("Does the person hold a balloon?"), "person");
        assert_eq!(
            found("what is smaller, the plain cross or the fish?"),
            "fish | plain cross"
        );
        assert_eq!(
            found("what color is the small striped star?"),
            "small striped star"
        );
        assert_eq!(found("what is the weather in the picture?"), "");
        assert_eq!(found("how many red stars are left of the clock?"), "clock");
        assert_eq!(found("the the ? the"), "");
    }

    #[test]
    fn what_refutes_that_there_is_one() {
        assert!(PERSONAL.is_sorted() && SOMEBODY.is_sorted());
        assert!(is_of_nobody("Is the cross angry?") && is_of_nobody("what does 27 hold?"));
        assert!(!is_of_nobody("is the person angry?") && !is_of_nobody("is the cross red?"));
        let verdicts = [
            "no",
            "No, there is none.",
            "two",
            "12",
            "yes",
            "1",
            "0",
            "nothing like it",
        ]
        .map(refutes);
        assert_eq!(verdicts, [true, true, true, true, false, false, false, false]);
        let plurals = ["red fish", "person", "small cross", "clock"].map(several);
        assert_eq!(plurals, ["red fish", "people", "small crosses", "clocks"]);
    }
}
