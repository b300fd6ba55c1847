//! A model's identity: everything that may change its answers, hashed.

use super::ModelCard;
use crate::row::{self, ModelRow};
use chrono::{DateTime, Utc};

impl ModelCard {
    /// The card of a model without prices; each part counts towards `model_id`.
    pub fn new(
        kind: impl Into<String>,
        name: impl Into<String>,
        revision: impl Into<String>,
        prompt_template: impl Into<String>,
        sampling: impl Into<String>,
        preprocessing: impl Into<String>,
    ) -> Self {
        let parts = [
            kind.into(),
            name.into(),
            revision.into(),
            prompt_template.into(),
            sampling.into(),
            preprocessing.into(),
        ];
        let model_id = row::id(&parts);
        let [kind, name, revision, prompt_template, sampling, preprocessing] = parts;
        Self {
            model_id,
            kind,
            name,
            revision,
            prompt_template,
            sampling,
            preprocessing,
            input_usd_per_mtok: None,
            output_usd_per_mtok: None,
        }
    }

    /// The same model with its prices, which are no part of its identity.
    #[must_use]
    pub fn with_prices(self, input_usd_per_mtok: Option<f64>, output_usd_per_mtok: Option<f64>) -> Self {
        Self {
            input_usd_per_mtok,
            output_usd_per_mtok,
            ..self
        }
    }

    /// The row of the table `models`.
    #[must_use]
    pub fn row(&self, created_at: DateTime<Utc>) -> ModelRow {
        ModelRow {
            model_id: self.model_id.clone(),
            kind: self.kind.clone(),
            name: self.name.clone(),
            revision: self.revision.clone(),
            prompt_template: self.prompt_template.clone(),
            sampling: self.sampling.clone(),
            preprocessing: self.preprocessing.clone(),
            input_usd_per_mtok: self.input_usd_per_mtok,
            output_usd_per_mtok: self.output_usd_per_mtok,
            created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_but_the_price_counts_towards_the_id() {
        let parts = ["http", "gemma", "r1", "{prompt}", "{}", "1536"];
        let card = |parts: [&str; 6]| {
            let [kind, name, revision, template, sampling, preprocessing] = parts;
            ModelCard::new(kind, name, revision, template, sampling, preprocessing)
        };
        let original = card(parts);
        for index in 0..parts.len() {
            let mut changed = parts;
            changed[index] = "other";
            assert_ne!(card(changed).model_id, original.model_id, "part {index}");
        }
        let priced = original.clone().with_prices(Some(0.1), Some(0.4));
        assert_eq!(priced.model_id, original.model_id);
        assert_eq!(priced.row(DateTime::UNIX_EPOCH).output_usd_per_mtok, Some(0.4));
    }
}
