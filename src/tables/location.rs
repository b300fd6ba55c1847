//! Where tables lie: a local folder, a bucket, or memory, behind one object store.
//!
//! Cloud credentials come from the environment, under the names that object_store gives them
//! (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME` …).

use super::TableName;
use crate::error::{Error, Result};
use object_store::ObjectStore;
use object_store::path::Path;
use std::sync::Arc;
use url::Url;

/// The root of an audit's tables.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    /// With a slash at the end; without credentials.
    pub(crate) url: Url,
    /// The whole store, of which `url` names a part.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// What `url` names.
    pub(crate) path: Path,
}

impl Location {
    /// Parses a local path or a `file://`, `memory://`, `s3://`, `gs://`, `az://` URL.
    pub(crate) fn parse(address: &str) -> Result<Self> {
        let mut url = match Url::parse(address) {
            // A single letter is a drive of a local path.
            Ok(url) if url.scheme().len() > 1 => url,
            _ => std::path::absolute(address)
                .ok()
                .and_then(|path| Url::from_directory_path(path).ok())
                .ok_or_else(|| refused(address, "name a local folder or a URL"))?,
        };
        url.set_query(None);
        url.set_fragment(None);
        // Nothing that is printed or stored from here on may hold a secret. In `abfss://container@account`
        // the user's place holds no user. Addresses that cannot have credentials refuse to lose them.
        let _ = url.set_password(None);
        if !url.scheme().starts_with("abfs") {
            let _ = url.set_username("");
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let environment = std::env::vars().filter(|(name, _)| {
            ["AWS_", "GOOGLE_", "AZURE_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        });
        let options = environment.map(|(name, value)| (name.to_lowercase(), value));
        let (store, path) =
            object_store::parse_url_opts(&url, options).map_err(|error| refused(url.as_str(), error))?;
        Ok(Self {
            url,
            store: store.into(),
            path,
        })
    }

    /// Refuses a folder that holds something other than tables of an audit.
    pub(super) async fn check(&self) -> Result<()> {
        let path = (!self.path.as_ref().is_empty()).then_some(&self.path);
        let listed = match self.store.list_with_delimiter(path).await {
            Ok(listed) => listed,
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(self.failed("list", error)),
        };
        let files = listed.objects.iter().map(|object| &object.location);
        let names: Vec<&str> = listed
            .common_prefixes
            .iter()
            .chain(files)
            .filter_map(|path| path.filename())
            .collect();
        if names.contains(&"_delta_log") {
            let problem = "this is one Delta table; tables of an audit need a folder of their own";
            return Err(self.failed("use", problem));
        }
        let is_known = |name: &&str| TableName::ALL.iter().any(|table| table.name() == *name);
        let foreign = names.iter().find(|name| !name.starts_with(['_', '.']));
        match foreign {
            Some(foreign) if !names.iter().any(is_known) => {
                let problem = format!(
                    "the folder holds `{foreign}` and no table of an audit; choose an empty or new folder"
                );
                Err(self.failed("use", problem))
            }
            _ => Ok(()),
        }
    }

    /// Where one table lies.
    pub(super) fn table_url(&self, table: TableName) -> Url {
        self.url
            .join(&format!("{}/", table.name()))
            .expect("a table's name is a plain word")
    }

    /// The same within the store.
    pub(super) fn table_path(&self, table: TableName) -> Path {
        self.path.clone().join(table.name())
    }

    fn failed(
        &self,
        action: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::Store {
            action,
            url: self.url.to_string(),
            source: source.into(),
        }
    }
}

fn refused(url: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Store {
        action: "use",
        url: url.to_owned(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_folders_without_secrets() {
        let url = |address| Location::parse(address).unwrap().url.to_string();
        assert!(url("some where").starts_with("file:///"));
        assert!(url("some where").ends_with("/some%20where/"));
        assert_eq!(url("file:///data/audit"), "file:///data/audit/");
        assert_eq!(url("memory://"), "memory:///");
        assert_eq!(url("s3://bucket/a/b?token=secret"), "s3://bucket/a/b/");
        assert_eq!(url("s3://user:secret@bucket/a/"), "s3://bucket/a/");
        assert_eq!(url("gs://bucket/a"), "gs://bucket/a/");
        let error = Location::parse("ftp://user:secret@host/x")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("ftp://host/x") && !error.contains("secret"),
            "{error}"
        );
        let error = Location::parse("az://container/x")
            .map(|_| ())
            .map_err(|error| error.to_string());
        // Without an account in the environment this names what is missing.
        assert!(error.is_ok() || error.unwrap_err().contains("az://container/x"));
    }

    #[tokio::test]
    async fn a_folder_of_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::parse(folder.path().to_str().unwrap()).unwrap();
        location.check().await.unwrap();
        std::fs::write(folder.path().join("_journal"), "").unwrap();
        location.check().await.unwrap();
        std::fs::write(folder.path().join("photo.jpg"), "").unwrap();
        let error = location.check().await.unwrap_err().to_string();
        assert!(
            error.contains("photo.jpg") && error.contains("empty or new"),
            "{error}"
        );
        std::fs::create_dir_all(folder.path().join("models/_delta_log")).unwrap();
        std::fs::write(
            folder.path().join("models/_delta_log/00000000000000000000.json"),
            "",
        )
        .unwrap();
        location.check().await.unwrap();
        let table = Location::parse(folder.path().join("models").to_str().unwrap()).unwrap();
        assert!(
            table
                .check()
                .await
                .unwrap_err()
                .to_string()
                .contains("one Delta table")
        );
    }
}
