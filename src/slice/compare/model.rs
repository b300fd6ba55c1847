//! Which model a name means: its weights, in however many ways they were asked.

use crate::error::{Error, Result};
use crate::slice::weakness::texts;
use crate::sql;
use datafusion::prelude::SessionContext;
use serde::Serialize;

const MODELS: &str = include_str!("models.sql");

/// A model: the same weights, in however many ways they were asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its name in the table `models`.
    pub name: String,
    /// One for each prompt template and sampling, in order.
    pub model_ids: Vec<String>,
}

/// A way in which a model was asked.
pub(super) struct Way {
    model_id: String,
    name: String,
    kind: String,
    revision: String,
}

impl Way {
    /// What tells it apart from others of its name.
    fn told(&self) -> String {
        let digits = &self.model_id[..self.model_id.len().min(8)];
        format!("{} ({digits}, {} {})", self.name, self.kind, self.revision)
    }
}

/// The ways about whose answers truth or judges have decided.
pub(super) async fn models(context: &SessionContext) -> Result<Vec<Way>> {
    let batches = sql::collect(context, MODELS, &[]).await?;
    let columns = (0..4)
        .map(|column| texts(&batches, column))
        .collect::<Result<Vec<_>>>()?;
    let cell = |column: usize, row: usize| columns[column][row].clone().unwrap_or_default();
    let way = |row| Way {
        model_id: cell(0, row),
        name: cell(1, row),
        kind: cell(2, row),
        revision: cell(3, row),
    };
    Ok((0..columns[0].len()).map(way).collect())
}

/// The model of a name, of a name without its `org/`, or of an id's first digits.
pub(super) fn find(models: &[Way], wanted: &str) -> Result<Named> {
    let fits: [&dyn Fn(&Way) -> bool; 3] = [
        &|model| model.name == wanted,
        &|model| model.name.rsplit('/').next() == Some(wanted),
        &|model| wanted.len() >= 6 && model.model_id.starts_with(wanted),
    ];
    let mut found: Vec<&Way> = Vec::new();
    for fits in fits {
        if found.is_empty() {
            found = models.iter().filter(|model| fits(model)).collect();
        }
    }
    let told = |models: &mut dyn Iterator<Item = &Way>| -> String {
        models.map(Way::told).collect::<Vec<_>>().join(", ")
    };
    let weights = |way: &Way| (way.name.clone(), way.kind.clone(), way.revision.clone());
    let problem = match found.as_slice() {
        [first, rest @ ..] if rest.iter().all(|way| weights(way) == weights(first)) => {
            return Ok(Named {
                name: first.name.clone(),
                model_ids: found.iter().map(|way| way.model_id.clone()).collect(),
            });
        }
        [] if models.is_empty() => {
            "no answer is verified yet: audit with truth or a judge, or `auditdm eval`".to_owned()
        }
        [] => format!(
            "no model of this name has verified answers; there are: {}",
            told(&mut models.iter())
        ),
        several => format!(
            "several models have this name; take the first digits of an id: {}",
            told(&mut several.iter().copied())
        ),
    };
    Err(Error::Sql {
        problem,
        sql: wanted.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_model_in_several_ways_is_one_and_other_weights_are_another() {
        let way = |digits: &str, name: &str, revision: &str| Way {
            model_id: digits.repeat(4),
            name: name.to_owned(),
            kind: "http".to_owned(),
            revision: revision.to_owned(),
        };
        let mut ways = vec![
            way("aaaaaaaa", "org/small", "1"),
            way("bbbbbbbb", "org/small", "1"),
            way("cccccccc", "large", "1"),
        ];
        let both = find(&ways, "small").unwrap();
        assert_eq!((both.name.as_str(), both.model_ids.len()), ("org/small", 2));
        assert_eq!(find(&ways, "bbbbbb").unwrap().model_ids, ["bbbbbbbb".repeat(4)]);
        ways.push(way("dddddddd", "org/small", "2"));
        let problem = find(&ways, "small").unwrap_err().to_string();
        assert!(
            problem.contains("digits of an id") && problem.contains("dddddddd, http 2"),
            "{problem}"
        );
        assert!(
            find(&ways, "huge")
                .unwrap_err()
                .to_string()
                .contains("no model of this name")
        );
    }
}
