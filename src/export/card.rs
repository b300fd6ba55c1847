//! The data card of an export, `README.md`: what is in it, how many, from where, with which certainty.

use super::writer::Usage;
use super::{Exported, Options};
use crate::sample::Sample;
use crate::sql::function::wilson;
use crate::sql::output::is_obeyed;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Different values that are counted apart.
const MOST_VALUES: usize = 200;

/// What was counted on the way.
#[derive(Debug, Default)]
pub(super) struct Card {
    rows: usize,
    left_out: BTreeMap<String, usize>,
    /// Rows, those where the target's answer is known, and those where it is wrong, by category.
    categories: BTreeMap<String, [i64; 3]>,
    sources: BTreeMap<String, usize>,
    licences: BTreeMap<String, usize>,
    models: BTreeMap<String, usize>,
}

fn add<T: Default>(counts: &mut BTreeMap<String, T>, value: String, count: impl FnOnce(&mut T)) {
    let known = counts.len() < MOST_VALUES || counts.contains_key(&value);
    count(
        counts
            .entry(if known { value } else { "(others)".to_owned() })
            .or_default(),
    );
}

impl Card {
    pub(super) fn count(&mut self, sample: &Sample) {
        let or = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
        self.rows += 1;
        let correct = sample.audit.get("audit_target_correct").and_then(Value::as_bool);
        add(
            &mut self.categories,
            or(&sample.category, "(none)"),
            |counts: &mut [i64; 3]| {
                counts[0] += 1;
                counts[1] += i64::from(correct.is_some());
                counts[2] += i64::from(correct == Some(false));
            },
        );
        add(
            &mut self.sources,
            or(&sample.label_source, "(not told)"),
            |count| *count += 1,
        );
        add(&mut self.licences, or(&sample.licence, "(not told)"), |count| {
            *count += 1;
        });
        for role in ["target", "references", "prober"] {
            if let Some(Value::String(name)) = sample.audit.get(&format!("audit_{role}")) {
                add(&mut self.models, format!("{role}: {name}"), |count| *count += 1);
            }
        }
    }

    pub(super) fn leave_out(&mut self, reason: String) {
        add(&mut self.left_out, reason, |count| *count += 1);
    }

    pub(super) fn exported(self) -> Exported {
        Exported {
            rows: self.rows,
            left_out: self.left_out.into_iter().collect(),
        }
    }

    pub(super) fn text(&self, options: &Options, usage: &Usage) -> String {
        let mut card = String::new();
        if !usage.front.is_empty() {
            let _ = write!(card, "---\n{}---\n", usage.front);
        }
        let name = cell(&options.name);
        let _ = write!(
            card,
            "# {name}\n\n{} question-image pairs with verified answers, written by auditdm {} from {}.\n\n\
             Load it with\n\n```\n{}\n```\n",
            self.rows,
            env!("CARGO_PKG_VERSION"),
            cell(&options.origin),
            usage.how.replace("```", "")
        );
        let splits = usage.splits.iter().map(|(split, rows)| (split.clone(), *rows));
        table(&mut card, "Splits", "split", splits);
        let _ = write!(
            card,
            "\n## Categories\n\n| category | rows | target wrong | 95 % interval |\n| --- | ---: | ---: | ---: |\n"
        );
        for (category, [rows, known, wrong]) in &self.categories {
            let interval = wilson::interval(*wrong, *known).map_or_else(
                || "not known".to_owned(),
                |(low, high)| format!("{:.1}–{:.1} %", low * 100.0, high * 100.0),
            );
            let _ = writeln!(
                card,
                "| {} | {rows} | {wrong} of {known} | {interval} |",
                cell(category)
            );
        }
        let counts = |counts: &BTreeMap<String, usize>| counts.clone().into_iter();
        table(
            &mut card,
            "Who says that the answers are right",
            "label_source",
            counts(&self.sources),
        );
        table(&mut card, "Models", "model", counts(&self.models));
        table(
            &mut card,
            "Licences of the images",
            "licence",
            counts(&self.licences),
        );
        if !self.left_out.is_empty() {
            table(&mut card, "Left out", "why", counts(&self.left_out));
        }
        card
    }
}

fn table(card: &mut String, title: &str, column: &str, rows: impl Iterator<Item = (String, usize)>) {
    let _ = write!(card, "\n## {title}\n\n| {column} | rows |\n| --- | ---: |\n");
    for (value, count) in rows {
        let _ = writeln!(card, "| {} | {count} |", cell(&value));
    }
}

/// Text of others as a cell of a Markdown table: no markup, one line, not endless.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for each in text.chars().take(160) {
        match each {
            each if is_obeyed(each) => cell.push(' '),
            '<' => cell.push_str("&lt;"),
            '&' => cell.push_str("&amp;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '!' => cell.extend(['\\', each]),
            each => cell.push(each),
        }
    }
    if text.chars().nth(160).is_some() {
        cell.push('…');
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_markup_in_a_cell() {
        assert_eq!(cell("a|<b>\n[x](y) \u{202e}*"), "a\\|&lt;b> \\[x\\](y)  \\*");
        assert_eq!(cell(&"x".repeat(1000)).chars().count(), 161);
    }
}
