//! Answers compare equal when they say the same thing: the VQAv2 rules, then numbers.
//!
//! [`vqa`] is the official VQAv2 normalisation (punctuation, articles, number words to ten,
//! contractions); [`normalize`] goes on to number words beyond ten, percent signs and thousands
//! separators. Left out: spelling and stemming.

use regex::Regex;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// Longer answers are cut here before any rule looks at them.
const LONGEST_CHARS: usize = 4_000;

const PUNCTUATION: [char; 21] = [
    ';', '/', '[', ']', '"', '{', '}', '(', ')', '=', '+', '\\', '_', '-', '>', '<', '@', '`', ',', '?', '!',
];

/// Contractions that VQAv2 restores when they were written without the apostrophe.
const CONTRACTIONS: &str = "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't \
    hadn't've hasn't haven't he'd he'd've he's how'd how'll how's I'd've I'm I've isn't it'd it'd've it'll let's \
    ma'am mightn't mightn't've might've mustn't must've needn't not've o'clock oughtn't shan't she'd've \
    should've shouldn't shouldn't've somebody'd somebodyd've somebody'll somebody's someone'd someone'd've \
    someone'll someone's something'd something'd've something'll that's there'd there'd've there're there's \
    they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've \
    when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've \
    wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've";

static CONTRACTION: LazyLock<std::collections::HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut known = std::collections::HashMap::new();
    for word in CONTRACTIONS
        .split_whitespace()
        .filter(|word| !word.starts_with('I'))
    {
        known.insert(word.replace('\'', ""), word);
        // One of two apostrophes may be missing, too.
        for (at, _) in word
            .match_indices('\'')
            .filter(|_| word.matches('\'').count() > 1)
        {
            known.insert(format!("{}{}", &word[..at], &word[at + 1..]), word);
        }
    }
    known
});
static DIGIT_COMMA_DIGIT: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d,\d"));
static THOUSANDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d{1,3}(?:,\d{3})+\b"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// The official VQAv2 normalisation of an answer.
#[must_use]
pub fn vqa(answer: &str) -> String {
    let answer = answer.replace(['\n', '\t'], " ");
    let answer = answer.trim();
    let delete_all = DIGIT_COMMA_DIGIT.is_match(answer);
    let mut text = answer.to_owned();
    for mark in PUNCTUATION {
        let delete =
            delete_all || answer.contains(&format!("{mark} ")) || answer.contains(&format!(" {mark}"));
        text = text.replace(mark, if delete { "" } else { " " });
    }
    let bytes = text.as_bytes();
    let text: String = text
        .char_indices()
        .filter(|&(at, c)| c != '.' || bytes.get(at + 1).is_some_and(u8::is_ascii_digit))
        .map(|(_, c)| c)
        .collect();
    let words: Vec<String> = text
        .to_lowercase()
        .split_whitespace()
        .map(|word| small_number(word).map_or_else(|| word.to_owned(), |number| number.to_string()))
        .filter(|word| !matches!(word.as_str(), "a" | "an" | "the"))
        .map(|word| CONTRACTION.get(&word).map_or(word, |&whole| whole.to_owned()))
        .collect();
    words.join(" ")
}

/// [`vqa`] after Unicode compatibility folding and thousands separators; number words of any size
/// become digits and "percent" a sign.
#[must_use]
pub fn normalize(answer: &str) -> String {
    let folded: String = answer.nfkc().take(LONGEST_CHARS).collect();
    let folded = folded.replace(['\u{2019}', '\u{2018}'], "'");
    let plain = THOUSANDS.replace_all(&folded, |found: &regex::Captures| found[0].replace(',', ""));
    let text = vqa(&plain);
    let words: Vec<&str> = text.split(' ').collect();
    let mut out: Vec<String> = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        if let Some((number, taken)) = spelled_number(&words[at..]) {
            out.push(number.to_string());
            at += taken;
        } else if matches!(words[at], "percent" | "%") && out.last().is_some_and(|last| is_number(last)) {
            if let Some(last) = out.last_mut() {
                last.push('%');
            }
            at += 1;
        } else {
            out.push(words[at].to_owned());
            at += 1;
        }
    }
    out.join(" ")
}

fn is_number(word: &str) -> bool {
    word.parse::<f64>().is_ok_and(f64::is_finite)
}

fn small_number(word: &str) -> Option<u64> {
    const WORDS: [&str; 11] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    match word {
        "none" => Some(0),
        _ => WORDS.iter().position(|each| *each == word).map(|n| n as u64),
    }
}

/// A number spelled in words of which at least one is beyond ten, and how many words it took.
/// Digits may stand among them: the VQAv2 rules have already turned "two hundred" into "2 hundred".
fn spelled_number(words: &[&str]) -> Option<(u64, usize)> {
    let (mut total, mut current, mut taken, mut spelled) = (0_u64, 0_u64, 0, false);
    let mut open = true; // whether the next word may add to `current`
    for (at, word) in words.iter().enumerate() {
        match (word.parse::<u64>().ok().filter(|n| *n <= 999), large_word(word)) {
            (Some(digits), _) if open && (current == 0 || (digits < 10 && current % 10 == 0)) => {
                current += digits;
                open = current == 0 || current % 100 == 0;
            }
            (_, Some(scale @ (1_000 | 1_000_000))) if current > 0 || at == 0 => {
                total = total.checked_add(current.max(1).checked_mul(scale)?)?;
                (current, spelled, open) = (0, true, true);
            }
            (_, Some(100)) if current < 10 => (current, spelled, open) = (current.max(1) * 100, true, true),
            (_, Some(n)) if n < 100 && current % 100 == 0 => {
                (current, spelled, open) = (current + n, true, n >= 20);
            }
            (None, None)
                if *word == "and" && spelled && words.get(at + 1).is_some_and(|next| is_count(next)) => {}
            _ => break,
        }
        taken = at + 1;
    }
    spelled.then_some((total + current, taken))
}

fn is_count(word: &str) -> bool {
    word.parse::<u64>().is_ok() || large_word(word).is_some_and(|n| n < 100)
}

fn large_word(word: &str) -> Option<u64> {
    Some(match word {
        "eleven" => 11,
        "twelve" => 12,
        "thirteen" => 13,
        "fourteen" => 14,
        "fifteen" => 15,
        "sixteen" => 16,
        "seventeen" => 17,
        "eighteen" => 18,
        "nineteen" => 19,
        "twenty" => 20,
        "thirty" => 30,
        "forty" => 40,
        "fifty" => 50,
        "sixty" => 60,
        "seventy" => 70,
        "eighty" => 80,
        "ninety" => 90,
        "hundred" => 100,
        "thousand" => 1_000,
        "million" => 1_000_000,
        _ => return None,
    })
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
    fn numbers_in_words() {
        for (text, expected) in [
            ("twenty-one", "21"),
            ("Twenty one.", "21"),
            ("two hundred and five birds", "205 birds"),
            ("twelve", "12"),
            ("three", "3"),
            ("1,234", "1234"),
            ("fifty percent", "50%"),
            ("50 %", "50%"),
            ("two thousand five hundred", "2500"),
            ("a hundred", "100"),
            ("twelve and a half", "12 and half"),
            ("2 cats and 3 dogs", "2 cats and 3 dogs"),
            ("９９", "99"),
        ] {
            assert_eq!(normalize(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn settles_on_any_text(text in "\\PC{0,200}") {
            let once = normalize(&text);
            proptest::prop_assert!(once.len() <= LONGEST_CHARS * 8);
        }
    }
}
