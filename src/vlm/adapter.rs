//! Low-rank adapters (LoRA, Hu et al. 2021): what a frozen linear layer is corrected by, in PEFT's files.
//!
//! In: rank, scale and the layers' last names (`q_proj`), or a folder with `adapter_config.json` and
//! `adapter_model.safetensors`. Out: for a layer `y = x·Wᵀ + b` the correction `scale · (x·Aᵀ)·Bᵀ`, the only thing
//! that is trained. Left out: DoRA, dropout, ranks that differ by layer, adapters of embeddings.

use crate::error::{Error, Result};
use crate::vlm::ops;
use crate::vlm::settings;
use crate::vlm::weights::{Initial, Weights, save_as};
use candle_core::{Tensor, Var};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What adapters of a network look like.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Lora {
    /// Columns of A and B.
    #[serde(rename = "r")]
    pub rank: usize,
    /// The correction is multiplied by `alpha / rank`.
    #[serde(rename = "lora_alpha")]
    pub alpha: f64,
    /// Last names of the layers that have one, e.g. `q_proj`; reading a folder, its tensors decide.
    #[serde(rename = "target_modules", default)]
    pub targets: Vec<String>,
}

/// One layer's correction.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    a: Tensor, // (r, inputs)
    b: Tensor, // (outputs, r)
    scale: f64,
}

impl Lora {
    /// Reads `adapter_config.json` in `folder`.
    pub fn load(folder: &Path) -> Result<Self> {
        settings::read(&folder.join("adapter_config.json"), Self::of)
    }

    fn of(mut value: Value) -> std::result::Result<Self, String> {
        if value["peft_type"] != "LORA" {
            return Err(format!(
                "peft_type {} is not supported; supported: LORA",
                value["peft_type"]
            ));
        }
        for option in [
            "use_dora",
            "use_rslora",
            "fan_in_fan_out",
            "rank_pattern",
            "alpha_pattern",
        ] {
            let set = match &value[option] {
                Value::Bool(set) => *set,
                Value::Object(patterns) => !patterns.is_empty(),
                _ => false,
            };
            if set {
                return Err(format!("`{option}` is not supported"));
            }
        }
        if !value["target_modules"].is_array() {
            value["target_modules"] = Value::Array(Vec::new()); // a pattern; the tensors say which
        }
        let lora: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        if lora.rank == 0 || lora.rank > 1 << 14 || !lora.alpha.is_finite() {
            return Err(format!(
                "rank {} and alpha {} make no adapter",
                lora.rank, lora.alpha
            ));
        }
        Ok(lora)
    }

    /// Whether the layer `name` has an adapter.
    pub(crate) fn covers(&self, name: &str) -> bool {
        let last = name.rsplit('.').next().unwrap_or(name);
        self.targets.iter().any(|target| target == last)
    }

    /// Writes `adapter_config.json` and `adapter_model.safetensors` into `folder`, as PEFT reads them; `variables`
    /// are those of the adapted network.
    pub fn save(&self, folder: &Path, variables: &BTreeMap<String, Var>) -> Result<()> {
        let path = folder.join("adapter_config.json");
        // By their whole names: PEFT would adapt layers of the same last name that the network here does not have.
        let layers: Vec<String> = variables
            .keys()
            .filter_map(|name| name.strip_suffix(".lora_A.weight").map(module_name))
            .collect();
        let config = json!({
            "peft_type": "LORA", "bias": "none", "r": self.rank, "lora_alpha": self.alpha, "target_modules": layers,
        });
        std::fs::write(&path, config.to_string() + "\n").map_err(|source| Error::File {
            action: "write",
            path,
            source,
        })?;
        let named = variables
            .iter()
            .map(|(name, variable)| (peft_name(name), variable.clone()));
        save_as(&folder.join("adapter_model.safetensors"), &named.collect())
    }
}

/// A layer's or tensor's name as transformers' modules have it.
fn module_name(name: &str) -> String {
    name.replacen("language_model.model.", "language_model.", 1)
        .replacen("vision_tower.vision_model.", "vision_tower.", 1)
}

/// A tensor's name in PEFT's files.
fn peft_name(name: &str) -> String {
    format!("base_model.model.model.{}", module_name(name))
}

impl Adapter {
    /// The adapter of the layer `name`, where it has one.
    pub(crate) fn new(weights: &Weights, name: &str, inputs: usize, outputs: usize) -> Result<Option<Self>> {
        let Some(lora) = weights.lora_of(name) else {
            return Ok(None);
        };
        let spread = Initial::Normal(1.0 / (inputs as f64).sqrt());
        Ok(Some(Self {
            a: weights.get(&format!("{name}.lora_A.weight"), &[lora.rank, inputs], spread)?,
            // Nothing is corrected at first.
            b: weights.get(
                &format!("{name}.lora_B.weight"),
                &[outputs, lora.rank],
                Initial::Constant(0.0),
            )?,
            scale: lora.alpha / lora.rank as f64,
        }))
    }

    /// `[…, inputs]` to `[…, outputs]`.
    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::linear(&ops::linear(x, &self.a, None)?, &self.b, None)? * self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vlm::{Config, Network, verify};
    use candle_core::Device;

    /// Fills `folder` with an adapter of the parity checkpoint.
    fn write(folder: &Path) {
        let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity");
        let lora = Lora {
            rank: 2,
            alpha: 3.0,
            targets: ["q_proj", "o_proj", "gate_proj", "fc2"]
                .map(str::to_owned)
                .to_vec(),
        };
        let weights = Weights::open(&parity, &Device::Cpu)
            .unwrap()
            .adapted(lora.clone(), 7);
        Network::new(&Config::load(&parity).unwrap(), &weights).unwrap();
        for variable in weights.variables().values() {
            let values = (0..variable.elem_count()).map(|at| (at * 7 % 13) as f32 / 30.0 - 0.2);
            let values = Tensor::from_iter(values, &Device::Cpu).unwrap();
            variable.set(&values.reshape(variable.shape()).unwrap()).unwrap();
        }
        lora.save(folder, &weights.variables()).unwrap();
    }

    /// `tests/data/parity/lora_written` is what [`write`] gives, and what PEFT computes with it:
    /// `AUDITDM_ADAPTER=FOLDER cargo test --release peft_loads` writes it anew, `make_lora_fixture.py … --check` has PEFT
    /// load it.
    #[test]
    fn peft_loads_what_is_written() {
        let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity");
        if let Some(folder) = std::env::var_os("AUDITDM_ADAPTER") {
            return write(Path::new(&folder));
        }
        let (folder, known) = (tempfile::tempdir().unwrap(), parity.join("lora_written"));
        write(folder.path());
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
            let [ours, checked] =
                [folder.path(), &known].map(|folder| std::fs::read(folder.join(file)).unwrap());
            assert!(ours == checked, "{file} is not the one that PEFT has loaded");
        }
        let fixture = known.join("batch.safetensors");
        let report = verify(&parity, Some(folder.path()), Some(&fixture), 1e-4).unwrap();
        assert!(report.passed(), "{report}");
    }
}
