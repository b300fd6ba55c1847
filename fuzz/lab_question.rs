//! Any text as a question about a scene: an answer of few words, or the reason why there is none.
#![no_main]

use auditdm::lab::generate::World;
use auditdm::lab::{answer, category};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|question: (u8, &str)| {
    let (index, text) = question;
    let scene = World::new(1).scene(u64::from(index));
    if let Ok(answer) = answer(&scene, text) {
        assert!(!answer.is_empty() && answer.len() < 60, "{answer}");
    }
    let _ = category(text);
});
