//! Paths with wildcards and placeholders: `{country}/{store}/**/*.jpg`.

use regex::Regex;
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

/// What the names below a folder must look like, and which columns they hold.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    regex: Regex,
    columns: Vec<String>,
}

impl Pattern {
    /// Splits a path at the first segment with a wildcard: the folder to list, and what must match below it.
    pub(super) fn split(path: &str) -> (&str, &str) {
        let Some(wildcard) = path.find(['*', '?', '{']) else {
            return (path, "");
        };
        path[..wildcard]
            .rfind('/')
            .map_or(("", path), |slash| (&path[..slash], &path[slash + 1..]))
    }

    /// `*` and `?` stay within a segment, `**` does not; `{a,b}` is a choice, `{name}` a column. An empty
    /// pattern or one that ends in `/` takes everything below.
    pub(super) fn parse(glob: &str) -> Result<Self, String> {
        let glob = if glob.is_empty() || glob.ends_with('/') {
            format!("{glob}**")
        } else {
            glob.to_owned()
        };
        let mut regex = String::from("^");
        let mut columns = Vec::new();
        let mut rest = glob.as_str();
        while let Some(next) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("**/") {
                regex.push_str("(?:.*/)?");
                rest = after;
            } else if let Some(after) = rest.strip_prefix("**") {
                regex.push_str(".*");
                rest = after;
            } else if next == '{' {
                let end = rest
                    .find('}')
                    .ok_or_else(|| format!("`{{` without `}}` in `{glob}`"))?;
                regex.push_str(&braces(&rest[1..end], &mut columns)?);
                rest = &rest[end + 1..];
            } else {
                match next {
                    '*' => regex.push_str("[^/]*"),
                    '?' => regex.push_str("[^/]"),
                    literal => regex.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4]))),
                }
                rest = &rest[next.len_utf8()..];
            }
        }
        regex.push('$');
        let regex = Regex::new(&regex).map_err(|error| format!("pattern `{glob}`: {error}"))?;
        Ok(Self { regex, columns })
    }

    /// The columns of a path below the folder; none where it does not match. Values are in Unicode's NFC, so
    /// that those which look equal are equal.
    pub(super) fn columns(&self, path: &str) -> Option<Map<String, Value>> {
        let captures = self.regex.captures(path)?;
        let value = |name: &String| Value::String(captures[name.as_str()].nfc().collect());
        Some(
            self.columns
                .iter()
                .map(|name| (name.clone(), value(name)))
                .collect(),
        )
    }
}

fn braces(inside: &str, columns: &mut Vec<String>) -> Result<String, String> {
    if inside.contains(',') {
        let choices: Vec<String> = inside.split(',').map(regex::escape).collect();
        return Ok(format!("(?:{})", choices.join("|")));
    }
    let is_name = inside.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && inside
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || each == '_');
    if !is_name {
        return Err(format!(
            "`{{{inside}}}` is no column name; use letters, digits and _"
        ));
    }
    if columns.iter().any(|column| column == inside) {
        return Err(format!(
            "the placeholder `{{{inside}}}` stands twice; name each column once"
        ));
    }
    columns.push(inside.to_owned());
    Ok(format!("(?P<{inside}>[^/]+?)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matched(glob: &str, path: &str) -> Option<Value> {
        Pattern::parse(glob).unwrap().columns(path).map(Value::Object)
    }

    #[test]
    fn placeholders_become_columns() {
        let glob = "{country}/{store}/*.jpg";
        assert_eq!(
            matched(glob, "se/12/a.jpg"),
            Some(json!({"country": "se", "store": "12"}))
        );
        assert_eq!(matched(glob, "se/12/deep/a.jpg"), None);
        assert_eq!(
            matched("{year}-{shop}.png", "2024-no-7.png"),
            Some(json!({"year": "2024", "shop": "no-7"}))
        );
        // An accent as a combining character or not: one value.
        assert_eq!(
            matched("{city}/*", "Orle\u{301}ans/a"),
            matched("{city}/*", "Orl\u{e9}ans/a")
        );
    }

    #[test]
    fn wildcards_match_as_in_a_shell() {
        for (glob, path, hit) in [
            ("", "deep/down/a.jpg", true),
            ("**/*.jpg", "a.jpg", true),
            ("**/*.jpg", "x/y/a.jpg", true),
            ("x/**", "x/y/a.jpg", true),
            ("*.{jpg,png}", "a.png", true),
            ("*.{jpg,png}", "a.gif", false),
            ("a?.jpg", "ab.jpg", true),
            ("a?.jpg", "a/.jpg", false),
            ("a+(1).jpg", "a+(1).jpg", true),
        ] {
            assert_eq!(matched(glob, path).is_some(), hit, "{glob} on {path}");
        }
        assert_eq!(
            Pattern::split("photos/2024/{country}/*.jpg"),
            ("photos/2024", "{country}/*.jpg")
        );
        assert_eq!(Pattern::split("*.jpg"), ("", "*.jpg"));
    }

    #[test]
    fn bad_patterns_say_why() {
        for (glob, words) in [
            ("{a}/{a}", "twice"),
            ("{a", "without"),
            ("{a-b}", "column name"),
            ("{}", "column name"),
        ] {
            assert!(Pattern::parse(glob).unwrap_err().contains(words), "{glob}");
        }
    }
}
