//! Rows with twelve attributes, in which failures are more frequent in planted slices of one to three conditions; or in none.

use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// Different values of each attribute; the last attribute is a number.
const VALUES: [usize; 12] = [2, 3, 4, 4, 5, 5, 6, 6, 8, 8, 10, 0];

/// Failures outside of planted slices.
const BASE: f64 = 0.1;

/// Conditions (attribute, value) and the rate of failures where all of them hold.
pub(crate) const PLANTED: [(&[(usize, usize)], f64); 6] = [
    (&[(10, 3)], 0.2),
    (&[(8, 1)], 0.17),
    (&[(2, 1), (9, 2)], 0.35),
    (&[(1, 2), (4, 0)], 0.25),
    (&[(3, 0), (5, 1), (7, 2)], 0.5),
    (&[(0, 1), (4, 3), (6, 4)], 0.3),
];

/// What rows are like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) count: usize,
    pub(crate) seed: u64,
    /// Whether slices are planted.
    pub(crate) planted: bool,
    /// Whether all four rows of a root image are alike, in attributes and outcome.
    pub(crate) alike: bool,
}

/// A planted slice as the search writes it.
pub(crate) fn sql(conditions: &[(usize, usize)]) -> String {
    let conditions = conditions
        .iter()
        .map(|(attribute, value)| format!("a{attribute:02} = 'v{value}'"));
    conditions.collect::<Vec<_>>().join(" AND ")
}

impl Rows {
    /// The rows in batches: the target's failure, the reference's, the root image, then attributes.
    pub(crate) fn batches(self, batch_rows: usize) -> impl Iterator<Item = RecordBatch> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let starts = (0..self.count).step_by(batch_rows);
        let mut root = Row::draw(&mut random, self.planted);
        starts.map(move |start| {
            let rows = start..self.count.min(start + batch_rows);
            let drawn: Vec<(usize, Row)> = rows
                .map(|at| {
                    if !self.alike || at % 4 == 0 {
                        root = Row::draw(&mut random, self.planted);
                    }
                    (at, root.clone())
                })
                .collect();
            batch(&drawn)
        })
    }
}

#[derive(Debug, Clone)]
struct Row {
    values: [usize; VALUES.len()],
    number: f64,
    target: bool,
    reference: bool,
}

impl Row {
    fn draw(random: &mut ChaCha8Rng, planted: bool) -> Self {
        // Low values are more frequent.
        let values = VALUES.map(|values| (values as f64 * random.random::<f64>().powf(1.2)) as usize);
        let holds = |(attribute, value): &(usize, usize)| values[*attribute] == *value;
        let rates = PLANTED
            .iter()
            .filter(|(conditions, _)| planted && conditions.iter().all(holds));
        let rate = rates.fold(BASE, |highest, (_, rate)| highest.max(*rate));
        Self {
            values,
            number: random.random::<f64>() * 1_000.0,
            target: random.random_bool(rate),
            reference: random.random_bool(BASE),
        }
    }
}

fn batch(rows: &[(usize, Row)]) -> RecordBatch {
    let flag = |of: fn(&Row) -> bool| -> ArrayRef {
        Arc::new(
            rows.iter()
                .map(|(_, row)| Some(of(row)))
                .collect::<BooleanArray>(),
        )
    };
    let roots = rows.iter().map(|(at, _)| Some(format!("root-{}", at / 4)));
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("target_failure".to_owned(), flag(|row| row.target)),
        ("reference_failure".to_owned(), flag(|row| row.reference)),
        (
            "root_image_id".to_owned(),
            Arc::new(roots.collect::<StringArray>()),
        ),
    ];
    for (attribute, values) in VALUES.iter().enumerate() {
        let column: ArrayRef = if *values == 0 {
            Arc::new(
                rows.iter()
                    .map(|(_, row)| Some(row.number))
                    .collect::<Float64Array>(),
            )
        } else {
            let texts = rows
                .iter()
                .map(|(_, row)| Some(format!("v{}", row.values[attribute])));
            Arc::new(texts.collect::<StringArray>())
        };
        columns.push((format!("a{attribute:02}"), column));
    }
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}
