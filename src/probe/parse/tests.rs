//! Outputs as auditors write them, and as nobody should.

use super::*;
use crate::probe::Strategy;
use proptest::prelude::{Just, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

fn reason(output: &str, strategy: Strategy) -> String {
    match parse(output, strategy) {
        Err(ProposalError::Unparsed(reason)) => reason,
        other => panic!("{output:?} gave {other:?}"),
    }
}

#[test]
fn every_form_gives_the_same_draft() {
    let expected = Draft {
        question: "How many dogs are left of the clock?".into(),
        category: Some("counting".into()),
        expected_answer: Some("2".into()),
        ..Draft::default()
    };
    for output in [
        "Question: How many dogs are left of the clock?\nCategory: counting\nAnswer: 2",
        "Sure! Here it is.\n\n**Question:** How many dogs are left of the clock?\n**Category:** Counting\n**Answer:** 2",
        "1. question: \"How many dogs are left of the clock?\"\r\n2. CATEGORY: counting.\r\n3. Expected answer: 2\r\n",
        "```\nQuestion:\nHow many dogs are left of the clock?\nCategory: counting\nAnswer: 2\n```\nHave fun!",
        "<think>Question: is this a dog?</think>\nQuestion: How many dogs are left of the clock?\nCategory: counting\nAnswer: 2",
        r#"{"question": "How many dogs are left of the clock?", "category": "counting", "answer": 2}"#,
        "Here is the JSON:\n```json\n{\n  \"Question\": \"How many\\ndogs are left of the clock?\",\n  \"category\": \"counting\",\n  \"expected_answer\": \"2\"\n}\n```\nEnjoy.",
    ] {
        assert_eq!(
            parse(output, Strategy::Question).as_ref(),
            Ok(&expected),
            "{output}"
        );
    }
}

#[test]
fn edits_and_generations_have_an_instruction() {
    let base = "Question: What colour is the cup?\nCategory: color recognition\nAnswer: red";
    let edit = parse(&format!("Instruction: make the cup red\n{base}"), Strategy::Edit).unwrap();
    assert_eq!(edit.instruction.as_deref(), Some("make the cup red"));
    assert_eq!(edit.category.as_deref(), Some("color_recognition"));
    let drawn = parse(
        &format!("Caption: a red cup: on a table\n{base}"),
        Strategy::Generation,
    )
    .unwrap();
    assert_eq!(drawn.instruction.as_deref(), Some("a red cup: on a table"));
    assert_eq!(reason(base, Strategy::Edit), "the field `Instruction` is missing");
    assert_eq!(
        reason(base, Strategy::Generation),
        "the field `Caption` is missing"
    );
}

#[test]
fn the_reason_names_what_is_wrong() {
    for (output, expected) in [
        ("", "the field `Question` is missing"),
        (
            "I'm sorry, I can't help with that.",
            "the field `Question` is missing",
        ),
        (
            "Question: \nCategory: counting\nAnswer: 2",
            "the field `Question` is missing",
        ),
        (
            "Question: Is it red?\nAnswer: yes",
            "the field `Category` is missing",
        ),
        (
            "Question: Is it red?\nCategory: counting\nAnswer: \u{200b}**",
            "the field `Answer` is missing",
        ),
        (
            "Question: Name it.\nCategory: x\nAnswer: y",
            "the question does not end with a question mark",
        ),
        (
            "Question: Red? Or blue?\nCategory: x\nAnswer: y",
            "there are several questions in one",
        ),
        (
            "Question: ?!?\nCategory: x\nAnswer: y",
            "the question has no words",
        ),
        (
            "Question: A?\nQuestion: B?\nCategory: x\nAnswer: y",
            "the field `Question` stands there twice",
        ),
        (
            r#"{"question": "Is it red?", "category": ["a"], "answer": "b"}"#,
            "the field `Category` is missing",
        ),
    ] {
        assert_eq!(reason(output, Strategy::Question), expected, "{output}");
    }
    let long = format!("Question: {}?\nCategory: x\nAnswer: y", "a".repeat(400));
    assert_eq!(
        reason(&long, Strategy::Question),
        "the field `Question` is longer than 300 characters"
    );
    assert_eq!(
        reason(&"x".repeat(1 << 20), Strategy::Question),
        "the output is longer than 16 KiB"
    );
}

#[test]
fn question_marks_inside_quotes_are_no_second_question() {
    let output =
        "Question: Does the sign say \"WHY?\" or \"HOW\"?\nCategory: sign understanding\nAnswer: WHY?";
    assert!(parse(output, Strategy::Question).is_ok());
}

#[test]
fn a_category_stays_the_auditors_own_word() {
    let output = "Question: Is it?\nCategory: **Vibes**\nAnswer: yes";
    let draft = parse(output, Strategy::Question).unwrap();
    assert_eq!(draft.category.as_deref(), Some("Vibes"));
}

#[test]
fn nothing_to_ask_is_a_refusal() {
    let refused = parse("Nothing to ask: the image is blank", Strategy::Question);
    assert_eq!(refused, Err(ProposalError::Refused("the image is blank".into())));
}

proptest! {
    #[test]
    fn whatever_comes_in_what_comes_out_is_tame(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("Question:".to_owned()), Just("Category: counting\n".to_owned()), Just("Answer: 2\n".to_owned()),
                Just("{\"question\":".to_owned()), Just("Instruction: x\n".to_owned()), Just("?\n".to_owned()),
                any::<String>(), "\\PC{0,30}", "[\\x00-\\x1f]{0,5}",
            ],
            0..12,
        ),
    ) {
        let output = parts.concat();
        for strategy in [Strategy::Question, Strategy::Edit, Strategy::Generation] {
            match parse(&output, strategy) {
                Ok(draft) => {
                    let texts = [Some(draft.question), draft.instruction, draft.expected_answer, draft.category];
                    for text in texts.iter().flatten() {
                        prop_assert!(!text.is_empty() && text.chars().count() <= LONGEST_INSTRUCTION);
                        prop_assert!(!text.chars().any(char::is_control));
                    }
                }
                Err(error) => prop_assert!(error.to_string().chars().count() <= LONGEST_QUESTION),
            }
        }
    }

    #[test]
    fn what_is_well_formed_comes_back(
        question in "[A-Z][a-z ,0-9]{0,80}[a-z]",
        category in proptest::sample::select(&Category::ALL[..]),
        answer in "[a-z0-9]([a-z ]{0,20}[a-z])?",
        caption in "[A-Z][a-z ]{0,80}[a-z.]",
    ) {
        let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = Draft {
            question: squeeze(&question) + "?",
            instruction: Some(squeeze(&caption)),
            category: Some(category.name().to_owned()),
            expected_answer: Some(squeeze(&answer)),
            ..Draft::default()
        };
        let name = category.name();
        let lines = format!("Caption: {caption}\nQuestion: {question}?\nCategory: {name}\nAnswer: {answer}");
        prop_assert_eq!(parse(&lines, Strategy::Generation), Ok(expected.clone()));
        let object = serde_json::json!({
            "question": format!("{question}?"), "category": name, "answer": answer, "caption": caption,
        });
        prop_assert_eq!(parse(&object.to_string(), Strategy::Generation), Ok(expected));
    }
}
