//! What models, servers and people write, and worse.

use super::mutation::mutated;
use super::mutations;
use auditdm::diverge::{answer_type, distance, judge, normalize, vqa};
use auditdm::lab::generate::World;
use auditdm::lab::{answer, category, paint, scene::Scene};
use auditdm::probe::{Strategy, parse};
use std::time::{Duration, Instant};

/// Texts that models, servers and people have sent, and worse.
fn harsh_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        "\0",
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "\r\n\r\n",
        "\u{202e}evil\u{202c}",
        "\u{feff}",
        "?",
        "Question: ?",
        "1e999999",
        "-0",
        "NaN",
        "inf",
        "[1e308, 1e308, 1e308, 1e308]",
        "[0,0,0]",
        "<loc9999><loc9999>",
        "ﷺ",
        "İ",
        "{\"question\": \"\\ud800?\"}",
        "{\"question\": 1e999}",
        "=cmd|' /C calc'!A0",
        "</think></think>",
    ]
    .map(str::to_owned)
    .into();
    for unit in [
        "a",
        "?",
        " ",
        "\0",
        "[",
        "{\"a\":",
        "(",
        "9",
        "0 ",
        "ﷺ",
        "e\u{301}",
        "\u{301}",
        "👩‍👩‍👧 ",
        "hundred ",
        "million ",
        "red and ",
        "left of the ",
        "the circle that is ",
        "not ",
        "is there a ",
        "Question: x?\n",
        "</think>",
        "1,000",
        "<loc0001>",
        "how many ",
        "'s ",
        "the person's ",
    ] {
        texts.push(unit.repeat(100_000 / unit.len()));
        texts.push(unit.repeat(380 / unit.len()));
        texts.push(unit.repeat((1 << 20) / unit.len()));
    }
    texts
}

/// Everything that reads what a model wrote.
fn read(text: &str, scene: &Scene) {
    let mut drafts = vec![];
    for strategy in [Strategy::Question, Strategy::Edit, Strategy::Generation] {
        drafts.extend(parse::parse(text, strategy).inspect_err(|error| {
            assert!(error.to_string().chars().count() < 400, "{error}");
        }));
    }
    for draft in drafts {
        for field in [
            Some(draft.question),
            draft.instruction,
            draft.expected_answer,
            draft.category,
        ] {
            let field = field.unwrap_or_default();
            assert!(
                field.chars().count() <= 1_000 && !field.chars().any(char::is_control),
                "{field:?}"
            );
        }
    }
    assert!(judge::parse(text).1.chars().count() <= 500);
    let _ = judge::request("", vec![], text, &[text.to_owned()], text);
    let _ = normalize(text);
    let _ = vqa(text);
    let _ = answer_type(text, &["yes".to_owned(), text.to_owned()]);
    for other in ["yes", "3", "a red circle", text] {
        let there = distance(text, other, &[], 0.05).score;
        assert!(
            there.is_none_or(|score| (0.0..=1.0).contains(&score)),
            "{there:?}"
        );
    }
    let reason = answer(scene, text).unwrap_or_else(|reason| reason.to_string());
    assert!(reason.len() < 2_000, "{reason}");
    let _ = category(text);
    for drawn in [paint::edit(scene, text, 1), paint::generate(text, 1)] {
        match drawn {
            Ok(scene) => assert!(scene.objects.len() <= paint::MOST_OBJECTS),
            Err(reason) => assert!(reason.len() < 2_000, "{reason}"),
        }
    }
}

#[test]
fn harsh_texts_are_read_soon() {
    let scene = World::new(3).scene(1);
    for text in harsh_texts() {
        let started = Instant::now();
        read(&text, &scene);
        let start: String = text.chars().take(20).collect();
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{start:?}: {:?}",
            started.elapsed()
        );
    }
}

#[test]
fn mutated_texts_are_read_soon() {
    let seeds: Vec<Vec<u8>> = [
        "Question: How many red circles are left of the clock?\nCategory: counting\nAnswer: 3",
        "{\"question\": \"What is the person holding?\", \"category\": \"object_relationship\", \"answer\": \"a ball\"}",
        "**Instruction:** make the small blue square larger\nQuestion: What is larger?\nCategory: size\nAnswer: square",
        "how many small striped stars are left of the clock or above the red board?",
        "is the person that wears a red hat touching the large blue circle with the ball?",
        "replace the red circle with a large green star on the left", "add a small dotted red heart below the board",
        "an image of a medium flag of italy, a large orange star and a small clock showing 3:25 at night",
        "INCORRECT: the car is blue", "two hundred and fifty thousand, three hundred percent", "not a dog, a cat",
        "[12.5, 3, 100, 200]", "there are 3 dogs left of the 12 trees",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    let scene = World::new(5).scene(2);
    let mut slowest = (Duration::ZERO, 0);
    for index in 0..mutations() {
        let text = mutated(&seeds, index).1;
        let started = Instant::now();
        read(&String::from_utf8_lossy(&text), &scene);
        slowest = slowest.max((started.elapsed(), index));
    }
    assert!(slowest.0 < Duration::from_secs(20), "{slowest:?}");
}
