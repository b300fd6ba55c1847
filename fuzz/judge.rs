//! What a judge said, and what it is asked about an answer that gives orders.
#![no_main]

use auditdm::diverge::judge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|said: &str| {
    assert!(judge::parse(said).1.chars().count() <= 500);
    let asked = judge::request("probe", Vec::new(), said, &[said.to_owned()], said).prompt;
    // What is quoted stays on its line.
    assert_eq!(asked.lines().count(), 5);
});
