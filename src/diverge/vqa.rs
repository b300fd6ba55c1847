//! How VQAv2's evaluation writes answers alike: punctuation, articles, number words to ten, contractions.
//!
//! The official rules and two dialects of evaluators in use. Their quirks are kept, since published figures have
//! them: a digit-comma-digit deletes all punctuation, `.` goes unless a digit follows, and only the first 32 of them.

use std::collections::HashMap;
use std::sync::LazyLock;

const PUNCTUATION: &[u8; 21] = b";/[]\"{}()=+\\_-><@`,?!";

/// Python's `re.sub` was given a flag for its count.
const MOST_PERIODS: usize = 32;

/// Whose rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VqaDialect {
    /// The VQA challenge's own code.
    #[default]
    Official,
    /// VLMEvalKit: a `.` after a digit stays.
    VlmEvalKit,
    /// EvalAI's processor (TextVQA, OK-VQA): commas, question marks go first, `'s` is split off.
    EvalAi,
}

/// Contractions that were written with one of their apostrophes missing.
const CONTRACTIONS: &str = "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't \
    hadn't've hasn't haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't \
    mightn't've might've mustn't must've needn't not've o'clock oughtn't shan't she'd've should've shouldn't \
    shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's something'd \
    something'd've something'll that's there'd there'd've there're there's they'd they'd've they'll they're \
    they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd where's where've \
    who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've y'all y'all'll \
    y'all'd've you'd you'd've you'll you're you've";

/// The two entries of the official table that are not of that form.
const ODD_CONTRACTIONS: [(&str, &str); 4] = [
    ("somebody'd", "somebodyd"),
    ("ow's'at", "'ow's'at"),
    ("'ows'at", "'ow's'at"),
    ("'ow'sat", "'ow's'at"),
];

static CONTRACTION: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let missing_one = CONTRACTIONS.split_whitespace().flat_map(|word| {
        word.match_indices('\'')
            .map(move |(at, _)| (format!("{}{}", &word[..at], &word[at + 1..]), word))
    });
    let odd = ODD_CONTRACTIONS.map(|(from, to)| (from.to_owned(), to));
    missing_one.chain(odd).collect()
});

/// The official normalisation of an answer.
#[must_use]
pub fn vqa(answer: &str) -> String {
    vqa_in(VqaDialect::Official, answer)
}

/// The normalisation of an answer in a dialect.
#[must_use]
pub fn vqa_in(dialect: VqaDialect, answer: &str) -> String {
    if dialect == VqaDialect::EvalAi {
        let split = answer.to_lowercase().replace([',', '?'], "").replace("'s", " 's");
        return vqa_words(&vqa_punctuation(dialect, &vqa_trimmed(&split)));
    }
    vqa_words(&vqa_punctuation(dialect, &vqa_trimmed(answer)))
}

/// An answer on one line without blanks around it: all that is done where the annotators agree.
#[must_use]
pub fn vqa_trimmed(answer: &str) -> String {
    answer.replace(['\n', '\t'], " ").trim().to_owned()
}

/// Punctuation deleted, or replaced by a blank where none was beside it.
#[must_use]
pub fn vqa_punctuation(dialect: VqaDialect, text: &str) -> String {
    let bytes = text.as_bytes();
    let mark = |byte: u8| PUNCTUATION.iter().position(|mark| *mark == byte);
    // Bit n: the n-th mark stands beside a blank somewhere in the text.
    let mut beside_blank = 0_u32;
    let mut thousands = false;
    for (at, &byte) in bytes.iter().enumerate() {
        let Some(n) = mark(byte) else { continue };
        let before = at.checked_sub(1).map(|at| bytes[at]);
        if before == Some(b' ') || bytes.get(at + 1) == Some(&b' ') {
            beside_blank |= 1 << n;
        }
        if byte == b',' {
            let rest = &text[at + 1..];
            let rest = if dialect == VqaDialect::EvalAi {
                rest.trim_start_matches(',')
            } else {
                rest
            };
            thousands |= ends_in_digit(&text[..at]) && starts_with_digit(rest);
        }
    }
    let mut spaced = String::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(c).ok().and_then(mark) {
            Some(n) if thousands || beside_blank >> n & 1 == 1 => {}
            Some(_) => spaced.push(' '),
            None => spaced.push(c),
        }
    }
    if !spaced.contains('.') {
        return spaced;
    }
    let mut periods = 0;
    spaced
        .char_indices()
        .filter(|&(at, c)| {
            let goes = c == '.'
                && periods < MOST_PERIODS
                && !starts_with_digit(&spaced[at + 1..])
                && !(dialect == VqaDialect::VlmEvalKit && ends_in_digit(&spaced[..at]));
            periods += usize::from(goes);
            !goes
        })
        .map(|(_, c)| c)
        .collect()
}

/// Lower case, number words to ten as digits, articles deleted, apostrophes of contractions restored.
#[must_use]
pub fn vqa_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.to_lowercase().split_whitespace() {
        if matches!(word, "a" | "an" | "the") {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(match small_number(word) {
            Some(number) => number,
            None => CONTRACTION.get(word).copied().unwrap_or(word),
        });
    }
    out
}

fn small_number(word: &str) -> Option<&'static str> {
    Some(match word {
        "none" | "zero" => "0",
        "one" => "1",
        "two" => "2",
        "three" => "3",
        "four" => "4",
        "five" => "5",
        "six" => "6",
        "seven" => "7",
        "eight" => "8",
        "nine" => "9",
        "ten" => "10",
        _ => return None,
    })
}

fn starts_with_digit(text: &str) -> bool {
    text.chars().next().is_some_and(is_digit)
}

fn ends_in_digit(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_digit)
}

/// Decimal digits; those of other scripts than ours count where Unicode calls them numbers and they have no case.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || (!c.is_ascii() && c.is_numeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diverge::vectors;

    #[test]
    fn official_vectors() {
        for vector in vectors("vqa_normalize") {
            let prediction = vector["prediction"].as_str().unwrap();
            let expected = vector["references"][0].as_str().unwrap();
            assert_eq!(vqa(prediction), expected, "{}", vector["id"]);
        }
    }

    #[test]
    fn contractions_of_the_official_table() {
        for (text, expected) in [
            ("couldntve", "couldntve"),
            ("couldn'tve", "couldn't've"),
            ("yalld've", "yalld've"),
            ("y'alld've", "y'all'd've"),
            ("lets", "lets"),
            ("somebody'd", "somebodyd"),
            ("Ive", "ive"),
        ] {
            assert_eq!(vqa(text), expected, "{text}");
        }
    }
}
