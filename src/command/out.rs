//! Standard output whose reader may go away (`| head`): it has seen what it wanted.

use std::io::{self, ErrorKind, Write};

/// Standard output that takes a closed pipe for the end of interest, not for an error.
#[derive(Debug, Default)]
pub(super) struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}
