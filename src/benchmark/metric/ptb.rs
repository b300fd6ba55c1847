//! Captions as tokens: the Penn Treebank rules of Stanford's tokenizer 3.4.1, as the COCO evaluation calls it.
//!
//! In: a caption. Out: lower-case tokens without the punctuation that the evaluation removes. Brackets survive as
//! `-lrb-` and so on, since the removal list is in upper case; runs like `!!!` survive, too. Left out: telephone numbers
//! in brackets, markup that spans words, and what the tokenizer does outside the basic plane (it drops it, as here).
//! Compared with the original in `tests/oracles/ptb_parity.py`.

mod rule;

use rule::Token;

/// The removal list of the evaluation, as far as lower-case tokens can be on it.
const REMOVED: [&str; 11] = ["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", ";"];

/// The tokens of a caption, in order.
#[must_use]
pub fn tokens(caption: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    each_token(caption, |token| tokens.push(token.to_owned()));
    tokens
}

/// Calls a function with every token of a caption; nothing is allocated for plain words in lower case.
pub(super) fn each_token(caption: &str, mut keep: impl FnMut(&str)) {
    let gap = |c: char| c.is_whitespace() || c == '\u{200b}';
    let mut chunks = caption.split(gap).filter(|chunk| !chunk.is_empty()).peekable();
    while let Some(chunk) = chunks.next() {
        if chunk.bytes().all(|byte| byte.is_ascii_lowercase()) && rule::parts(chunk).is_none() {
            keep(chunk);
            continue;
        }
        let next = chunks.peek().copied().unwrap_or_default();
        let mut rest = chunk;
        let mut before = None;
        while !rest.is_empty() {
            let (length, token) = rule::longest(rest, before, next);
            match token {
                Token::Nothing => {}
                Token::Fixed(text) => put(text, &mut keep),
                Token::Word => match rule::parts(&rest[..length]) {
                    Some((head, tail)) => {
                        put(head, &mut keep);
                        put(tail, &mut keep);
                    }
                    None => put(&rest[..length], &mut keep),
                },
            }
            before = rest[..length].chars().next_back();
            rest = &rest[length..];
        }
    }
}

fn put(token: &str, keep: &mut impl FnMut(&str)) {
    if REMOVED.contains(&token) {
        return;
    }
    if token
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
        && !token.contains(['(', ')'])
    {
        return keep(token);
    }
    let lower = token
        .to_lowercase()
        .replace('\u{2019}', "'")
        .replace('(', "-lrb-")
        .replace(')', "-rrb-");
    keep(&lower);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The original's output, `-preserveLines -lowerCase`, without the removal list.
    #[test]
    fn as_the_original() {
        for (caption, expected) in [
            (
                "He isn't, won't, couldn't've, y'all, ma'am",
                "he is n't wo n't could n't 've y' all ma'am",
            ),
            (
                "U.S. flag in St. Louis, 10 a.m. etc. and no. 5",
                "u.s. flag in st. louis 10 a.m. etc. and no. 5",
            ),
            (
                "say no. Then in. Plan B. The end",
                "say no then in plan b the end",
            ),
            (
                "1980's '80s 10:30pm 2.5m +4 a,1 1,000",
                "1980 's '80s 10:30 pm 2.5 m +4 a ,1 1,000",
            ),
            (
                "and/or a/b/c/d AT&T b&w 50% $5.00 £3 #1",
                "and/or a/b/c / d at&t b & w 50 % $ 5.00 # 3 # 1",
            ),
            (
                "“it’s” … wow!!! <b>x</b> a<b :) ½",
                "it 's wow !!! <b> x </b> a < b :-rrb- 1/2",
            ),
            (
                "'tis rock'n'roll more'n o'clock jack-o'-lantern",
                "'t is rock 'n' roll more 'n o'clock jack-o lantern",
            ),
            (
                "5ft. 8p.m. stop!now well-known x- _a_b",
                "5ft 8p m. stop!now well-known x _ a_b",
            ),
            ("emoji 😀 中文 naïve", "emoji 中文 naïve"),
            (
                "*** == __ ^_^ @user #tag a@b.com www.x.org",
                "*** = = __ ^_^ @user #tag a@b.com www.x.org",
            ),
        ] {
            assert_eq!(tokens(caption).join(" "), expected, "{caption}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_tokens_without_blanks(text in "\\PC{0,80}") {
            for token in tokens(&text) {
                proptest::prop_assert!(!token.is_empty() && !token.contains(' '));
            }
        }
    }
}
