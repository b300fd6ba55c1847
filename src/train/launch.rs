//! The process that training wants: candle's own threads spin while they wait, which costs more than half of
//! the processor when every core already has a shard to work on; and memory that is given back to the system
//! after every operation has to be cleared again for the next.
//!
//! Both are settings of the environment, read once by a process, so the command starts itself again with them.

use crate::error::{Error, Result};
use std::process::{Command, ExitStatus};

/// candle on one thread; the allocator keeps for ten seconds what a step gives back, since the next one takes it again.
const SETTINGS: [(&str, &str); 2] = [
    ("CANDLE_NUM_THREADS", "1"),
    (
        "_RJEM_MALLOC_CONF",
        "dirty_decay_ms:10000,muzzy_decay_ms:10000,oversize_threshold:0",
    ),
];

/// Runs this very command again with the settings and gives its status; nothing where they are set already.
pub fn relaunch() -> Result<Option<ExitStatus>> {
    let (first, _) = SETTINGS[0];
    if std::env::var_os(first).is_some() {
        return Ok(None);
    }
    let failed = |source| Error::File {
        action: "start",
        path: "auditdm".into(),
        source,
    };
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1)).envs(SETTINGS);
    command.status().map(Some).map_err(failed)
}
