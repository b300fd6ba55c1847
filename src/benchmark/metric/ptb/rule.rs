//! The longest token at the start of a text without blanks.

use regex::Regex;
use std::collections::HashSet;
use std::sync::LazyLock;

/// What was found.
pub(super) enum Token {
    /// The text as it is.
    Word,
    /// Another spelling.
    Fixed(&'static str),
    /// The tokenizer drops it.
    Nothing,
}

/// Abbreviations that keep their stop wherever they stand.
const ABBREVIATIONS: &str = "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri ala ariz \
    calif colo conn ct dak fla ga ind kan kans ky md mich minn mo mont neb nev okla penn tenn va vt wis wisc wyo mr \
    mrs ms dr drs prof profs sen sens rep reps atty attys lt col gen messrs gov govs adm rev maj sgt cpl pvt capt st \
    ste ave pres lieut hon brig cmdr comdr pfc spc supt supts det jr sr bros blvd rd esq inc co cos corp pty pte ptys \
    ltd plc bancorp dept bhd assn univ intl sys tel est ext sq ph etc al seq vs bldg ft cf mt natl mfg";
/// Those that are words in lower case.
const CAPITALISED: &str = "Az Ark Del Ill La Mass Miss Ore Pa Tex Wash";
/// Those that keep it before a number.
const BEFORE_NUMBERS: &str = "no nos prop ca fig figs art pp op";
/// Words that begin a sentence, so that a single letter's stop before them ends one.
const SENTENCE_STARTS: &str = "The This That These A An It He She In You We They There At But What When If As So Her Our \
    Their One After While Then Here Now Some Many According About Such";

static ALWAYS: LazyLock<HashSet<&str>> = LazyLock::new(|| ABBREVIATIONS.split_whitespace().collect());

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// Words, with apostrophes, hyphens, slashes, stops and ampersands inside.
static WORDS: LazyLock<[Regex; 6]> = LazyLock::new(|| {
    [
        r"^\p{L}[\p{L}\p{Nd}]*(?:[.!?]\p{L}[\p{L}\p{Nd}]*)*",
        r"^(?:[dDoOlL]['’]\p{L})?[\p{L}\p{Nd}]+(?:[-_](?:[dDoOlL]['’]\p{L})?[\p{L}\p{Nd}]+)*",
        r"^[A-Z]+(?:[+&][A-Z]+)+",
        r"^[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}",
        r"^\p{L}(?:\.\p{L})*\.|^(?i:ph|ed)\.d\.",
        r"^(?:\p{L}+[aeiouyAEIOUY]['’][aeiouA-Z]\p{L}*|[A-HJ-XZn]['’]\p{L}{2,}|(?i:c['’]mon|s['’]mores|ev['’]ry|li['’]l|nor['’]easter|nat['’]l|c['’]est|e['’]er|ol['’]))",
    ]
    .map(pattern)
});
static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[-+]?(?:\p{Nd}*(?:[.:,]\p{Nd}+)+|\p{Nd}+)"));
/// Addresses, names, tags, faces; only where one of their characters is in the text.
static ADDRESSES: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    [
        r#"^https?://[^\s<>"|(){}]+[^\s<>"|.!?(){},-]"#,
        r#"^(?:www\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:com|net|org|edu)(?:/[^\s<>"|(){}]*[^\s<>"|.!?(){},-])?"#,
        r#"^[A-Za-z0-9][^\s<>"|()@]*@(?:[^\s<>"|().@]+\.)+[^\s<>"|().@]*[A-Za-z]"#,
        r"^(?:#\p{L}[\p{L}\p{Nd}_]*|@[A-Za-z_][A-Za-z0-9_]+|</?[A-Za-z!?][^\s<>]*>|\^_\^)",
    ]
    .map(pattern)
});
static FACE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[:;=][-o*']?[()DPdpO{@|\[\]]"));
static ENDING: LazyLock<Regex> = LazyLock::new(|| pattern(r"^['’](?i:[smd]|re|ve|ll)"));
/// Words that begin with an apostrophe.
static CLIPPED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^['’](?:n['’]?|(?i:em|till?|cause|tis|twas)|[2-9]0s|[0-9]{2})"));

/// The two tokens of words that are two.
pub(super) fn parts(word: &str) -> Option<(&str, &str)> {
    let at = match word.len() {
        6 if word.eq_ignore_ascii_case("cannot") => 3,
        5 if ["gonna", "gotta", "wanna", "lemme", "gimme"]
            .iter()
            .any(|each| word.eq_ignore_ascii_case(each)) =>
        {
            3
        }
        4 if word.eq_ignore_ascii_case("'tis") => 2,
        5 if word.eq_ignore_ascii_case("'twas") => 2,
        _ => return None,
    };
    Some(word.split_at(at))
}

/// The longest token at the start of `text`, which has no blanks and is not empty; `before` stands before it without a
/// blank, and `next` follows after one.
pub(super) fn longest(text: &str, before: Option<char>, next: &str) -> (usize, Token) {
    let first = text.chars().next().expect("a text that is not empty");
    if first.is_alphanumeric() {
        if let Some(fraction) = fraction(first) {
            return (first.len_utf8(), Token::Fixed(fraction));
        }
        return (word(text, before, next), Token::Word);
    }
    if matches!(first, '\'' | '\u{2019}') {
        return apostrophe(text);
    }
    if let Some(length) = special(text) {
        return (length, Token::Word);
    }
    if let Some(found) = NUMBER.find(text) {
        return (found.end(), Token::Word);
    }
    let run = |wanted: &[char]| text.len() - text.trim_start_matches(wanted).len();
    let length = first.len_utf8();
    match first {
        '?' | '!' => (run(&['?', '!']), Token::Word),
        '*' => (run(&['*']), Token::Word),
        '_' => (run(&['_']), Token::Word),
        '-' => match run(&['-']) {
            long @ 5.. => (long, Token::Word),
            short => (short, Token::Nothing),
        },
        // Stops, dashes and quotes of all kinds are on the removal list.
        '.' | '…' | '\u{85}' | '–' | '—' | '―' | '"' | '`' | '‘' | '“' | '”' | '«' | '»' | '‹' | '›' => {
            (length, Token::Nothing)
        }
        '(' => (length, Token::Fixed("-lrb-")),
        ')' => (length, Token::Fixed("-rrb-")),
        '[' => (length, Token::Fixed("-lsb-")),
        ']' => (length, Token::Fixed("-rsb-")),
        '{' => (length, Token::Fixed("-lcb-")),
        '}' => (length, Token::Fixed("-rcb-")),
        '£' => (length, Token::Fixed("#")),
        '€' => (length, Token::Fixed("$")),
        '&' => entity(text),
        c if u32::from(c) > 0xFFFF || c.is_control() => (length, Token::Nothing),
        _ => (length, Token::Word),
    }
}

fn word(text: &str, before: Option<char>, next: &str) -> usize {
    let letters = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    // "is" of "isn't": the ending "n't" is a token of its own, and so it is without anything before it.
    if let Some(after) = text[letters..].strip_prefix(['\'', '\u{2019}'])
        && after.starts_with(['t', 'T'])
        && !after[1..].starts_with(char::is_alphabetic)
        && text[..letters].ends_with(['n', 'N'])
    {
        return match letters - 1 {
            0 => text.len() - after.len() + 1,
            stem => stem,
        };
    }
    if letters == 1
        && text.starts_with(['y', 'Y'])
        && text[1..].starts_with('\'')
        && text[2..].starts_with(char::is_alphabetic)
    {
        return 2;
    }
    if letters > 0
        && text[letters..].starts_with('$')
        && text[..letters].bytes().all(|b| b.is_ascii_uppercase())
    {
        return letters + 1;
    }
    let mut longest = WORDS
        .iter()
        .chain([&*NUMBER])
        .filter_map(|pattern| pattern.find(text))
        .map(|found| found.end())
        .max()
        .unwrap_or(text.chars().next().map_or(1, char::len_utf8));
    longest = longest.max(special(text).unwrap_or(0));
    if longest == 2 && text[letters..].starts_with('.') {
        let begins = |next: &str| SENTENCE_STARTS.split_whitespace().any(|word| word == next);
        longest -= usize::from(text.len() == 2 && begins(next));
    }
    let inside = before.is_some_and(char::is_alphanumeric);
    if longest == letters
        && text[letters..].starts_with('.')
        && !inside
        && keeps_stop(&text[..letters], &text[letters + 1..], next)
    {
        longest += 1;
    }
    longest
}

fn keeps_stop(word: &str, after: &str, next: &str) -> bool {
    let lower = word.to_lowercase();
    let among = |list: &str, word: &str| list.split_whitespace().any(|each| each == word);
    let next = if after.is_empty() { next } else { after };
    let number = next.starts_with(|c: char| c.is_ascii_digit());
    ALWAYS.contains(lower.as_str()) || among(CAPITALISED, word) || (number && among(BEFORE_NUMBERS, &lower))
}

/// An ending, a clipped word, or a quote.
fn apostrophe(text: &str) -> (usize, Token) {
    let whole = |found: &regex::Match| !text[found.end()..].starts_with(char::is_alphabetic);
    if let Some(found) = ENDING.find(text).filter(whole) {
        return (found.end(), Token::Word);
    }
    let alone = |found: &regex::Match| {
        let (word, after) = (found.as_str(), &text[found.end()..]);
        let year = word.ends_with(|c: char| c.is_ascii_digit());
        let goes_on = |c: char| c.is_ascii_digit() || matches!(c, '\'' | '\u{2019}');
        // Only 'n' between words is closed by itself.
        word.ends_with(['\'', '\u{2019}']) || (whole(found) && !(year && after.starts_with(goes_on)))
    };
    match CLIPPED.find(text).filter(alone) {
        Some(found) => (found.end(), Token::Word),
        None => (text.chars().next().map_or(1, char::len_utf8), Token::Nothing),
    }
}

fn special(text: &str) -> Option<usize> {
    if !text.contains(['@', '#', '<', ':', ';', '=', '^', '.']) {
        return None;
    }
    let address = ADDRESSES
        .iter()
        .filter_map(|pattern| pattern.find(text))
        .map(|found| found.end())
        .max();
    address.or_else(|| {
        let face = FACE.find(text)?;
        let ends = !text[face.end()..].starts_with(|c: char| c.is_ascii_alphanumeric());
        ends.then_some(face.end())
    })
}

fn entity(text: &str) -> (usize, Token) {
    for (name, token) in [
        ("&amp;", Token::Fixed("&")),
        ("&lt;", Token::Fixed("<")),
        ("&gt;", Token::Fixed(">")),
        ("&quot;", Token::Nothing),
        ("&apos;", Token::Nothing),
        ("&nbsp;", Token::Nothing),
    ] {
        if text.starts_with(name) {
            return (name.len(), token);
        }
    }
    (1, Token::Word)
}

fn fraction(c: char) -> Option<&'static str> {
    Some(match c {
        '½' => "1/2",
        '¼' => "1/4",
        '¾' => "3/4",
        '⅓' => "1/3",
        '⅔' => "2/3",
        _ => return None,
    })
}
