//! Where the journal lies: on a local disk, wherever the tables are.

use crate::error::{Error, Result};
use crate::row::id;
use std::path::{Path, PathBuf};
use url::Url;

/// The folder for the answers to go to the tables at `tables` (a URL): below the configured one, or beside
/// local tables, or in the user's state folder. None for tables in memory, which do not outlive a process.
///
/// # Errors
/// [`Error::Store`] when the environment names no home.
pub fn folder(configured: Option<&str>, tables: &str) -> Result<Option<PathBuf>> {
    // Answers that wait for one set of tables are not another's.
    let name = id([tables]);
    if let Some(configured) = configured {
        return Ok(Some(Path::new(configured).join(name)));
    }
    let url = Url::parse(tables).ok();
    if url.as_ref().is_some_and(|url| url.scheme() == "memory") {
        return Ok(None);
    }
    if let Some(local) = url
        .filter(|url| url.scheme() == "file")
        .and_then(|url| url.to_file_path().ok())
    {
        return Ok(Some(local.join("_journal")));
    }
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = variable("XDG_STATE_HOME")
        .or_else(|| Some(variable("HOME")?.join(".local/state")))
        .or_else(|| variable("LOCALAPPDATA"));
    let state = state.ok_or_else(|| Error::Store {
        action: "keep a journal for",
        url: tables.to_owned(),
        source: "there is no home folder here; name a local one: `journal = \"path\"`".into(),
    })?;
    Ok(Some(state.join("auditdm/journal").join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_journals_of_their_own() {
        let place = |configured, tables| folder(configured, tables).unwrap();
        assert_eq!(
            place(None, "file:///data/audit/"),
            Some("/data/audit/_journal".into())
        );
        assert_eq!(place(None, "memory:///"), None);
        let (a, b) = (place(Some("j"), "s3://a/"), place(Some("j"), "s3://b/"));
        assert!(a != b && a.unwrap().starts_with("j"));
        let (a, b) = (place(None, "s3://a/"), place(None, "s3://b/"));
        assert!(a != b && a.unwrap().parent().unwrap().ends_with("auditdm/journal"));
    }
}
