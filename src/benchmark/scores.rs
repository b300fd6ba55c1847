//! Scores of single questions as Parquet, for SQL, notebooks and further tests.

use super::Scored;
use super::evaluate::Evaluated;
use crate::error::{Error, Result};
use ::parquet::arrow::ArrowWriter;
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
};
use std::path::Path;
use std::sync::Arc;

/// Rows that are written together.
const ROWS: usize = 64 * 1024;

/// Writes one row for each question and model: `benchmark`, `rules`, `model`, `question_id`, `image`, `split`, `category`,
/// `subcategory`, `question`, `answers`, `prediction`, `problem`, `extracted`, `guessed`, `score`, `iou`.
///
/// # Errors
/// [`Error::File`] when the file cannot be written.
pub fn write(path: &Path, benchmark: &str, models: &[Evaluated]) -> Result<()> {
    let failed = |source: std::io::Error| Error::File {
        action: "write",
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::create(path).map_err(failed)?;
    let schema = batch(benchmark, "", "", &[])?.schema();
    let broken = |error: ::parquet::errors::ParquetError| failed(std::io::Error::other(error));
    let mut writer = ArrowWriter::try_new(file, schema, None).map_err(broken)?;
    for model in models {
        for scored in model.scored.chunks(ROWS) {
            writer
                .write(&batch(benchmark, &model.model, model.rules, scored)?)
                .map_err(broken)?;
        }
    }
    writer.close().map_err(broken)?;
    Ok(())
}

fn batch(benchmark: &str, model: &str, rules: &str, scored: &[Scored]) -> Result<RecordBatch> {
    let same = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; scored.len()])) };
    let text = |of: &dyn Fn(&Scored) -> Option<String>| -> ArrayRef {
        Arc::new(scored.iter().map(of).collect::<StringArray>())
    };
    let mut answers = ListBuilder::new(StringBuilder::new());
    for each in scored {
        each.question
            .answers
            .iter()
            .for_each(|answer| answers.values().append_value(answer));
        answers.append(true);
    }
    let score: ArrayRef = Arc::new(
        scored
            .iter()
            .map(|each| Some(each.score.value))
            .collect::<Float64Array>(),
    );
    let iou: ArrayRef = Arc::new(scored.iter().map(|each| each.score.iou).collect::<Float64Array>());
    let guessed: ArrayRef = Arc::new(
        scored
            .iter()
            .map(|each| Some(each.score.guessed))
            .collect::<BooleanArray>(),
    );
    let columns: [(&str, ArrayRef, bool); 16] = [
        ("benchmark", same(benchmark), false),
        ("rules", same(rules), false),
        ("model", same(model), false),
        ("question_id", text(&|each| Some(each.question.id.clone())), false),
        ("image", text(&|each| Some(each.image.clone())), false),
        ("split", text(&|each| each.question.split.clone()), true),
        ("category", text(&|each| each.question.category.clone()), true),
        (
            "subcategory",
            text(&|each| each.question.subcategory.clone()),
            true,
        ),
        ("question", text(&|each| Some(each.question.text.clone())), false),
        ("answers", Arc::new(answers.finish()), false),
        ("prediction", text(&|each| each.answer.clone()), true),
        ("problem", text(&|each| each.problem.clone()), true),
        (
            "extracted",
            text(&|each| Some(each.score.extracted.clone())),
            false,
        ),
        ("guessed", guessed, false),
        ("score", score, false),
        ("iou", iou, true),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
