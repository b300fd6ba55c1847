//! What an auditor said: a draft of clean, short lines, or a reason.
#![no_main]

use auditdm::probe::{Strategy, parse::parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|said: &str| {
    for strategy in [Strategy::Question, Strategy::Edit, Strategy::Generation] {
        let Ok(draft) = parse(said, strategy) else { continue };
        for field in [Some(draft.question), draft.instruction, draft.expected_answer, draft.category] {
            let field = field.unwrap_or_default();
            assert!(field.chars().count() <= 1_000 && !field.chars().any(char::is_control));
        }
    }
});
