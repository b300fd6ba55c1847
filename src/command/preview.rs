//! `auditdm audit --preview`: the pairs of the first images, with questions, answers and verdicts.

use crate::audit::Run;
use crate::error::Result;
use crate::row::content_id;
use crate::source::Found;
use crate::sql::{self, rows};
use datafusion::common::ScalarValue;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One pair, or why there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct PairLine {
    source_image_id: String,
    strategy: String,
    question: Option<String>,
    category: String,
    instruction: Option<String>,
    target_answer: Option<String>,
    reference_answers: Option<String>,
    truth: Option<String>,
    consensus: Option<String>,
    status: Option<String>,
    score: Option<f64>,
    failure: bool,
    verified_by: Option<String>,
    reason: Option<String>,
}

/// The images that were looked at, each with its pairs.
#[derive(Debug, Serialize)]
pub(super) struct Preview {
    images: Vec<(String, Vec<PairLine>)>,
}

const PAIRS: &str = include_str!("summary/preview.sql");

impl Preview {
    /// Reads the pairs of some images back from the tables.
    pub(super) async fn gather(run: &Run, found: &[Found]) -> Result<Self> {
        let mut ids = Vec::with_capacity(found.len());
        for found in found {
            let bytes = (found.read)().await;
            ids.push(bytes.map_or_else(|_| String::new(), |bytes| content_id(&bytes)));
        }
        let context = sql::open(&run.tables, sql::memory::limit_byte()).await?;
        let parameters = [
            ("run", ScalarValue::from(run.audit.run_id.as_str())),
            ("images", ScalarValue::from(ids.join(","))),
        ];
        let lines: Vec<PairLine> = rows(&sql::collect(&context, PAIRS, &parameters).await?)?;
        let of = |id: &String| {
            lines
                .iter()
                .filter(|line| line.source_image_id == *id)
                .cloned()
                .collect()
        };
        Ok(Self {
            images: found
                .iter()
                .zip(&ids)
                .map(|(found, id)| (found.uri.clone(), of(id)))
                .collect(),
        })
    }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (uri, pairs)) in self.images.iter().enumerate() {
            writeln!(f, "{}. {uri}", number + 1)?;
            if pairs.is_empty() {
                writeln!(
                    f,
                    "   no pairs: the image cannot be read, or calls failed for now"
                )?;
            }
            for pair in pairs {
                pair.fmt(f)?;
            }
        }
        writeln!(f)
    }
}

impl fmt::Display for PairLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(question) = &self.question else {
            let reason = self.reason.as_deref().unwrap_or("no question");
            return writeln!(f, "   {}: {reason}", self.strategy);
        };
        writeln!(f, "   {question} [{}, {}]", self.strategy, self.category)?;
        if let Some(instruction) = &self.instruction {
            writeln!(f, "     drawn: {instruction}")?;
        }
        let said = |answer: &Option<String>| answer.clone().unwrap_or_else(|| "–".to_owned());
        write!(
            f,
            "     target: {}; references: {}",
            said(&self.target_answer),
            said(&self.reference_answers)
        )?;
        for (what, text) in [("consensus", &self.consensus), ("truth", &self.truth)] {
            if let Some(text) = text {
                write!(f, "; {what}: {text}")?;
            }
        }
        let verdict = match (self.status.as_deref(), self.failure, self.score) {
            (Some("valid"), true, _) => "target wrong",
            (Some("valid"), false, _) => "target right",
            (Some("invalid"), ..) => "invalid pair",
            (Some(_), _, Some(score)) if score >= 0.5 => "they differ, nobody verified it",
            (Some(_), ..) => "they agree, nobody verified it",
            (None, ..) => "not answered yet",
        };
        let by = self
            .verified_by
            .as_ref()
            .map_or_else(String::new, |by| format!(", by {by}"));
        writeln!(f, "\n     → {verdict}{by}")
    }
}
