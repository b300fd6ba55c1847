//! Several benchmarks and models in one table: each benchmark's main figure, and the mean over those in percent.
//!
//! The mean's interval takes benchmarks for independent. Left out: figures in other scales (MME, CIDEr-D) from the mean.

use super::report::Line;
use crate::error::Result;
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// Measures that are no percentages.
const OTHER_SCALES: [&str; 2] = ["CIDEr-D", "score"];

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// In the benchmark's own scale.
    pub value: f64,
    /// The bounds of its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// Questions.
    pub n: u64,
}

/// A benchmark.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// As people write it.
    pub benchmark: String,
    /// What is measured.
    pub measure: String,
    /// By model, in order; none where there is none yet.
    pub figures: Vec<Option<Figure>>,
    /// Why there are none.
    pub problem: Option<String>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// The columns.
    pub models: Vec<String>,
    /// The rows.
    pub benchmarks: Vec<Row>,
    /// By model, over the benchmarks in percent on which every model has a figure.
    pub mean: Vec<Option<Figure>>,
}

impl Row {
    /// A benchmark by the tables of its models: the first line of each is the main figure.
    #[must_use]
    pub fn new(benchmark: &str, tables: &[Vec<Line>]) -> Self {
        let first = tables.iter().find_map(|lines| lines.first());
        let figure = |lines: &Vec<Line>| {
            let line = lines.first().filter(|line| line.n > 0)?;
            Some(Figure {
                value: line.value,
                interval: line.interval,
                n: line.n,
            })
        };
        Self {
            benchmark: benchmark.to_owned(),
            measure: first.map_or_else(String::new, |line| line.measure.clone()),
            figures: tables.iter().map(figure).collect(),
            problem: None,
        }
    }

    /// A benchmark that could not be evaluated.
    #[must_use]
    pub fn failed(benchmark: &str, models: usize, problem: String) -> Self {
        Self {
            benchmark: benchmark.to_owned(),
            measure: String::new(),
            figures: vec![None; models],
            problem: Some(problem),
        }
    }
}

impl Overview {
    /// The table of these benchmarks.
    #[must_use]
    pub fn new(models: Vec<String>, benchmarks: Vec<Row>) -> Self {
        let in_percent = |row: &&Row| {
            !OTHER_SCALES.contains(&row.measure.as_str()) && row.figures.iter().all(Option::is_some)
        };
        let common: Vec<&Row> = benchmarks.iter().filter(in_percent).collect();
        let mean = |model: usize| {
            let figures: Vec<Figure> = common.iter().filter_map(|row| row.figures[model]).collect();
            let count = figures.len() as f64;
            let value = figures.iter().map(|figure| figure.value).sum::<f64>() / count;
            let squared = |figure: &Figure| Some(((figure.interval?.1 - figure.interval?.0) / 2.0).powi(2));
            let spread: Option<f64> = figures.iter().map(squared).sum();
            let half = spread.map(|spread| spread.sqrt() / count);
            (count > 0.0).then(|| Figure {
                value,
                interval: half.map(|half| (value - half, value + half)),
                n: figures.iter().map(|figure| figure.n).sum(),
            })
        };
        Self {
            mean: (0..models.len()).map(mean).collect(),
            models,
            benchmarks,
        }
    }

    /// One row for each benchmark and model with a figure: `benchmark`, `measure`, `model`, `n`, `value`, `low`, `high`; the
    /// mean's benchmark is `mean`.
    ///
    /// # Errors
    /// [`crate::Error::Arrow`] when the columns do not fit together, which they do.
    pub fn batch(&self) -> Result<RecordBatch> {
        let mean = Row {
            benchmark: "mean".to_owned(),
            measure: "mean".to_owned(),
            figures: self.mean.clone(),
            problem: None,
        };
        let cells: Vec<(&Row, &str, Figure)> = self
            .benchmarks
            .iter()
            .chain([&mean])
            .flat_map(|row| {
                row.figures
                    .iter()
                    .zip(&self.models)
                    .map(move |(figure, model)| (row, model.as_str(), *figure))
            })
            .filter_map(|(row, model, figure)| Some((row, model, figure?)))
            .collect();
        let text = |of: &dyn Fn(&(&Row, &str, Figure)) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(cells.iter().map(of)))
        };
        let real = |of: &dyn Fn(&Figure) -> Option<f64>| -> ArrayRef {
            Arc::new(cells.iter().map(|cell| of(&cell.2)).collect::<Float64Array>())
        };
        let counts: ArrayRef = Arc::new(Int64Array::from_iter_values(
            cells.iter().map(|cell| cell.2.n as i64),
        ));
        Ok(RecordBatch::try_from_iter_with_nullable([
            ("benchmark", text(&|cell| cell.0.benchmark.clone()), false),
            ("measure", text(&|cell| cell.0.measure.clone()), false),
            ("model", text(&|cell| cell.1.to_owned()), false),
            ("n", counts, false),
            ("value", real(&|figure| Some(figure.value)), false),
            ("low", real(&|figure| Some(figure.interval?.0)), true),
            ("high", real(&|figure| Some(figure.interval?.1)), true),
        ])?)
    }
}

/// A cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

impl fmt::Display for Overview {
    /// A Markdown table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let models: Vec<String> = self.models.iter().map(|model| cell(model)).collect();
        writeln!(f, "| benchmark | measure | questions | {} |", models.join(" | "))?;
        writeln!(f, "| --- | --- | ---: |{}", " ---: |".repeat(models.len()))?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, measure: &str, figures: &[Option<Figure>]| {
            let n = figures.iter().flatten().map(|figure| figure.n).max().unwrap_or(0);
            write!(f, "| {} | {} | {n} |", cell(name), cell(measure))?;
            for figure in figures {
                match figure {
                    None => write!(f, " – |")?,
                    Some(Figure {
                        value,
                        interval: None,
                        ..
                    }) => write!(f, " {value:.1} |")?,
                    Some(Figure {
                        value,
                        interval: Some((low, high)),
                        ..
                    }) => {
                        write!(f, " {value:.1} ({low:.1}–{high:.1}) |")?;
                    }
                }
            }
            writeln!(f)
        };
        for row in &self.benchmarks {
            line(f, &row.benchmark, &row.measure, &row.figures)?;
        }
        line(f, "**mean**", "of those in percent", &self.mean)?;
        for row in &self.benchmarks {
            if let Some(problem) = &row.problem {
                writeln!(f, "\n{}: {}", row.benchmark, cell(problem))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(measure: &str, value: f64, half: f64) -> Vec<Line> {
        vec![Line {
            part: "overall".to_owned(),
            measure: measure.to_owned(),
            n: 10,
            value,
            interval: Some((value - half, value + half)),
        }]
    }

    #[test]
    fn means_are_over_what_all_have_in_percent() {
        let rows = vec![
            Row::new("A", &[line("accuracy", 50.0, 3.0), line("accuracy", 60.0, 3.0)]),
            Row::new("B", &[line("ANLS", 70.0, 4.0), line("ANLS", 90.0, 4.0)]),
            Row::new("C", &[line("accuracy", 0.0, 0.0), Vec::new()]),
            Row::new("MME", &[line("score", 1_500.0, 9.0), line("score", 1_800.0, 9.0)]),
            Row::failed("D", 2, "no | file".to_owned()),
        ];
        let overview = Overview::new(vec!["small".to_owned(), "a|b".to_owned()], rows);
        let [Some(small), Some(large)] = overview.mean[..] else {
            panic!("{overview:?}")
        };
        assert!((small.value - 60.0).abs() < 1e-9 && (large.value - 75.0).abs() < 1e-9);
        // √(3² + 4²) / 2
        assert!((small.interval.unwrap().1 - 62.5).abs() < 1e-9);
        let text = overview.to_string();
        for part in [
            "| benchmark | measure | questions | small | a\\|b |\n",
            "| A | accuracy | 10 | 50.0 (47.0–53.0) | 60.0 (57.0–63.0) |\n",
            "| C | accuracy | 10 | 0.0 (0.0–0.0) | – |\n",
            "| **mean** | of those in percent | 20 | 60.0 (57.5–62.5) | 75.0 (72.5–77.5) |\n",
            "\nD: no \\| file\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(overview.batch().unwrap().num_rows(), 9);
    }
}
