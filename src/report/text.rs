//! Text of others on its way into a page: what would act on a reader is made visible, what is long is cut.

use crate::sql::output::is_obeyed;
use serde::Serialize;
use std::fmt::Write;

/// Longer texts are cut, in characters: a megabyte of answer is no example.
pub(super) const LONGEST: usize = 700;

/// The text as it may be shown: control characters and marks that turn the direction of writing get a visible stand-in,
/// and what is cut is counted.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LONGEST * 4));
    for each in text.chars().take(LONGEST) {
        match each {
            '\n' | '\t' => shown.push(each),
            each if is_obeyed(each) => {
                let _ = write!(shown, "⟨U+{:04X}⟩", each as u32);
            }
            each => shown.push(each),
        }
    }
    let left_out = text.chars().skip(LONGEST).count();
    if left_out > 0 {
        let _ = write!(shown, "… ({left_out} more characters)");
    }
    shown
}

/// Text as it may stand between tags and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for each in text.chars() {
        match each {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            each => escaped.push(each),
        }
    }
    escaped
}

/// JSON that may stand in a `script` element: nothing in it can close the element or open a comment.
pub(super) fn json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("a report's data have text keys");
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_and_nothing_is_endless() {
        assert_eq!(
            shown("a\u{1b}[31m\r\n\u{202e}b\u{9b}"),
            "a⟨U+001B⟩[31m⟨U+000D⟩\n⟨U+202E⟩b⟨U+009B⟩"
        );
        let long = shown(&"ä".repeat(1_000_000));
        assert_eq!(long.chars().filter(|each| *each == 'ä').count(), LONGEST);
        assert!(
            long.ends_with("(999300 more characters)"),
            "{}",
            &long[long.len() - 40..]
        );
    }

    #[test]
    fn no_markup_survives() {
        assert_eq!(
            escaped("<a b='c' d=\"e\">&"),
            "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;"
        );
        let data = json(&["</script><!--<script>"]);
        assert!(!data.contains('<'), "{data}");
        assert_eq!(
            serde_json::from_str::<Vec<String>>(&data).unwrap(),
            ["</script><!--<script>"]
        );
    }
}
