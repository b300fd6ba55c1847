//! One column while rows arrive: texts and numbers become codes, so that no text is held twice.
//!
//! In: Arrow arrays. Out: conditions with the rows on which they hold. Left out: lists and times.

use super::condition::{Condition, Place, Test};
use crate::error::Result;
use crate::sql::function::{attribute, words::words};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use std::collections::HashMap;

/// A text column with more different values than this is not looked at value by value.
const MOST_LEVELS: usize = 10_000;
/// Words that first appear after so many others are not looked at.
const MOST_WORDS: usize = 20_000;
/// Keys of JSON objects that are looked at.
const MOST_KEYS: usize = 64;
/// A number with more different values than this is cut into bins.
const MOST_NUMBERS: usize = 12;
/// Bins of equally many rows.
const BINS: usize = 5;
/// So many values tell the quantiles.
const QUANTILE_SAMPLE: usize = 100_000;
/// Stands for null among numbers.
const NULL: f64 = f64::NEG_INFINITY;

/// Texts as codes; 0 is null.
#[derive(Debug, Default)]
struct Texts {
    codes: Vec<u32>,
    levels: HashMap<Box<str>, u32>,
    crowded: bool,
}

impl Texts {
    fn push(&mut self, text: Option<&str>) {
        if self.crowded {
            return;
        }
        let next = self.levels.len() as u32 + 1;
        let known = text.map(|text| self.levels.get(text).copied().ok_or(text));
        let code = known.map_or(0, |known| {
            known.unwrap_or_else(|text| {
                self.levels.insert(text.into(), next);
                next
            })
        });
        self.codes.push(code);
        if self.levels.len() > MOST_LEVELS {
            *self = Self {
                crowded: true,
                ..Self::default()
            };
        }
    }
}

#[derive(Debug)]
enum Values {
    Texts(Texts),
    Flags(Texts),
    Numbers(Vec<f64>),
    /// Each word's rows.
    Words(HashMap<Box<str>, Vec<u32>>),
    /// Each key's texts.
    Objects(HashMap<String, Texts>),
}

/// A column and what was seen of it.
#[derive(Debug)]
pub(super) struct Column {
    name: String,
    values: Values,
    rows: usize,
}

/// Tests of one place, of which a row passes at most one unless `several`, and the rows on which each holds.
#[derive(Debug)]
pub(super) struct Tests {
    pub(super) conditions: Vec<Condition>,
    pub(super) rows: Held,
    pub(super) several: bool,
}

/// On which rows tests hold.
#[derive(Debug)]
pub(super) enum Held {
    /// The number of the test that holds on each row; `u32::MAX` where none does.
    Codes(Vec<u32>),
    /// The rows of each test.
    Rows(Vec<Vec<u32>>),
}

impl Column {
    /// A column of that type; none if it cannot be looked at. `as_words` tells that a text is looked at word by word.
    pub(super) fn new(name: &str, kind: &DataType, as_words: bool) -> Option<Self> {
        let values = match kind {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
                match (name, as_words) {
                    ("attributes", _) => Values::Objects(HashMap::new()),
                    (_, true) => Values::Words(HashMap::new()),
                    _ => Values::Texts(Texts::default()),
                }
            }
            DataType::Boolean => Values::Flags(Texts::default()),
            kind if kind.is_numeric() => Values::Numbers(Vec::new()),
            _ => return None,
        };
        Some(Self {
            name: name.to_owned(),
            values,
            rows: 0,
        })
    }

    /// Takes the column's part of a batch.
    pub(super) fn push(&mut self, array: &ArrayRef) -> Result<()> {
        match &mut self.values {
            Values::Numbers(numbers) => {
                let array = cast(array, &DataType::Float64)?;
                numbers.extend(
                    array
                        .as_primitive::<Float64Type>()
                        .iter()
                        .map(|value| value.unwrap_or(NULL)),
                );
            }
            values => {
                let array = cast(array, &DataType::Utf8)?;
                for (at, text) in array.as_string::<i32>().iter().enumerate() {
                    let row = self.rows + at;
                    match values {
                        Values::Texts(texts) | Values::Flags(texts) => texts.push(text),
                        Values::Words(vocabulary) => note_words(vocabulary, text, row as u32),
                        Values::Objects(keys) => note_object(keys, text, row),
                        Values::Numbers(_) => {}
                    }
                }
            }
        }
        self.rows += array.len();
        Ok(())
    }

    /// What can be asked of the column, with a remark where it is nothing.
    pub(super) fn tests(self, remarks: &mut Vec<String>) -> Vec<Tests> {
        let place = Place::Column(self.name.clone());
        match self.values {
            Values::Texts(texts) => text_tests(&place, texts, false, remarks).into_iter().collect(),
            Values::Flags(texts) => text_tests(&place, texts, true, remarks).into_iter().collect(),
            Values::Numbers(numbers) => number_tests(&place, &numbers, remarks).into_iter().collect(),
            Values::Words(vocabulary) => {
                let mut vocabulary: Vec<_> = vocabulary.into_iter().collect();
                vocabulary.sort_unstable_by(|a, b| a.0.cmp(&b.0));
                let (words, rows): (Vec<_>, Vec<_>) = vocabulary.into_iter().unzip();
                let test = |word: Box<str>| Condition {
                    place: place.clone(),
                    test: Test::Word(word.into()),
                };
                vec![Tests {
                    conditions: words.into_iter().map(test).collect(),
                    rows: Held::Rows(rows),
                    several: true,
                }]
            }
            Values::Objects(keys) => {
                let mut keys: Vec<_> = keys.into_iter().collect();
                keys.sort_unstable_by(|a, b| a.0.cmp(&b.0));
                let tests = keys.into_iter().filter_map(|(key, mut texts)| {
                    if !texts.crowded {
                        texts.codes.resize(self.rows, 0);
                    }
                    let column = self.name.clone();
                    text_tests(&Place::Attribute { column, key }, texts, false, remarks)
                });
                tests.collect()
            }
        }
    }
}

fn note_words(vocabulary: &mut HashMap<Box<str>, Vec<u32>>, text: Option<&str>, row: u32) {
    for word in words(text.unwrap_or_default()) {
        if let Some(rows) = vocabulary.get_mut(word.as_str()) {
            rows.push(row);
        } else if vocabulary.len() < MOST_WORDS {
            vocabulary.insert(word.into(), vec![row]);
        }
    }
}

fn note_object(keys: &mut HashMap<String, Texts>, text: Option<&str>, row: usize) {
    let object = text.and_then(|text| serde_json::from_str::<serde_json::Map<_, _>>(text).ok());
    for (key, value) in object.unwrap_or_default() {
        let room = keys.len() < MOST_KEYS;
        if !(room || keys.contains_key(&key)) {
            continue;
        }
        let texts = keys.entry(key).or_default();
        if !texts.crowded {
            texts.codes.resize(row, 0);
        }
        texts.push(attribute::text(&value).as_deref());
    }
}

fn text_tests(place: &Place, texts: Texts, flags: bool, remarks: &mut Vec<String>) -> Option<Tests> {
    if texts.crowded {
        remarks.push(format!(
            "{}: more than {MOST_LEVELS} different texts, left out; `--words` looks at a text word by word",
            place.words()
        ));
        return None;
    }
    let mut unwritable = 0;
    // Code 0 is null; a value that SQL cannot write is no test, and its rows pass none.
    let mut levels: Vec<(u32, Option<Test>)> = vec![(0, Some(Test::Null))];
    levels.extend(texts.levels.into_iter().map(|(text, code)| {
        let test = if flags {
            Some(Test::Flag(&*text == "true"))
        } else {
            Test::text(&text)
        };
        unwritable += usize::from(test.is_none());
        (code, test)
    }));
    levels.sort_unstable_by_key(|(code, _)| *code);
    if unwritable > 0 {
        remarks.push(format!(
            "{}: {unwritable} values hold a NUL, which SQL cannot write",
            place.words()
        ));
    }
    let mut numbers = vec![u32::MAX; levels.len()];
    let mut tests = Vec::new();
    for (code, test) in levels {
        if let Some(test) = test {
            numbers[code as usize] = tests.len() as u32;
            tests.push(Condition {
                place: place.clone(),
                test,
            });
        }
    }
    let mut codes = texts.codes;
    for code in &mut codes {
        *code = numbers[*code as usize];
    }
    Some(Tests {
        conditions: tests,
        rows: Held::Codes(codes),
        several: false,
    })
}

fn number_tests(place: &Place, numbers: &[f64], remarks: &mut Vec<String>) -> Option<Tests> {
    let is_odd = |value: &f64| value.is_nan() || (value.is_infinite() && *value != NULL);
    if numbers.iter().any(is_odd) {
        remarks.push(format!("{}: holds NaN or infinity, left out", place.words()));
        return None;
    }
    let mut few: Vec<f64> = Vec::new();
    for value in numbers {
        if *value != NULL && !few.contains(value) {
            few.push(*value);
            if few.len() > MOST_NUMBERS {
                break;
            }
        }
    }
    few.sort_unstable_by(f64::total_cmp);
    let mut tests: Vec<Test>;
    let code: Box<dyn Fn(f64) -> usize> = if few.len() <= MOST_NUMBERS {
        tests = few.iter().copied().map(Test::Number).collect();
        Box::new(move |value| few.partition_point(|level| *level < value))
    } else {
        let step = numbers.len().div_ceil(QUANTILE_SAMPLE);
        let known = numbers
            .iter()
            .step_by(step)
            .copied()
            .filter(|value| *value != NULL);
        let mut sample: Vec<f64> = known.collect();
        sample.sort_unstable_by(f64::total_cmp);
        let mut cuts: Vec<f64> = (1..BINS)
            .filter_map(|n| sample.get(sample.len() * n / BINS))
            .copied()
            .collect();
        cuts.dedup();
        let ends = cuts.iter().copied().map(Some);
        tests = std::iter::once(None)
            .chain(ends.clone())
            .zip(ends.chain([None]))
            .map(|(low, high)| Test::Between(low, high))
            .collect();
        Box::new(move |value| cuts.partition_point(|cut| *cut <= value))
    };
    let null = tests.len() as u32;
    tests.push(Test::Null);
    let coded = |value: &f64| if *value == NULL { null } else { code(*value) as u32 };
    let codes = numbers.iter().map(coded).collect();
    let condition = |test| Condition {
        place: place.clone(),
        test,
    };
    Some(Tests {
        conditions: tests.into_iter().map(condition).collect(),
        rows: Held::Codes(codes),
        several: false,
    })
}
