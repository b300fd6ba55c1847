//! A row of the table of methods, and the table as Markdown and CSV.

use super::Method;
use super::measure::Measured;
use super::twin::Twins;
use crate::benchmark::statistic::wilson;
use crate::train::rectify::Change;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// A share with its 95 % interval (Wilson).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "count of n")]
pub struct Share {
    pub count: u64,
    pub n: u64,
    pub low: f64,
    pub high: f64,
}

impl Share {
    fn new(count: u64, n: u64) -> Self {
        let (low, high) = wilson::interval(count as i64, n as i64).unwrap_or((0.0, 1.0));
        Self { count, n, low, high }
    }

    /// count / n; 0 of nothing.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.n.max(1) as f64
    }
}

/// How many times as often, with a 95 % interval by a bootstrap over images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields say it")]
pub struct Ratio {
    pub value: f64,
    pub interval: Option<(f64, f64)>,
}

/// What the target gained from a method's failures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mended {
    /// Failures that it learned from, beside as many labelled questions.
    pub rows: usize,
    /// Held-out questions of the lab that it was examined on.
    pub questions: u64,
    /// Right before.
    pub before: u64,
    /// Right after the last step.
    pub after: u64,
    /// Exact McNemar test, two-sided.
    pub p_value: f64,
}

impl Mended {
    pub(super) fn new(rows: usize, change: &Change) -> Self {
        Self {
            rows,
            questions: change.asked,
            before: change.before,
            after: change.after,
            p_value: change.p_value,
        }
    }

    /// Points of accuracy gained.
    #[must_use]
    pub fn points(&self) -> f64 {
        100.0 * (self.after as f64 - self.before as f64) / self.questions.max(1) as f64
    }
}

/// What one method came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub method: Method,
    /// Data scale: distinct valid pairs …
    pub pairs: u64,
    /// … and the share of a second round's pairs that are new: 0 for a fixed set, 1 for a source that does not dry up.
    pub fresh: Option<f64>,
    /// Weakness seeking: search success relative to the fixed set's on the same scenes.
    pub seeking: Option<Ratio>,
    /// Image weaknesses: failures on images of the method's making whose twin (the same question, the source's image)
    /// passes, of all failures.
    pub image_weaknesses: Share,
    /// Text weaknesses: failures on questions of the method's making whose twin (the question that was reworded, or most of
    /// the lab's questions of the same category, about the source's image) passes, of all failures.
    pub text_weaknesses: Share,
    /// Interpretability: failures within a slice that `auditdm slices` reports, of all failures.
    pub interpretability: Share,
    /// How many such slices there are.
    pub slices: usize,
    /// Rectification: accuracy on held-out questions before and after the target learned from the failures; none where there
    /// were none.
    pub rectification: Option<Mended>,
    /// Search success: failures by the lab's truth, of all probes.
    pub success: Share,
    /// Validity: valid pairs, of all probes.
    pub valid: Share,
    /// Categories with 2 % of the failures or more, and at least two.
    pub categories: usize,
    /// Cost: calls of all models and passes of attacks …
    pub calls: u64,
    /// … and seconds between the first and the end of the last, without pauses.
    pub seconds: f64,
}

impl Row {
    pub(super) fn new(
        method: Method,
        found: &Measured,
        fixed: &Measured,
        fresh: Option<f64>,
        twins: Twins,
        mended: Option<Mended>,
    ) -> Self {
        let of_failures = |count| Share::new(count, found.failures);
        Self {
            method,
            pairs: found.pairs,
            fresh,
            seeking: found
                .against(fixed)
                .map(|(value, interval)| Ratio { value, interval }),
            image_weaknesses: of_failures(twins.image),
            text_weaknesses: of_failures(twins.text),
            interpretability: of_failures(found.told),
            slices: found.slices,
            rectification: mended,
            success: Share::new(found.failures, found.probes),
            valid: Share::new(found.valid, found.probes),
            categories: found.categories,
            calls: found.calls,
            seconds: found.seconds,
        }
    }

    /// The target after labelled images alone.
    pub(super) fn control(method: Method, mended: Mended) -> Self {
        let nothing = Measured::default();
        Self::new(method, &nothing, &nothing, None, Twins::default(), Some(mended))
    }
}

const COLUMNS: [&str; 11] = [
    "method",
    "data scale: pairs (new in a second round)",
    "weakness seeking: × fixed set",
    "image weaknesses",
    "text weaknesses",
    "interpretability: in slices",
    "rectification: points (p)",
    "search success",
    "validity",
    "categories",
    "cost: calls, seconds",
];

/// Markdown, a row a method.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "| {} |\n|{}\n",
        COLUMNS.join(" | "),
        " --- |".repeat(COLUMNS.len())
    );
    for row in rows {
        let cells = cells(row);
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

fn cells(row: &Row) -> [String; 11] {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let whole = |share: &Share| match share.n {
        0 => "–".to_owned(),
        n => format!("{} ({} of {n})", percent(share.rate()), share.count),
    };
    let precise = |share: &Share| match share.n {
        0 => "–".to_owned(),
        _ => format!(
            "{:.1} % ({:.1}–{:.1})",
            100.0 * share.rate(),
            100.0 * share.low,
            100.0 * share.high
        ),
    };
    let asked = row.success.n > 0;
    let only = |text: String| if asked { text } else { "–".to_owned() };
    [
        row.method.name().to_owned(),
        only(format!(
            "{} ({})",
            row.pairs,
            row.fresh.map_or("–".to_owned(), percent)
        )),
        row.seeking
            .map_or("–".to_owned(), |Ratio { value, interval }| match interval {
                Some((low, high)) => format!("{value:.2} ({low:.2}–{high:.2})"),
                None => format!("{value:.2}"),
            }),
        whole(&row.image_weaknesses),
        whole(&row.text_weaknesses),
        match row.interpretability.n {
            0 => "–".to_owned(),
            _ => format!("{}, {} slices", whole(&row.interpretability), row.slices),
        },
        row.rectification.as_ref().map_or("–".to_owned(), |mended| {
            format!(
                "{:+.1} ({:.2}), {} rows",
                mended.points(),
                mended.p_value,
                mended.rows
            )
        }),
        precise(&row.success),
        precise(&row.valid),
        only(row.categories.to_string()),
        only(format!("{}, {:.0} s", row.calls, row.seconds)),
    ]
}

/// Every figure in a column of its own.
///
/// # Errors
/// Never where memory suffices.
pub fn csv(rows: &[Row]) -> Result<String, csv::Error> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "method",
        "probes",
        "pairs",
        "fresh",
        "seeking",
        "seeking_low",
        "seeking_high",
        "image_weaknesses",
        "text_weaknesses",
        "told",
        "slices",
        "rows",
        "examined",
        "right_before",
        "right_after",
        "p",
        "failures",
        "success",
        "success_low",
        "success_high",
        "valid",
        "categories",
        "calls",
        "seconds",
    ])?;
    let real = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    for row in rows {
        let (seeking, mended) = (row.seeking, row.rectification.as_ref());
        let bounds = seeking.and_then(|ratio| ratio.interval);
        let whole = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
        writer.write_record([
            row.method.name().to_owned(),
            row.success.n.to_string(),
            row.pairs.to_string(),
            real(row.fresh),
            real(seeking.map(|ratio| ratio.value)),
            real(bounds.map(|bounds| bounds.0)),
            real(bounds.map(|bounds| bounds.1)),
            row.image_weaknesses.count.to_string(),
            row.text_weaknesses.count.to_string(),
            row.interpretability.count.to_string(),
            row.slices.to_string(),
            whole(mended.map(|mended| mended.rows as u64)),
            whole(mended.map(|mended| mended.questions)),
            whole(mended.map(|mended| mended.before)),
            whole(mended.map(|mended| mended.after)),
            real(mended.map(|mended| mended.p_value)),
            row.success.count.to_string(),
            row.success.rate().to_string(),
            row.success.low.to_string(),
            row.success.high.to_string(),
            row.valid.count.to_string(),
            row.categories.to_string(),
            row.calls.to_string(),
            row.seconds.to_string(),
        ])?;
    }
    let bytes = writer.into_inner().map_err(::csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_was_counted_and_nothing_where_nothing_was() {
        let found = Measured {
            probes: 60,
            pairs: 50,
            valid: 55,
            failures: 20,
            categories: 7,
            slices: 2,
            told: 15,
            calls: 200,
            seconds: 12.3,
            ..Measured::default()
        };
        let mended = Mended {
            rows: 20,
            questions: 200,
            before: 140,
            after: 146,
            p_value: 0.25,
        };
        let twins = Twins { image: 5, text: 0 };
        let row = Row::new(
            Method::TextAttack,
            &found,
            &found,
            Some(1.0),
            twins,
            Some(mended.clone()),
        );
        let text = table(&[row.clone(), Row::control(Method::Nothing, mended)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[2],
            "| text attack | 50 (100 %) | – | 25 % (5 of 20) | 0 % (0 of 20) | 75 % (15 of 20), 2 slices | +3.0 (0.25), 20 \
             rows | 33.3 % (22.7–45.9) | 91.7 % (81.9–96.4) | 7 | 200, 12 s |"
        );
        assert_eq!(
            lines[3],
            "| (labelled images alone) | – | – | – | – | – | +3.0 (0.25), 20 rows | – | – | – | – |"
        );
        let sheet = csv(&[row]).unwrap();
        let widths: Vec<usize> = sheet.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(widths, [24, 24], "{sheet}");
    }
}
