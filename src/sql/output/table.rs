//! A result for eyes: aligned columns, the widest cut first where the terminal ends.
//!
//! Texts of models are hostile: no control character reaches the terminal.

use crate::error::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::cast::{as_float32_array, as_float64_array};
use std::io::Write;

/// More rows are counted, not shown.
const MOST_ROWS: usize = 1000;
/// No column is cut below this width.
const NARROWEST: usize = 8;

/// Rows that wait for the last one, because widths are known only then.
pub(super) struct Table<'a> {
    schema: SchemaRef,
    width: Option<usize>,
    sink: &'a mut (dyn Write + Send),
    shown: Vec<Vec<String>>,
    rows: usize,
}

impl<'a> Table<'a> {
    /// An empty table for a terminal of that many characters; not cut without.
    pub(super) fn new(schema: SchemaRef, width: Option<usize>, sink: &'a mut (dyn Write + Send)) -> Self {
        Self {
            schema,
            width,
            sink,
            shown: Vec::new(),
            rows: 0,
        }
    }

    /// Takes the rows of a batch.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        let shown = batch.slice(0, batch.num_rows().min(MOST_ROWS - self.shown.len()));
        let columns: Vec<Vec<String>> = shown.columns().iter().map(texts).collect::<Result<_>>()?;
        self.shown.extend(
            (0..shown.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect()),
        );
        Ok(())
    }

    /// Writes it all.
    pub(super) fn close(self) -> Result<()> {
        let Self {
            schema,
            width,
            sink,
            shown,
            rows,
        } = self;
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut widths: Vec<usize> = names.iter().map(|name| name.chars().count()).collect();
        for row in &shown {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(cell.chars().count());
            }
        }
        if let Some(width) = width {
            let gaps = 2 * widths.len().saturating_sub(1);
            fit(&mut widths, width.saturating_sub(gaps));
        }
        let numeric: Vec<bool> = schema
            .fields()
            .iter()
            .map(|field| field.data_type().is_numeric())
            .collect();
        let line = |cells: &[String]| {
            let cells = cells
                .iter()
                .zip(&widths)
                .zip(&numeric)
                .map(|((cell, &width), numeric)| {
                    let cell = cut(cell, width);
                    if *numeric {
                        format!("{cell:>width$}")
                    } else {
                        format!("{cell:<width$}")
                    }
                });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        let mut text = line(&names) + &line(&rules);
        text.extend(shown.iter().map(|row| line(row)));
        if rows > shown.len() {
            let more = rows - shown.len();
            text = format!("{text}… and {more} more rows; other formats write all\n");
        }
        sink.write_all(text.as_bytes()).map_err(|source| Error::File {
            action: "write",
            path: "(output)".into(),
            source,
        })
    }
}

/// The texts of a column's cells; null is empty.
fn texts(column: &ArrayRef) -> Result<Vec<String>> {
    let real = |value: Option<f64>| value.map(short).unwrap_or_default();
    Ok(match column.data_type() {
        DataType::Float64 => as_float64_array(column)?.iter().map(real).collect(),
        DataType::Float32 => as_float32_array(column)?
            .iter()
            .map(|value| real(value.map(f64::from)))
            .collect(),
        _ => {
            let options = FormatOptions::default().with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S"));
            let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
            (0..column.len())
                .map(|row| formatter.value(row).try_to_string().map(|text| printable(&text)))
                .collect::<Result<_, _>>()?
        }
    })
}

/// Three decimals; of small numbers two digits.
fn short(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.001 {
        format!("{value:.1e}")
    } else {
        format!("{value:.3}")
    }
}

/// On one line, without what a terminal would obey.
fn printable(text: &str) -> String {
    let shown = |each| if is_obeyed(each) { ' ' } else { each };
    text.chars().map(shown).collect()
}

/// Whether a terminal would act on a character instead of showing it: control characters, escapes among them, and marks
/// that turn the direction of writing.
pub(crate) fn is_obeyed(each: char) -> bool {
    each.is_control()
        || matches!(each, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Takes from the widest column until all fit or none can give any more.
fn fit(widths: &mut [usize], width: usize) {
    while widths.iter().sum::<usize>() > width
        && let Some(widest) = widths.iter_mut().max()
        && *widest > NARROWEST
    {
        *widest -= 1;
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
