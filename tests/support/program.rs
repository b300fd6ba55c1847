//! The program as its users start it.

use std::path::Path;
use std::process::{Command, Output};

/// Runs it in a folder: its exit code, what it said, and what it complained of.
pub(crate) fn auditdm(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_auditdm"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}
