//! Before and after, question by question: what a rectified model gained and lost in each category.

use crate::benchmark::statistic::{mcnemar, multiple};
use std::collections::BTreeMap;
use std::fmt;

/// One category, or all.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The category; `(all)` for all questions.
    pub category: String,
    /// Questions asked before and after.
    pub asked: u64,
    /// Right before.
    pub before: u64,
    /// Right after.
    pub after: u64,
    /// Right before only, and after only.
    pub lost: u64,
    /// Right after only.
    pub gained: u64,
    /// Exact McNemar test, two-sided, adjusted over the categories (Benjamini–Hochberg); not adjusted for all.
    pub p_value: f64,
}

/// A category's questions, each right before and after or not, to changes: all first, then by name.
pub(super) fn changes(answered: &[(String, bool, bool)]) -> Vec<Change> {
    let mut by_category: BTreeMap<&str, Vec<(bool, bool)>> = BTreeMap::new();
    for (category, before, after) in answered {
        by_category.entry(category).or_default().push((*before, *after));
    }
    let mut changes: Vec<Change> = by_category
        .into_iter()
        .map(|(category, pairs)| change(category, &pairs))
        .collect();
    let p_values: Vec<f64> = changes.iter().map(|change| change.p_value).collect();
    let adjusted = multiple::adjusted(&p_values, multiple::Dependence::Positive);
    for (change, p_value) in changes.iter_mut().zip(adjusted) {
        change.p_value = p_value;
    }
    let all: Vec<(bool, bool)> = answered
        .iter()
        .map(|(_, before, after)| (*before, *after))
        .collect();
    changes.insert(0, change("(all)", &all));
    changes
}

/// All questions, right before and with the last state or not.
pub(super) fn last(before: &[bool], last: &[bool]) -> Change {
    let pairs: Vec<(bool, bool)> = before.iter().copied().zip(last.iter().copied()).collect();
    change("(all)", &pairs)
}

fn change(category: &str, pairs: &[(bool, bool)]) -> Change {
    let count = |is: fn(&(bool, bool)) -> bool| pairs.iter().filter(|pair| is(pair)).count() as u64;
    let (lost, gained) = (count(|pair| pair.0 && !pair.1), count(|pair| !pair.0 && pair.1));
    Change {
        category: category.to_owned(),
        asked: pairs.len() as u64,
        before: count(|pair| pair.0),
        after: count(|pair| pair.1),
        lost,
        gained,
        p_value: mcnemar::exact(lost as i64, gained as i64).unwrap_or(1.0),
    }
}

impl fmt::Display for Change {
    /// A row of a Markdown table.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let percent = |count: u64| 100.0 * count as f64 / self.asked.max(1) as f64;
        write!(
            formatter,
            "| {} | {} | {:.1} % | {:.1} % | {} | {} | {:.2e} |",
            self.category,
            self.asked,
            percent(self.before),
            percent(self.after),
            self.gained,
            self.lost,
            self.p_value
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_and_losses_are_counted_by_category() {
        let mut answered = vec![("counting".to_owned(), false, true); 12];
        answered.extend(vec![("counting".to_owned(), true, false); 2]);
        answered.extend(vec![("clocks".to_owned(), true, true); 5]);
        let changes = changes(&answered);
        let names: Vec<&str> = changes.iter().map(|change| change.category.as_str()).collect();
        assert_eq!(names, ["(all)", "clocks", "counting"]);
        let counting = &changes[2];
        assert_eq!((counting.asked, counting.before, counting.after), (14, 2, 12));
        // Exact: 2 · P(X ≤ 2), X ~ Binomial(14, ½), is 0.012939453125; times two categories.
        assert!(
            (counting.p_value - 2.0 * 0.012_939_453_125).abs() < 1e-12,
            "{}",
            counting.p_value
        );
        assert!((changes[0].p_value - 0.012_939_453_125).abs() < 1e-12);
        assert!((changes[1].p_value - 1.0).abs() < 1e-12);
        assert_eq!(
            changes[2].to_string(),
            "| counting | 14 | 14.3 % | 85.7 % | 12 | 2 | 2.59e-2 |"
        );
    }
}
