//! Text on its way to a terminal, without what a terminal would obey: answers of models are hostile.

use crate::sql::output::is_obeyed;
use std::io::{self, Write};

/// The text on one line, cut after `longest` characters.
pub(super) fn line(text: &str, longest: usize) -> String {
    let shown = |each| if is_obeyed(each) { ' ' } else { each };
    let mut line: String = text.chars().take(longest).map(shown).collect();
    if text.chars().nth(longest).is_some() {
        line.push('…');
    }
    line
}

/// The text with its line breaks.
pub(super) fn lines(text: &str) -> String {
    let shown = |each| {
        if is_obeyed(each) && each != '\n' {
            ' '
        } else {
            each
        }
    };
    text.chars().map(shown).collect()
}

/// A terminal that only shows, whatever is written to it.
#[derive(Debug)]
pub(super) struct Plain<W> {
    terminal: W,
    /// The start of a character whose other bytes are still to come.
    begun: Vec<u8>,
}

impl<W> Plain<W> {
    pub(super) fn new(terminal: W) -> Self {
        Self {
            terminal,
            begun: Vec::new(),
        }
    }
}

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.begun) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.begun.len(),
        };
        let text = String::from_utf8_lossy(&self.begun[..whole]);
        self.terminal.write_all(lines(&text).as_bytes())?;
        self.begun.drain(..whole);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.terminal.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_obeyed_however_the_bytes_arrive() {
        let text = "a\u{1b}[31m\u{9b}2J\r\nß\u{202e}€\0\u{7f}𝄞";
        let shown = "a [31m 2J \nß €  𝄞";
        for length in 1..text.len() {
            let mut plain = Plain::new(Vec::new());
            for part in text.as_bytes().chunks(length) {
                plain.write_all(part).unwrap();
            }
            assert_eq!(
                String::from_utf8(plain.terminal).unwrap(),
                shown,
                "{length} bytes at a time"
            );
        }
        assert_eq!(line(text, 6), "a [31m…");
        assert_eq!(line("\n", 6), " ");
    }
}
