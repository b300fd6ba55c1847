//! From one vector a token to one vector a text, as the folder's `modules.json` says.

use crate::error::{Error, Result};
use crate::vlm::settings;
use candle_core::Tensor;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Which rule, and the width of what it gives.
#[derive(Debug)]
pub(super) struct Pooling {
    rule: Rule,
    pub(super) width: usize,
}

#[derive(Debug, Clone, Copy)]
enum Rule {
    /// The mean over all tokens.
    Mean,
    /// The first token.
    First,
}

impl Pooling {
    /// Reads `modules.json` and the pooling that it names; a plain BERT without them is pooled by the mean.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let width = settings::read(&folder.join("config.json"), |value| {
            let width = value["hidden_size"].as_u64().ok_or("it has no hidden_size")?;
            Ok(width as usize)
        })?;
        let mean = Self {
            rule: Rule::Mean,
            width,
        };
        let modules = folder.join("modules.json");
        if !modules.is_file() {
            return Ok(mean);
        }
        let parts = settings::read(&modules, |value| parts(&value))?;
        let Some(path) = parts else { return Ok(mean) };
        // A name is a folder of this folder, never a way out of it.
        if path.components().count() != 1 || path.file_name().is_none() {
            return Err(Error::Checkpoint {
                path: modules,
                problem: format!("`{}` is not the name of a folder", path.display()),
            });
        }
        let rule = settings::read(&folder.join(path).join("config.json"), |value| rule(&value))?;
        Ok(Self { rule, width })
    }

    /// `[T, W]` to W numbers.
    pub(super) fn of(&self, tokens: &Tensor) -> Result<Vec<f32>> {
        let pooled = match self.rule {
            Rule::Mean => tokens.mean(0)?,
            Rule::First => tokens.get(0)?,
        };
        Ok(pooled.to_vec1()?)
    }
}

/// The folder of the pooling, if there is one; an error for modules that are not supported.
fn parts(modules: &Value) -> std::result::Result<Option<PathBuf>, String> {
    let mut pooling = None;
    for module in modules.as_array().ok_or("it lists no modules")? {
        let kind = module["type"].as_str().unwrap_or_default();
        match kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" | "Normalize" => {}
            "Pooling" => pooling = module["path"].as_str().map(PathBuf::from),
            _ => {
                return Err(format!(
                    "module `{kind}` is not supported; supported: Transformer, Pooling, Normalize"
                ));
            }
        }
    }
    Ok(pooling)
}

/// The rule of a pooling's `config.json`, in the newer spelling (one name) or the older (a switch for each).
fn rule(config: &Value) -> std::result::Result<Rule, String> {
    let older = || -> Vec<String> {
        let switches = config.as_object().into_iter().flatten();
        let on = switches.filter(|(_, value)| value.as_bool() == Some(true));
        on.filter_map(|(key, _)| key.strip_prefix("pooling_mode_").map(str::to_owned))
            .collect()
    };
    let names = match config["pooling_mode"].as_str() {
        Some(name) => vec![name.to_owned()],
        None => older(),
    };
    match names.join(" + ").as_str() {
        "mean" | "mean_tokens" => Ok(Rule::Mean),
        "cls" | "cls_token" => Ok(Rule::First),
        other => Err(format!(
            "pooling `{other}` is not supported; supported: mean, cls"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_name_a_rule() {
        let older = json!({"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true});
        assert!(matches!(rule(&older), Ok(Rule::Mean)));
        assert!(matches!(rule(&json!({"pooling_mode": "cls"})), Ok(Rule::First)));
        let two = json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true});
        assert!(rule(&two).unwrap_err().contains("cls_token + mean_tokens"));
        assert!(rule(&json!({})).is_err());
        let outside = json!([{"type": "x.Pooling", "path": "../elsewhere"}]);
        assert_eq!(parts(&outside).unwrap(), Some(PathBuf::from("../elsewhere")));
        assert!(parts(&json!([{"type": "x.Dense", "path": "2_Dense"}])).is_err());
    }
}
