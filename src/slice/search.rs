//! The search for slices, level by level, in the manner of SliceLine (Sagadeeva and Boehm 2021).
//!
//! In: bitmaps. Out: every slice of at most three conditions, on enough rows, whose mean value is above that of
//! all other rows and of the other rows of each slice that has one condition less, by `least_z` standard errors each. A
//! slice of k conditions is only counted where all its slices of k − 1 conditions hold on enough rows and could
//! still have a part that passes: the search leaves nothing out. More than half of the rows are no slice but what another
//! leaves. A slice with the same rows as one with fewer conditions is
//! that one.

use super::frame::Half;
use super::score::{Counts, KINDS, Values};
use rayon::prelude::*;
use std::collections::HashMap;

/// Words of a bitmap that are counted at once: those of a few hundred conditions stay in the processor's cache.
const BLOCK: usize = 512;
/// Of the slices that pass, so many with the largest contrast are returned.
const MOST_FOUND: usize = 2_000;

/// A slice that passes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    /// In ascending order.
    pub(super) conditions: Vec<u32>,
    /// On the half on which it was found.
    pub(super) counts: Counts,
    /// The least of its z: against all other rows and against those of each slice with one condition less.
    pub(super) contrast: f64,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim {
    pub(super) values: Values,
    pub(super) conditions: usize,
    pub(super) fewest: u32,
    pub(super) least_z: f64,
}

/// A slice and the conditions that may join it.
struct Parent {
    conditions: Vec<u32>,
    joining: Vec<u32>,
}

/// The slices that pass, and how many were counted.
pub(super) fn search(half: &Half, exclusive: &[usize], aim: Aim) -> (Vec<Candidate>, usize) {
    let all = half.all;
    let singles: Vec<Counts> = half.bitmaps.par_iter().map(|bitmap| half.count(bitmap)).collect();
    let mut counted = singles.len();
    let mut found: Vec<Candidate> = Vec::new();
    for (number, counts) in singles.iter().enumerate() {
        found.extend(aim.candidate(vec![number as u32], *counts, &[all], all));
    }
    let open: Vec<u32> = (0..singles.len() as u32)
        .filter(|number| aim.may_have_parts(singles[*number as usize], all))
        .collect();

    let mut pairs: HashMap<(u32, u32), Counts> = HashMap::new();
    if aim.conditions >= 2 {
        let parents = open.iter().enumerate().map(|(at, first)| {
            let apart = |second: &&u32| exclusive[**second as usize] != exclusive[*first as usize];
            vec![Parent {
                conditions: vec![*first],
                joining: open[at + 1..].iter().filter(apart).copied().collect(),
            }]
        });
        let levels = count_all(half, parents.collect(), |first, second, counts| {
            let parts = [singles[first[0] as usize], singles[second as usize]];
            let new = parts.iter().all(|part| part.n() > counts.n());
            (new && counts.n() >= aim.fewest).then(|| {
                let conditions = vec![first[0], second];
                (
                    aim.candidate(conditions, counts, &parts, all),
                    ((first[0], second), counts),
                )
            })
        });
        for (tried, kept) in levels {
            counted += tried;
            for (candidate, (pair, counts)) in kept {
                found.extend(candidate);
                if aim.may_have_parts(counts, all) {
                    pairs.insert(pair, counts);
                }
            }
        }
    }

    if aim.conditions >= 3 {
        let mut partners: HashMap<u32, Vec<u32>> = HashMap::new();
        for (first, second) in pairs.keys() {
            partners.entry(*first).or_default().push(*second);
        }
        for seconds in partners.values_mut() {
            seconds.sort_unstable();
        }
        let parents = open.iter().filter_map(|first| {
            let seconds = partners.get(first)?;
            let parent = |(at, second): (usize, &u32)| Parent {
                conditions: vec![*first, *second],
                joining: seconds[at + 1..]
                    .iter()
                    .filter(|third| pairs.contains_key(&(*second, **third)))
                    .copied()
                    .collect(),
            };
            Some(seconds.iter().enumerate().map(parent).collect())
        });
        let levels = count_all(half, parents.collect(), |pair, third, counts| {
            let parts = [(pair[0], pair[1]), (pair[0], third), (pair[1], third)].map(|pair| pairs[&pair]);
            let new = parts.iter().all(|part| part.n() > counts.n());
            let conditions = vec![pair[0], pair[1], third];
            (new && counts.n() >= aim.fewest)
                .then(|| aim.candidate(conditions, counts, &parts, all))
                .flatten()
        });
        for (tried, kept) in levels {
            counted += tried;
            found.extend(kept);
        }
    }
    let by_contrast = |a: &Candidate, b: &Candidate| {
        b.contrast
            .total_cmp(&a.contrast)
            .then_with(|| a.conditions.cmp(&b.conditions))
    };
    found.sort_by(by_contrast);
    found.truncate(MOST_FOUND);
    (found, counted)
}

impl Aim {
    /// The slice, if it passes; `parts` are the slices with one condition less.
    fn candidate(
        &self,
        conditions: Vec<u32>,
        counts: Counts,
        parts: &[Counts],
        all: Counts,
    ) -> Option<Candidate> {
        if counts.n() < self.fewest || 2 * counts.n() > all.n() {
            return None;
        }
        let mut contrast = self.values.z(counts, all);
        for part in parts {
            // Where nothing varies in a part, the slice is no better than it.
            contrast = contrast.min(
                Some(self.values.z(counts, *part))
                    .filter(|z| !z.is_nan())
                    .unwrap_or(0.0),
            );
        }
        (contrast >= self.least_z).then_some(Candidate {
            conditions,
            counts,
            contrast,
        })
    }

    fn may_have_parts(&self, counts: Counts, all: Counts) -> bool {
        counts.n() >= self.fewest && self.values.most(counts, all, self.fewest) >= self.least_z
    }
}

/// Counts every parent with every condition that may join it; `keep` sees each. The parents of one group share their first
/// condition and are counted by one thread.
fn count_all<T: Send>(
    half: &Half,
    groups: Vec<Vec<Parent>>,
    keep: impl Fn(&[u32], u32, Counts) -> Option<T> + Sync,
) -> Vec<(usize, Vec<T>)> {
    let one = |parents: Vec<Parent>| {
        let counts = pulp::Arch::new().dispatch(|| count(half, &parents));
        let mut kept = Vec::new();
        for (parent, counts) in parents.iter().zip(&counts) {
            for (joining, counts) in parent.joining.iter().zip(counts) {
                kept.extend(keep(&parent.conditions, *joining, *counts));
            }
        }
        (counts.iter().map(Vec::len).sum(), kept)
    };
    // Groups become smaller towards the end: small pieces keep all threads busy.
    groups.into_par_iter().with_max_len(1).map(one).collect()
}

#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "it must be compiled for the vectors of its caller"
)]
fn count(half: &Half, parents: &[Parent]) -> Vec<Vec<Counts>> {
    let mut counts: Vec<Vec<Counts>> = parents
        .iter()
        .map(|parent| vec![Counts::default(); parent.joining.len()])
        .collect();
    let mut both = [0_u64; BLOCK];
    for kind in 0..KINDS {
        let words = half.words[kind].clone();
        for start in words.clone().step_by(BLOCK) {
            let block = start..words.end.min(start + BLOCK);
            for (parent, counts) in parents.iter().zip(&mut counts) {
                let first = &half.bitmaps[parent.conditions[0] as usize][block.clone()];
                let rows = match parent.conditions.get(1) {
                    None => first,
                    Some(second) => {
                        let second = &half.bitmaps[*second as usize][block.clone()];
                        both.iter_mut()
                            .zip(first)
                            .zip(second)
                            .for_each(|((both, a), b)| *both = a & b);
                        &both[..first.len()]
                    }
                };
                for (joining, counts) in parent.joining.iter().zip(counts) {
                    let other = &half.bitmaps[*joining as usize][block.clone()];
                    counts.0[kind] += rows
                        .iter()
                        .zip(other)
                        .map(|(a, b)| (a & b).count_ones())
                        .sum::<u32>();
                }
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slice::Against;
    use crate::slice::frame::{Frame, Halves};
    use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use std::sync::Arc;

    /// Rows of four attributes with three values each; the first two decide together who fails.
    fn halves(rows: usize) -> Halves {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let drawn: Vec<[usize; 4]> = (0..rows)
            .map(|_| [(); 4].map(|()| random.random_range(0..3)))
            .collect();
        let mut flags = |rate: fn(&[usize; 4]) -> f64| -> ArrayRef {
            let flags = drawn.iter().map(|row| Some(random.random_bool(rate(row))));
            Arc::new(flags.collect::<BooleanArray>())
        };
        let mut columns = vec![
            (
                "t",
                flags(|row| {
                    if row[0] == 1 && row[1] == 2 {
                        0.7
                    } else {
                        0.1 + 0.1 * row[2] as f64
                    }
                }),
            ),
            ("r", flags(|_| 0.2)),
        ];
        let texts = |of: &dyn Fn(usize) -> usize| -> ArrayRef {
            Arc::new(
                (0..rows)
                    .map(|row| Some(of(row).to_string()))
                    .collect::<StringArray>(),
            )
        };
        columns.push(("root", texts(&|row| row)));
        for (at, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
            columns.push((name, texts(&|row| drawn[row][at])));
        }
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut frame = Frame::new(&batch.schema(), &[]);
        frame.push(&batch).unwrap();
        frame.split(Some(5)).0
    }

    /// Every slice, counted and compared one by one without any bound.
    fn all_of_them(halves: &Halves, aim: Aim) -> Vec<Vec<u32>> {
        let half = &halves.found;
        let count = |conditions: &[u32]| match conditions {
            [] => half.all,
            some => half.count(&half.rows(some)),
        };
        let n = half.bitmaps.len() as u32;
        let mut slices: Vec<Vec<u32>> = (0..n).map(|a| vec![a]).collect();
        slices.extend((0..n).flat_map(|a| (a + 1..n).map(move |b| vec![a, b])));
        slices.extend(
            (0..n).flat_map(|a| (a + 1..n).flat_map(move |b| (b + 1..n).map(move |c| vec![a, b, c]))),
        );
        let passes = |slice: &Vec<u32>| {
            let counts = count(slice);
            let parts = (0..slice.len()).map(|at| {
                let mut part = slice.clone();
                part.remove(at);
                count(&part)
            });
            let z = |of| aim.values.z(counts, of);
            (aim.fewest..=half.all.n() / 2).contains(&counts.n())
                && z(half.all) >= aim.least_z
                && parts
                    .into_iter()
                    .all(|part| part.n() > counts.n() && z(part) >= aim.least_z)
        };
        slices.retain(passes);
        slices
    }

    #[test]
    fn bounds_leave_nothing_out() {
        let halves = halves(3_000);
        for (against, strengths, least_z) in [
            (Against::Elsewhere, false, 1.0),
            (Against::Elsewhere, false, 3.0),
            (Against::Elsewhere, true, 1.5),
            (Against::Reference, false, 1.0),
            (Against::Reference, true, 1.0),
        ] {
            let aim = Aim {
                values: against.values(strengths),
                conditions: 3,
                fewest: 5,
                least_z,
            };
            let (found, _) = search(&halves.found, &halves.exclusive, aim);
            for slice in &found {
                assert_eq!(
                    slice.counts,
                    halves.found.count(&halves.found.rows(&slice.conditions))
                );
            }
            let mut found: Vec<Vec<u32>> = found.into_iter().map(|slice| slice.conditions).collect();
            found.sort();
            let mut expected = all_of_them(&halves, aim);
            expected.sort();
            assert!(!expected.is_empty());
            assert_eq!(found, expected, "{against:?} {strengths} {least_z}");
        }
    }

    #[test]
    fn no_image_is_on_both_halves_and_no_row_is_lost() {
        let halves = halves(3_000);
        assert_eq!(halves.found.all.n() + halves.tested.all.n(), 3_000);
        assert!(halves.found.all.n().abs_diff(1_500) < 150);
        assert_eq!(halves.conditions.len(), 12);
    }
}
