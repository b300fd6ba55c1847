//! A span of time in a configuration: `90m`, `12h`, `7d`, `2w`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A whole number of seconds, minutes, hours, days or weeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Age {
    seconds: u64,
}

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl Age {
    /// The span.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a span of time; write for example \"7d\" or \"12h\" (s, m, h, d, w)");
        let unit = text.chars().last().ok_or_else(wrong)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let count: u64 = text[..text.len() - 1].trim().parse().map_err(|_| wrong())?;
        let seconds = count
            .checked_mul(*factor)
            .filter(|seconds| i64::try_from(*seconds).is_ok());
        Ok(Self {
            seconds: seconds.ok_or_else(wrong)?,
        })
    }
}

impl TryFrom<String> for Age {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS
            .iter()
            .find(|(_, factor)| self.seconds.is_multiple_of(*factor));
        let (unit, factor) = whole.expect("every span is a multiple of a second");
        write!(formatter, "{}{unit}", self.seconds / factor)
    }
}

impl From<Age> for String {
    fn from(age: Age) -> Self {
        age.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        for (text, seconds, written) in [
            ("7d", 604_800, "1w"),
            ("12h", 43_200, "12h"),
            ("90 m", 5_400, "90m"),
            ("5s", 5, "5s"),
        ] {
            let age: Age = text.parse().unwrap();
            assert_eq!(
                (age.duration().as_secs(), age.to_string().as_str()),
                (seconds, written)
            );
        }
        for text in [
            "",
            "7",
            "d",
            "-1d",
            "7 days",
            "1.5h",
            "99999999999999999999w",
            "9999999999999999w",
            "7é",
        ] {
            assert!(
                text.parse::<Age>().unwrap_err().contains("span of time"),
                "{text}"
            );
        }
    }
}
