//! The name of a model on the hub.

use std::fmt;

/// `org/name`, and a branch, tag or commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id {
    organisation: String,
    name: String,
    revision: Option<String>,
}

impl Id {
    /// Reads `org/name` or `org/name@revision`; `None` for whatever else a path may be.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, revision) = match text.split_once('@') {
            Some((name, revision)) => (name, Some(revision)),
            None => (text, None),
        };
        let (organisation, name) = name.split_once('/')?;
        // Each becomes the name of a folder and a part of an address.
        let part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && !part.contains("--")
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let whole = part(organisation) && part(name) && revision.is_none_or(|it| it.split('/').all(part));
        whole.then(|| Self {
            organisation: organisation.to_owned(),
            name: name.to_owned(),
            revision: revision.map(str::to_owned),
        })
    }

    /// `org/name`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.organisation, self.name)
    }

    /// The branch, tag or commit; `main` where none is named.
    pub(super) fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }

    /// Its folder in the cache.
    pub(super) fn folder(&self) -> String {
        format!("models--{}--{}", self.organisation, self.name)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())?;
        self.revision
            .as_ref()
            .map_or(Ok(()), |revision| write!(formatter, "@{revision}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_are_told_apart() {
        let id = Id::parse("google/paligemma2-3b-mix-224@refs/pr/4").unwrap();
        assert_eq!(id.name(), "google/paligemma2-3b-mix-224");
        assert_eq!(id.revision(), "refs/pr/4");
        assert_eq!(id.folder(), "models--google--paligemma2-3b-mix-224");
        assert_eq!(Id::parse("a/b").unwrap().revision(), "main");
        for path in [
            "checkpoint",
            "./a",
            "../a",
            "/a/b",
            "a/b/c",
            "a/",
            "a/b@",
            "a/b@../c",
            "a/b@x/../../y",
            "a/b?c",
            "s3://a",
        ] {
            assert_eq!(Id::parse(path), None, "{path}");
        }
    }
}
