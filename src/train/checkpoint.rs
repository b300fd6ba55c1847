//! What a training run keeps on disk: a checkpoint folder in the hub's layout, and beside it the state from
//! which the run continues.

use super::optimiser::Optimiser;
use crate::error::{Error, Result};
use crate::vlm::save;
use candle_core::{Device, Tensor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Where a run stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Optimiser steps taken.
    pub step: u64,
    /// Seconds of training, over all sittings.
    pub seconds: f64,
    /// Questions learned from.
    pub questions: u64,
}

/// Saves everything that the run needs to continue; each file is complete before it takes its name.
pub(super) fn save_state<P: Serialize>(folder: &Path, optimiser: &mut Optimiser, progress: &P) -> Result<()> {
    let mut tensors: HashMap<String, Tensor> = optimiser.state()?.into_iter().collect();
    for (name, variable) in optimiser.variables() {
        tensors.insert(format!("value.{name}"), variable.as_tensor().clone());
    }
    let metadata = HashMap::from([("progress".to_owned(), serde_json::json!(progress).to_string())]);
    let (path, partial) = (
        folder.join("training.safetensors"),
        folder.join("training.safetensors.partial"),
    );
    safetensors::serialize_to_file(&tensors, Some(metadata), &partial).map_err(|error| {
        Error::Checkpoint {
            path: partial.clone(),
            problem: format!("cannot write: {error}"),
        }
    })?;
    std::fs::rename(&partial, &path).map_err(|source| Error::File {
        action: "write",
        path,
        source,
    })
}

/// Whether a run's state lies in `folder`.
pub(super) fn has_state(folder: &Path) -> bool {
    folder.join("training.safetensors").exists()
}

/// Takes up a saved state, if there is one.
pub(super) fn restore_state<P: DeserializeOwned>(
    folder: &Path,
    optimiser: &mut Optimiser,
) -> Result<Option<P>> {
    let path = folder.join("training.safetensors");
    if !has_state(folder) {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).map_err(|source| Error::File {
        action: "read",
        path: path.clone(),
        source,
    })?;
    let broken = |problem: String| Error::Checkpoint {
        path: path.clone(),
        problem,
    };
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).map_err(|e| broken(e.to_string()))?;
    let progress = header
        .metadata()
        .as_ref()
        .and_then(|metadata| metadata.get("progress"));
    let progress = progress.and_then(|text| serde_json::from_str(text).ok());
    let progress = progress.ok_or_else(|| broken("no progress recorded; delete it to start anew".into()))?;
    let state: BTreeMap<String, Tensor> = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)?
        .into_iter()
        .collect();
    for (name, variable) in optimiser.variables() {
        let value = state
            .get(&format!("value.{name}"))
            .filter(|value| value.shape() == variable.shape());
        let value = value.ok_or_else(|| broken(format!("`{name}` is missing; delete it to start anew")))?;
        variable.set(value)?;
    }
    optimiser.restore(&state)?;
    Ok(Some(progress))
}

/// Saves the network's weights alone: without optimiser and without the heads that training throws away.
pub(super) fn save_weights(folder: &Path, optimiser: &Optimiser) -> Result<()> {
    let kept = optimiser
        .variables()
        .iter()
        .filter(|(name, _)| !name.starts_with(super::patch_heads::ROOT));
    save(folder, &kept.cloned().collect())
}

pub(super) fn write_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).expect("values serialise");
    std::fs::write(path, text + "\n").map_err(|source| Error::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}
