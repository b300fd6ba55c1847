//! The gate before the reward: what a question takes for granted must be there.
//!
//! References agree on questions about things that are not there ("is the clock large?" of a scene without one: no), a
//! target errs on them, and an auditor learns nothing quicker. So for every question that would be rewarded, each
//! reference is asked about each thing that the question calls "the …"; where one says no, the pair is invalid. This is
//! the references' word, not ground truth. Left out: other presuppositions, other languages than English.

use crate::audit::Audit;
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

/// Which of the probes (probe, question, image) take for granted what a reference does not see.
pub(super) async fn missing(
    audit: &Audit,
    probes: &[(String, String, EncodedImage)],
    rows: &mut Rows,
) -> BTreeSet<String> {
    // Each thing of each image once, whoever takes it for granted.
    let mut asked: BTreeMap<(String, String), (EncodedImage, Vec<&String>)> = BTreeMap::new();
    for (probe_id, question, image) in probes {
        for thing in things(question) {
            let key = (image.image_id.to_string(), thing);
            asked
                .entry(key)
                .or_insert_with(|| (image.clone(), Vec::new()))
                .1
                .push(probe_id);
        }
    }
    let replies = join_all(audit.cast.references.iter().map(|player| {
        let requests = asked.iter().map(|((image_id, thing), (image, _))| Request {
            subject: id(["presupposed", image_id, thing]).into(),
            images: vec![image.clone()],
            prompt: format!("is there {}?", with_article(thing)),
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
    let mut missing = BTreeSet::new();
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
            let said = reply.outcome.map(|said| said.text.trim().to_lowercase());
            if said.is_ok_and(|said| said == "no" || said.starts_with("no,") || said.starts_with("no.")) {
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
}
