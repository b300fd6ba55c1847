//! Answers compare equal when they say the same thing: the VQAv2 rules, then numbers.
//!
//! After the VQAv2 rules ([`vqa`]) come number words beyond ten, percent signs and thousands separators.
//! Left out: spelling and stemming.

use super::vqa::vqa;
use regex::Regex;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// Longer answers are cut here before any rule looks at them.
const LONGEST_CHARS: usize = 4_000;

static THOUSANDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d{1,3}(?:,\d{3})+\b"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
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
