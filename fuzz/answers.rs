//! Two answers: normalised, typed and compared; the distance is symmetric and between 0 and 1.
#![no_main]

use auditdm::diverge::{anls, answer_type, distance, normalize, token_f1, vqa};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|answers: (&str, &str)| {
    let (one, other) = answers;
    let choices = [one.to_owned(), "yes".to_owned()];
    for choices in [&[][..], &choices] {
        let there = distance(one, other, choices, 0.05);
        assert_eq!(there.score, distance(other, one, choices, 0.05).score);
        assert!(there.score.is_none_or(|score| (0.0..=1.0).contains(&score)));
        let _ = answer_type(one, choices);
    }
    assert!((0.0..=1.0).contains(&anls(one, other)) && (0.0..=1.0).contains(&token_f1(one, other)));
    let _ = (vqa(one), normalize(one));
});
