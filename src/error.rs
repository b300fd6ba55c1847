//! The one error type. A failed row is data and travels in the tables; a failed system is an [`Error`].
//!
//! Messages are lower-case, name the path, model or column they are about, and end with the remedy.

use std::path::PathBuf;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong with the system (as opposed to with one row).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is wrong; all problems at once, each with its line and remedy.
    #[error("{path}: {} problem(s)\n{}", problems.len(), problems.join("\n"))]
    Config {
        /// The file that was read.
        path: String,
        /// One line a problem.
        problems: Vec<String>,
    },
    /// A training cannot begin.
    #[error("{0}")]
    Training(String),
    /// A local file could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// "read", "write", "create" …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An object store or a URL did not do what was asked.
    #[error("cannot {action} `{url}`: {source}")]
    Store {
        /// "list", "read", "write" …
        action: &'static str,
        /// The address, without credentials.
        url: String,
        /// The cause.
        source: Source,
    },
    /// An image source cannot be used as described.
    #[error("source `{url}`: {problem}")]
    ImageSource {
        /// The address of the source.
        url: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A table could not be opened, read or committed to.
    #[error("table `{table}` at `{url}`: {source}")]
    Table {
        /// The table's name.
        table: &'static str,
        /// Its root, without credentials.
        url: String,
        /// The cause.
        source: Source,
    },
    /// SQL that was refused or failed.
    #[error("sql: {problem}\n  in: {sql}")]
    Sql {
        /// What is wrong and what to do.
        problem: String,
        /// The statement.
        sql: String,
    },
    /// A selection that cannot be made or found.
    #[error("selection `{name}`: {problem}")]
    Selection {
        /// Its name.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A checkpoint folder is incomplete or does not fit the architecture.
    #[error("checkpoint `{}`: {problem}", path.display())]
    Checkpoint {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A model could not be set up or stopped for good.
    #[error("model `{model}`: {problem}")]
    Model {
        /// The model's name in the configuration.
        model: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A tensor operation failed.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// An Arrow batch could not be built or read.
    #[error("record batch: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// `DataFusion` failed while planning or executing.
    #[error("query engine: {0}")]
    DataFusion(#[from] datafusion::error::DataFusionError),
}
