//! How Python reads numbers and list literals: the evaluators are written in it, and data sets carry its text.
//!
//! Nothing is evaluated: [`list`] is a parser for lists of strings and numbers with limits on size, and everything
//! else (calls, names, nesting, comprehensions) is an error that shows where.

/// A list literal with more text or items than this is no answer or option list.
const LONGEST_LIST_BYTES: usize = 1 << 20;
const MOST_ITEMS: usize = 10_000;

/// The zeros of the scripts whose ten digits Python's `float` and `\d` take for 0 to 9.
const ZEROS: [u32; 38] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0,
];

/// The value of a decimal digit of any script.
#[must_use]
pub fn digit(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let code = c as u32;
    let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code))?;
    Some((code - zero) as u8)
}

/// `float(text)`: surrounding blanks, underscores between digits and digits of any script are allowed, `inf` and
/// `nan` are numbers.
#[must_use]
pub fn float(text: &str) -> Option<f64> {
    let text = text.trim();
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut after_digit = false;
    while let Some(c) = chars.next() {
        if let Some(value) = digit(c) {
            plain.push(char::from(b'0' + value));
            after_digit = true;
        } else if c == '_' {
            let between = after_digit && chars.peek().is_some_and(|next| digit(*next).is_some());
            if !between {
                return None;
            }
            after_digit = false;
        } else {
            plain.push(c);
            after_digit = false;
        }
    }
    // Rust takes the same forms: sign, point, exponent, `inf`, `infinity`, `nan` in any case.
    plain.parse().ok()
}

/// `round(value, 2)`: the decimal expansion of the exact value, ties to even.
#[must_use]
pub fn round_2(value: f64) -> f64 {
    format!("{value:.2}").parse().unwrap_or(value)
}

/// The items of a Python list (or tuple) of strings and numbers, numbers as they are written.
///
/// # Errors
/// In words, with the character at which the text stops being such a list.
pub fn list(text: &str) -> Result<Vec<String>, String> {
    if text.len() > LONGEST_LIST_BYTES {
        return Err(format!(
            "a list of {} bytes is too long: the limit is {LONGEST_LIST_BYTES}",
            text.len()
        ));
    }
    let mut parser = Parser {
        chars: text.chars().collect(),
        at: 0,
    };
    let items = parser.list()?;
    parser.blanks();
    if parser.at < parser.chars.len() {
        return Err(parser.wrong("the end"));
    }
    Ok(items)
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn list(&mut self) -> Result<Vec<String>, String> {
        self.blanks();
        let close = match self.next() {
            Some('[') => ']',
            Some('(') => ')',
            _ => return Err(self.back("a list in brackets")),
        };
        let mut items = Vec::new();
        loop {
            self.blanks();
            if self.peek() == Some(close) {
                self.at += 1;
                return Ok(items);
            }
            if items.len() == MOST_ITEMS {
                return Err(format!("a list of more than {MOST_ITEMS} items is too long"));
            }
            items.push(self.item()?);
            self.blanks();
            match self.next() {
                Some(',') => {}
                Some(c) if c == close => return Ok(items),
                _ => return Err(self.back("`,` or the closing bracket")),
            }
        }
    }

    fn item(&mut self) -> Result<String, String> {
        let quoted = |parser: &Self| matches!(parser.peek(), Some('\'' | '"'));
        if quoted(self) {
            let mut text = self.string()?;
            self.blanks();
            // Neighbouring literals are one string.
            while quoted(self) {
                text.push_str(&self.string()?);
                self.blanks();
            }
            return Ok(text);
        }
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'))
        {
            self.at += 1;
        }
        let word: String = self.chars[start..self.at].iter().collect();
        if matches!(word.as_str(), "None" | "True" | "False") || float(&word).is_some_and(f64::is_finite) {
            return Ok(word);
        }
        self.at = start;
        Err(self.wrong("a string in quotes or a number"))
    }

    fn string(&mut self) -> Result<String, String> {
        let start = self.at;
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                Some('\\') => match self.escape() {
                    Some(characters) => text.extend(characters),
                    None => return Err(self.back("an escape of a string")),
                },
                c if c == quote => return Ok(text),
                Some('\n') | None => {
                    self.at = start;
                    return Err(self.wrong("a string whose quote is closed"));
                }
                Some(c) => text.push(c),
            }
        }
    }

    /// The characters that an escape stands for; none where Python would raise an error.
    fn escape(&mut self) -> Option<Vec<char>> {
        let c = self.next()?;
        Some(vec![match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            '\n' => return Some(Vec::new()),
            '\\' | '\'' | '"' => c,
            // Python keeps the backslash of an escape that it does not know.
            _ => {
                self.at -= 1;
                '\\'
            }
        }])
    }

    fn code(&mut self, digits: usize) -> Option<char> {
        let text: String = self.chars.get(self.at..self.at + digits)?.iter().collect();
        self.at += digits;
        char::from_u32(u32::from_str_radix(&text, 16).ok()?)
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += 1;
        c
    }

    fn back(&mut self, expected: &str) -> String {
        self.at = self.at.saturating_sub(1);
        self.wrong(expected)
    }

    fn wrong(&self, expected: &str) -> String {
        let rest: String = self.chars.iter().skip(self.at).take(20).collect();
        format!(
            "expected {expected} at character {}, found `{rest}`; a list of strings and numbers is read, nothing is \
             evaluated",
            self.at + 1
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_python_reads_them() {
        for (text, value) in [
            (" 1_000 ", Some(1000.0)),
            ("٥", Some(5.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e3", Some(1000.0)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("1,000", None),
            ("_1", None),
            ("1__0", None),
            ("0x10", None),
            ("", None),
        ] {
            assert_eq!(float(text), value, "{text}");
        }
        assert!(float("NaN").unwrap().is_nan());
        assert_eq!(
            (round_2(2.675), round_2(0.125), round_2(24.006)),
            (2.67, 0.12, 24.01)
        );
    }

    #[test]
    fn lists_are_read() {
        for (text, items) in [
            ("['a', \"b's\", 3.5]", vec!["a", "b's", "3.5"]),
            (" [ ] ", vec![]),
            ("('x',)", vec!["x"]),
            (
                r"['a\'b', 'tab\tx', '\u00e9', '$\alpha$', None]",
                vec!["a'b", "tab\tx", "é", r"$\alpha$", "None"],
            ),
            ("['one ' 'two', -1e3]", vec!["one two", "-1e3"]),
        ] {
            assert_eq!(list(text).unwrap(), items, "{text}");
        }
    }

    #[test]
    fn code_is_not_a_list() {
        for text in [
            "__import__('os').system('touch owned')",
            "['a', open('/etc/passwd').read()]",
            "[x for x in ()]",
            "['a' for _ in range(10**9)]",
            "['a' + 'b']",
            "[['nested']]",
            "['unclosed",
            "['a' 'b",
            "['a'] or exit()",
            "[1, 2",
            "[9**9**9]",
            r"['\x4']",
            "",
        ] {
            let error = list(text).unwrap_err();
            assert!(error.contains("expected"), "{text}: {error}");
        }
        assert!(list(&"[".repeat(2 << 20)).unwrap_err().contains("too long"));
        assert!(
            list(&format!("[{}]", "1,".repeat(20_000)))
                .unwrap_err()
                .contains("items")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]'\"\\\\,ux0-9 a\\n]{0,60}") {
            let _ = list(&text);
            let _ = float(&text);
        }
    }
}
