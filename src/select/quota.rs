//! How many rows of each value make up a budget.

use std::collections::BTreeMap;

/// Exactly `budget` rows. Without quotas of their own all values get equal shares, and what a value cannot give the others
/// give.
///
/// # Errors
/// In words: which quota could not be filled.
pub(super) fn fill(
    available: &BTreeMap<String, usize>,
    wanted: &BTreeMap<String, usize>,
    budget: usize,
) -> Result<BTreeMap<String, usize>, String> {
    let total: usize = available.values().sum();
    if wanted.is_empty() {
        if total < budget {
            return Err(format!("{budget} rows are wanted and only {total} remain"));
        }
        return Ok(balanced(available, budget));
    }
    let sum: usize = wanted.values().sum();
    if sum != budget {
        return Err(format!(
            "the quotas come to {sum} rows, the budget is {budget}: make them equal"
        ));
    }
    let short: Vec<String> = wanted
        .iter()
        .map(|(value, rows)| (value, *rows, available.get(value).copied().unwrap_or_default()))
        .filter(|(_, rows, there)| there < rows)
        .map(|(value, rows, there)| format!("`{value}` wants {rows} rows and has {there}"))
        .collect();
    if short.is_empty() {
        Ok(wanted.clone())
    } else {
        Err(format!("quotas could not be filled: {}", short.join("; ")))
    }
}

/// Level by level: the values with few rows give all they have, the others equally, the largest what does not divide.
fn balanced(available: &BTreeMap<String, usize>, budget: usize) -> BTreeMap<String, usize> {
    let mut by_size: Vec<(&String, &usize)> = available.iter().collect();
    by_size.sort_by_key(|(_, rows)| **rows);
    let (mut left, mut values) = (budget, by_size.len());
    let mut quotas = BTreeMap::new();
    for (value, rows) in by_size {
        let quota = (left / values).min(*rows);
        quotas.insert(value.clone(), quota);
        left -= quota;
        values -= 1;
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(rows: &[(&str, usize)]) -> BTreeMap<String, usize> {
        rows.iter()
            .map(|(value, rows)| ((*value).to_owned(), *rows))
            .collect()
    }

    #[test]
    fn shares_are_equal_as_far_as_there_is_enough() {
        let none = BTreeMap::new();
        let fill = |available, budget| super::fill(&map(available), &none, budget);
        assert_eq!(
            fill(&[("a", 100), ("b", 3), ("c", 100)], 30),
            Ok(map(&[("a", 13), ("b", 3), ("c", 14)]))
        );
        assert_eq!(fill(&[("a", 2), ("b", 3)], 5), Ok(map(&[("a", 2), ("b", 3)])));
        assert!(
            fill(&[("a", 2), ("b", 3)], 6)
                .unwrap_err()
                .contains("only 5 remain")
        );
    }

    #[test]
    fn a_quota_that_cannot_be_filled_is_named() {
        let available = map(&[("a", 2), ("b", 3)]);
        assert_eq!(fill(&available, &map(&[("b", 3)]), 3), Ok(map(&[("b", 3)])));
        let error = fill(&available, &map(&[("a", 4), ("c", 1)]), 5).unwrap_err();
        assert!(
            error.contains("`a` wants 4 rows and has 2; `c` wants 1 rows and has 0"),
            "{error}"
        );
        assert!(
            fill(&available, &map(&[("a", 1)]), 5)
                .unwrap_err()
                .contains("make them equal")
        );
    }

    proptest! {
        #[test]
        fn the_budget_is_met_exactly(rows in prop::collection::vec(0_usize..50, 1..20), share in 0.0..1.0_f64) {
            let available: BTreeMap<String, usize> = rows.iter().enumerate().map(|(at, rows)| (format!("{at:02}"), *rows)).collect();
            let budget = (rows.iter().sum::<usize>() as f64 * share) as usize;
            let quotas = fill(&available, &BTreeMap::new(), budget).unwrap();
            prop_assert_eq!(quotas.values().sum::<usize>(), budget);
            let most = quotas.values().max().copied().unwrap_or_default();
            for (value, quota) in &quotas {
                prop_assert!(*quota <= available[value]);
                prop_assert!(*quota + 1 >= most || *quota == available[value], "{:?}", quotas);
            }
        }
    }
}
