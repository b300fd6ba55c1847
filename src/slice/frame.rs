//! The rows of a search as bitmaps: one bitmap a condition, on each half of the root images.
//!
//! In: record batches with columns, outcomes and root images. Out: [`Halves`]: slices are found on one half and tested
//! on the other, and no image has rows on both. In a half, rows stand in the order of their kinds (who is wrong), each
//! kind from a new word on, so that one AND and one count of bits a word give all counts of a slice.

use super::column::{Column, Held, Tests};
use super::condition::{Condition, Test, shown};
use super::score::{Counts, KINDS};
use crate::error::{Error, Result};
use crate::sql::output::is_obeyed;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use std::collections::HashMap;
use std::ops::Range;

/// Bits of rows, as Arrow keeps them: the lowest of a word first.
pub(super) type Bitmap = ScalarBuffer<u64>;

/// Of a text's words, so many of those that are in the most rows are looked at.
const MOST_WORDS: usize = 200;

/// Columns, outcomes and root images as they arrive.
#[derive(Debug)]
pub struct Frame {
    columns: Vec<(usize, Column)>,
    kinds: Vec<u8>,
    roots: Vec<u32>,
    remarks: Vec<String>,
    /// Whether every row tells if the reference is wrong.
    reference_known: bool,
}

/// One half of the rows.
#[derive(Debug)]
pub(super) struct Half {
    /// For each condition, the rows on which it holds.
    pub(super) bitmaps: Vec<Bitmap>,
    /// The words of each kind.
    pub(super) words: [Range<usize>; KINDS],
    /// All rows.
    pub(super) all: Counts,
    /// The root image of each bit, numbered from 0.
    pub(super) roots: Vec<u32>,
    /// How many there are.
    pub(super) root_count: usize,
}

/// What is searched.
#[derive(Debug)]
pub(super) struct Halves {
    pub(super) conditions: Vec<Condition>,
    /// Conditions with the same number exclude each other.
    pub(super) exclusive: Vec<usize>,
    pub(super) found: Half,
    pub(super) tested: Half,
    pub(super) remarks: Vec<String>,
    pub(super) reference_known: bool,
}

impl Frame {
    /// A frame over batches of that schema, whose first three columns are the target's and the reference's failure and
    /// the root image. `words` names the texts that are looked at word by word.
    pub fn new(schema: &arrow::datatypes::Schema, words: &[String]) -> Self {
        let mut columns = Vec::new();
        let mut remarks = Vec::new();
        for (at, field) in schema.fields().iter().enumerate().skip(3) {
            let name = shown(field.name());
            // SQL has no way to spell such a name.
            if field.name().chars().any(is_obeyed) {
                remarks.push(format!("{name}: control characters in its name, left out"));
                continue;
            }
            match Column::new(field.name(), field.data_type(), words.contains(field.name())) {
                Some(column) => columns.push((at, column)),
                None => remarks.push(format!("{name}: a {}, left out", field.data_type())),
            }
        }
        Self {
            columns,
            kinds: Vec::new(),
            roots: Vec::new(),
            remarks,
            reference_known: true,
        }
    }

    /// Takes rows.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let flags = |at: usize| -> Result<ArrayRef> { Ok(cast(batch.column(at), &DataType::Boolean)?) };
        let (target, reference) = (flags(0)?, flags(1)?);
        self.reference_known &= reference.null_count() == 0;
        let outcomes = target.as_boolean().iter().zip(reference.as_boolean());
        self.kinds.extend(outcomes.map(|outcome| match outcome {
            (Some(true), Some(true)) => 2,
            (Some(true), _) => 0,
            (_, Some(true)) => 1,
            _ => 3,
        }));
        let roots = cast(batch.column(2), &DataType::Utf8)?;
        // Two images with one checksum count as one, which costs a little certainty and nothing else.
        let hash = |root: Option<&str>| crc32fast::hash(root.unwrap_or_default().as_bytes());
        self.roots.extend(roots.as_string::<i32>().iter().map(hash));
        for (at, column) in &mut self.columns {
            column.push(batch.column(*at))?;
        }
        if u32::try_from(self.kinds.len()).is_err() {
            return Err(Error::Sql {
                problem: "more than 4 billion rows: ask for fewer with --from \"SELECT …\"".to_owned(),
                sql: "slices".to_owned(),
            });
        }
        Ok(())
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> usize {
        self.kinds.len()
    }

    /// Which half a root image is on: the checksum's bits, mixed.
    fn is_tested(root: u32) -> bool {
        root.wrapping_mul(0x9E37_79B9) >> 31 == 1
    }

    /// The bitmaps of all conditions that hold on at least `fewest` rows of the half on which slices are found (none: at
    /// least 30 and a two-thousandth of its rows).
    pub(super) fn split(self, fewest: Option<u32>) -> (Halves, u32) {
        let mut remarks = self.remarks;
        let tested: Vec<bool> = self.roots.iter().map(|root| Self::is_tested(*root)).collect();
        let [found, tested_rows] = [false, true].map(|which| Layout::new(&self.kinds, &tested, which));
        let fewest = fewest.unwrap_or((found.all.n() / 2_000).max(30)).max(1);
        // The place of each row in its half.
        let mut places = vec![0_u32; self.kinds.len()];
        let mut next = [found.starts(), tested_rows.starts()];
        for ((place, kind), tested) in places.iter_mut().zip(&self.kinds).zip(&tested) {
            let next = &mut next[usize::from(*tested)][usize::from(*kind)];
            *place = *next;
            *next += 1;
        }
        let mut halves = Halves {
            conditions: Vec::new(),
            exclusive: Vec::new(),
            found: found.half(&self.roots, &places, &tested, false),
            tested: tested_rows.half(&self.roots, &places, &tested, true),
            remarks: Vec::new(),
            reference_known: self.reference_known,
        };
        for (_, column) in self.columns {
            for tests in column.tests(&mut remarks) {
                halves.take(tests, &places, &tested, fewest, &mut remarks);
            }
        }
        halves.merge_same(&mut remarks);
        halves.remarks = remarks;
        (halves, fewest)
    }
}

/// How a half's bits are laid out.
struct Layout {
    all: Counts,
    words: [Range<usize>; KINDS],
}

impl Layout {
    fn new(kinds: &[u8], tested: &[bool], which: bool) -> Self {
        let mut all = Counts::default();
        for (kind, tested) in kinds.iter().zip(tested) {
            all.0[usize::from(*kind)] += u32::from(*tested == which);
        }
        let mut end = 0;
        let words = all.0.map(|rows| {
            let start = end;
            end += (rows as usize).div_ceil(64);
            start..end
        });
        Self { all, words }
    }

    fn starts(&self) -> [u32; KINDS] {
        self.words.clone().map(|words| words.start as u32 * 64)
    }

    fn half(self, roots: &[u32], places: &[u32], tested: &[bool], which: bool) -> Half {
        let mut numbers = HashMap::new();
        let mut placed = vec![0; self.words[KINDS - 1].end * 64];
        for ((root, place), _) in roots
            .iter()
            .zip(places)
            .zip(tested)
            .filter(|(_, tested)| **tested == which)
        {
            let next = numbers.len() as u32;
            placed[*place as usize] = *numbers.entry(*root).or_insert(next);
        }
        Half {
            bitmaps: Vec::new(),
            words: self.words,
            all: self.all,
            root_count: numbers.len(),
            roots: placed,
        }
    }
}

impl Half {
    /// Rows of each kind among set bits.
    pub(super) fn count(&self, bits: &[u64]) -> Counts {
        Counts(
            self.words
                .clone()
                .map(|words| bits[words].iter().map(|word| word.count_ones()).sum()),
        )
    }

    /// The rows on which all those conditions hold.
    pub(super) fn rows(&self, conditions: &[u32]) -> Vec<u64> {
        let mut conditions = conditions
            .iter()
            .map(|condition| &self.bitmaps[*condition as usize]);
        let mut rows = conditions.next().map(|first| first.to_vec()).unwrap_or_default();
        for other in conditions {
            rows.iter_mut()
                .zip(other.iter())
                .for_each(|(row, other)| *row &= other);
        }
        rows
    }
}

impl Halves {
    /// Makes bitmaps of those tests that hold on enough rows.
    fn take(
        &mut self,
        tests: Tests,
        places: &[u32],
        tested: &[bool],
        fewest: u32,
        remarks: &mut Vec<String>,
    ) {
        let mut held = vec![0_u32; tests.conditions.len()];
        match &tests.rows {
            Held::Codes(codes) => {
                for (code, _) in codes
                    .iter()
                    .zip(tested)
                    .filter(|(code, tested)| **code != u32::MAX && !**tested)
                {
                    held[*code as usize] += 1;
                }
            }
            Held::Rows(rows) => {
                let found =
                    |rows: &Vec<u32>| rows.iter().filter(|row| !tested[**row as usize]).count() as u32;
                held = rows.iter().map(found).collect();
            }
        }
        // A condition that holds everywhere tells nothing.
        let most = self.found.all.n();
        let mut kept: Vec<usize> = (0..held.len())
            .filter(|test| held[*test] >= fewest && held[*test] < most)
            .collect();
        if tests.several && kept.len() > MOST_WORDS {
            kept.sort_by_key(|test| std::cmp::Reverse(held[*test]));
            kept.truncate(MOST_WORDS);
            kept.sort_unstable();
        }
        let texts = tests.conditions.len();
        if kept.is_empty() && texts > 2 {
            remarks.push(format!(
                "{}: {texts} different values, none of them on {fewest} rows, left out",
                tests.conditions[0].place.words()
            ));
        }
        let length = |half: &Half| half.words[KINDS - 1].end;
        let lengths = [length(&self.found), length(&self.tested)];
        let mut numbers = vec![usize::MAX; held.len()];
        let mut bitmaps: Vec<[Vec<u64>; 2]> = Vec::new();
        for test in kept {
            numbers[test] = bitmaps.len();
            bitmaps.push(lengths.map(|length| vec![0; length]));
        }
        let mut set = |test: usize, row: usize| {
            if let Some(halves) = bitmaps.get_mut(numbers[test]) {
                let place = places[row] as usize;
                halves[usize::from(tested[row])][place / 64] |= 1 << (place % 64);
            }
        };
        match tests.rows {
            Held::Codes(codes) => codes
                .iter()
                .enumerate()
                .filter(|(_, code)| **code != u32::MAX)
                .for_each(|(row, code)| set(*code as usize, row)),
            Held::Rows(rows) => {
                for (test, rows) in rows.iter().enumerate() {
                    for row in rows {
                        set(test, *row as usize);
                    }
                }
            }
        }
        let group = self.conditions.len();
        let kept = tests
            .conditions
            .into_iter()
            .zip(&numbers)
            .filter(|(_, number)| **number != usize::MAX);
        for ((test, _), [found, on_test]) in kept.zip(bitmaps) {
            let number = self.conditions.len();
            self.exclusive.push(if tests.several { number } else { group });
            self.conditions.push(test);
            self.found.bitmaps.push(found.into());
            self.tested.bitmaps.push(on_test.into());
        }
    }

    /// Of conditions that hold on the very same rows the first stays.
    fn merge_same(&mut self, remarks: &mut Vec<String>) {
        let mut keep = vec![true; self.conditions.len()];
        let mut first: HashMap<(&[u64], &[u64]), usize> = HashMap::new();
        let pairs = self.found.bitmaps.iter().zip(&self.tested.bitmaps);
        for (number, (found, tested)) in pairs.enumerate() {
            let same = *first.entry((found, tested)).or_insert(number);
            if same != number {
                keep[number] = false;
                // Words that always come together are no news.
                if !matches!(self.conditions[number].test, Test::Word(_)) {
                    let words = |number: usize| self.conditions[number].words();
                    remarks.push(format!(
                        "{} is on the same rows as {}",
                        words(number),
                        words(same)
                    ));
                }
            }
        }
        for bitmaps in [&mut self.found.bitmaps, &mut self.tested.bitmaps] {
            retain(bitmaps, &keep);
        }
        retain(&mut self.conditions, &keep);
        retain(&mut self.exclusive, &keep);
    }
}

fn retain<T>(each: &mut Vec<T>, keep: &[bool]) {
    let mut kept = keep.iter();
    each.retain(|_| *kept.next().expect("one for each condition"));
}
