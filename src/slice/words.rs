//! What was found as text: the summary that `auditdm slices` prints, and a slice's file.
//!
//! Whatever models or users wrote is cut and free of what a terminal would obey.

use super::condition::shown;
use super::find::{Findings, Found, Part, Rate};
use super::score::Against;
use super::weakness::{Example, Weakness};
use std::fmt;

/// A slice as a file `slices/NAME.sql` holds it.
#[must_use]
pub fn saved(found: &Found) -> String {
    let Found {
        words,
        sql,
        target,
        elsewhere,
        ..
    } = found;
    format!(
        "-- {words}\n-- When it was found: {target}; elsewhere {:.1} %.\n{sql}\n",
        elsewhere.rate * 100.0
    )
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rate, low, high] = [self.rate, self.low, self.high].map(|share| share * 100.0);
        write!(
            f,
            "{} of {} wrong = {rate:.1} % ({low:.1}–{high:.1} %)",
            self.count, self.n
        )
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings {
            target,
            reference,
            against,
            conditions,
            counted,
            tested,
            min_rows,
            ..
        } = &self.findings;
        writeln!(
            f,
            "{}: {target}",
            self.target.as_deref().map_or("target".to_owned(), shown)
        )?;
        if let Some(reference) = reference {
            writeln!(f, "its reference: {reference}")?;
        }
        let (fewer, more) = match against {
            Against::Elsewhere => ("fewer failures than elsewhere", "more failures than elsewhere"),
            Against::Reference => (
                "fewer failures than the reference",
                "more failures than the reference",
            ),
        };
        let (weak, strong) = (&self.findings.weak, &self.findings.strong);
        writeln!(f, "\nStrong at ({fewer})")?;
        strong.iter().try_for_each(|found| line(f, "  ", found))?;
        if strong.is_empty() {
            writeln!(f, "  nothing that stood the test")?;
        }
        writeln!(f, "\nWeak at ({more})")?;
        for (at, found) in weak.iter().enumerate() {
            line(f, &format!("  {}. ", at + 1), found)?;
            writeln!(f, "     WHERE {}", found.sql)?;
            if found.parts.len() > 1 {
                let part = |part: &Part| format!("{} {:+.1}", part.words, part.contribution * 100.0);
                let parts: Vec<String> = found.parts.iter().map(part).collect();
                writeln!(
                    f,
                    "     of {:+.1} points: {}",
                    found.divergence * 100.0,
                    parts.join("; ")
                )?;
            }
            for example in self.examples.get(at).into_iter().flatten() {
                writeln!(f, "     · {example}")?;
            }
        }
        if weak.is_empty() {
            writeln!(f, "  nothing that stood the test")?;
        }
        writeln!(
            f,
            "\n{conditions} conditions, {counted} slices of {min_rows} rows or more counted on half of the images, {tested} \
             tested on the other; figures are of the other half"
        )?;
        self.findings
            .remarks
            .iter()
            .try_for_each(|remark| writeln!(f, "  {remark}"))
    }
}

fn line(f: &mut fmt::Formatter<'_>, start: &str, found: &Found) -> fmt::Result {
    write!(
        f,
        "{start}{}: {}, elsewhere {:.1} %",
        found.words,
        found.target,
        found.elsewhere.rate * 100.0
    )?;
    if let Some(reference) = found.reference {
        write!(f, ", reference {:.1} %", reference.rate * 100.0)?;
    }
    writeln!(f, "; q = {:.1e}", found.q)
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &Option<String>| text.as_deref().map_or("–".to_owned(), shown);
        let place = self.image_uri.as_ref().or(self.image_id.as_ref());
        write!(
            f,
            "{} target: {}; reference: {}; right: {} ({}, probe {})",
            text(&self.question),
            text(&self.target_answer),
            text(&self.reference_answers),
            text(&self.right_answer),
            text(&place.cloned()),
            self.probe_id
                .as_deref()
                .map_or("–".to_owned(), |id| id.chars().take(8).collect())
        )
    }
}
