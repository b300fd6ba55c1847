//! What answers are measured by: the configuration, and the model of sentences that it may name.

use super::rule::{Distance, distance};
use super::semantic::{Semantic, SemanticOptions};
use crate::error::Result;

/// The name of the rule chain in the column `measure`; changes when a score could.
const RULES: &str = "rules-1";

/// How answers are compared.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Measure {
    /// More than this share of the references must agree for a consensus.
    pub agreement: f64,
    /// Relative distance at which two numbers still count as equal: 0 for counting, 0.05 for charts.
    pub number_tolerance: f64,
    /// Long answers are compared by what they mean; without it only a judge can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semantic: Option<SemanticOptions>,
}

impl Default for Measure {
    fn default() -> Self {
        Self {
            agreement: 0.5,
            number_tolerance: 0.0,
            semantic: None,
        }
    }
}

/// A measure that is ready to use.
#[derive(Debug, Default)]
pub struct Scale {
    pub(super) measure: Measure,
    semantic: Option<Semantic>,
}

impl Scale {
    /// Loads the model of sentences, if the measure names one.
    pub fn open(measure: &Measure) -> Result<Self> {
        Ok(Self {
            measure: measure.clone(),
            semantic: measure.semantic.as_ref().map(Semantic::open).transpose()?,
        })
    }

    /// The name in the column `measure`: the rules, their parameters, and the content of the model of sentences.
    #[must_use]
    pub fn name(&self) -> String {
        let Measure {
            agreement,
            number_tolerance,
            ..
        } = self.measure;
        let semantic = self.semantic.as_ref().map_or_else(String::new, Semantic::name);
        format!("{RULES} agreement={agreement} tolerance={number_tolerance}{semantic}")
    }

    /// Relative distance at which two numbers still count as equal.
    #[must_use]
    pub fn number_tolerance(&self) -> f64 {
        self.measure.number_tolerance
    }

    /// Reads the long ones of these texts, so that [`Self::distance`] has them at hand.
    pub async fn read(&self, texts: Vec<String>) -> Result<()> {
        match &self.semantic {
            Some(semantic) => semantic.read(texts).await,
            None => Ok(()),
        }
    }

    /// How far two answers are apart: by the rules, and by their meaning where these cannot tell.
    #[must_use]
    pub fn distance(&self, a: &str, b: &str, choices: &[String]) -> Distance {
        let apart = distance(a, b, choices, self.measure.number_tolerance);
        match (&self.semantic, apart.score) {
            (Some(semantic), None) => semantic.distance(a, b),
            _ => apart,
        }
    }
}
