//! Where a network's parameters come from: a checkpoint folder or a seed; frozen or trainable.
//!
//! In: names in the hub's layout (`language_model.model.…`, `vision_tower.vision_model.…`,
//! `multi_modal_projector.…`), shapes and initial distributions, as the networks ask for them. Out: f32
//! tensors, which after [`Weights::trainable`] are variables recorded under their names. With adapters these are
//! what is trained, and the rest stays frozen.
//! Left out: quantised files, pickled files.

use crate::error::{Error, Result};
use crate::vlm::adapter::Lora;
use crate::vlm::stored::Stored;
use candle_core::{Device, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// How a fresh parameter begins.
#[derive(Debug, Clone, Copy)]
pub enum Initial {
    /// Normal around 0 with this standard deviation.
    Normal(f64),
    /// All the same.
    Constant(f32),
}

/// A source of parameters.
pub struct Weights {
    origin: Origin,
    adapters: Option<(Lora, Origin)>,
    device: Device,
    halves: bool,
    variables: Option<RefCell<BTreeMap<String, Var>>>,
    handed_out: Cell<usize>,
}

enum Origin {
    Stored(Stored),
    Seed(u64),
}

impl Weights {
    /// Maps the safetensors files of `folder`; tensors are read when a network asks for them.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        Ok(Self::of(Origin::Stored(Stored::open(folder)?), device))
    }

    /// The same of files that begin with `stem` instead of `model`. With `halves`, on a GPU, a checkpoint that is bf16
    /// throughout stays so.
    pub(crate) fn open_as(folder: &Path, stem: &str, halves: bool, device: &Device) -> Result<Self> {
        let stored = Stored::open_as(folder, stem)?;
        Ok(Self {
            halves: halves && device.is_cuda() && stored.dtypes() == "BF16",
            ..Self::of(Origin::Stored(stored), device)
        })
    }

    fn of(origin: Origin, device: &Device) -> Self {
        Self {
            origin,
            adapters: None,
            device: device.clone(),
            halves: false,
            variables: None,
            handed_out: Cell::new(0),
        }
    }

    /// Fresh parameters; a parameter's values depend on the seed and its name only.
    pub fn fresh(seed: u64, device: &Device) -> Self {
        Self::of(Origin::Seed(seed), device)
    }

    /// Hands out variables from now on.
    #[must_use]
    pub fn trainable(mut self) -> Self {
        self.variables = Some(RefCell::default());
        self
    }

    /// Corrects the layers that `lora` covers by fresh adapters, which are trainable while all else is not.
    #[must_use]
    pub fn adapted(mut self, lora: Lora, seed: u64) -> Self {
        self.adapters = Some((lora, Origin::Seed(seed)));
        self.trainable()
    }

    /// Corrects layers by the adapters that PEFT or [`Lora::save`] wrote into `folder`.
    pub fn with_adapter(mut self, folder: &Path) -> Result<Self> {
        let stored = Stored::open_file(folder, "adapter_model.safetensors")?;
        self.adapters = Some((Lora::load(folder)?, Origin::Stored(stored)));
        Ok(self)
    }

    /// What the adapter of the layer `name` looks like, where it has one.
    pub(crate) fn lora_of(&self, name: &str) -> Option<&Lora> {
        let (lora, origin) = self.adapters.as_ref()?;
        let covered = match origin {
            Origin::Seed(_) => lora.covers(name),
            Origin::Stored(stored) => stored.contains(&format!("{name}.lora_A.weight")),
        };
        covered.then_some(lora)
    }

    /// An error if the adapter's files hold anything that no layer has asked for.
    pub(crate) fn check_adapter(&self) -> Result<()> {
        match &self.adapters {
            Some((_, Origin::Stored(stored))) => stored.check_all_read(),
            _ => Ok(()),
        }
    }

    /// Whether there is a parameter `name`; seeds have all.
    pub(crate) fn has(&self, name: &str) -> bool {
        match &self.origin {
            Origin::Stored(stored) => stored.contains(name),
            Origin::Seed(_) => true,
        }
    }

    /// The parameter `name`, f32 (of [`Self::open_as`], bf16 on a GPU).
    pub fn get(&self, name: &str, shape: &[usize], initial: Initial) -> Result<Tensor> {
        if let Some(known) = self
            .variables
            .as_ref()
            .and_then(|known| known.borrow().get(name).cloned())
        {
            return Ok(known.as_tensor().clone());
        }
        let (origin, frozen) = match &self.adapters {
            Some((_, adapters)) if name.contains(".lora_") => (adapters, false),
            adapters => (&self.origin, adapters.is_some()),
        };
        let tensor = match origin {
            Origin::Stored(stored) => stored.read(name, shape, &self.device, self.halves)?,
            Origin::Seed(seed) => {
                let values = draw(*seed, name, shape.iter().product(), initial);
                Tensor::from_vec(values, shape, &self.device)?
            }
        };
        self.handed_out.set(self.handed_out.get() + tensor.elem_count());
        let Some(variables) = self.variables.as_ref().filter(|_| !frozen) else {
            return Ok(tensor);
        };
        let variable = Var::from_tensor(&tensor)?;
        let tensor = variable.as_tensor().clone(); // shares the storage, so that it follows the optimiser
        variables.borrow_mut().insert(name.to_owned(), variable);
        Ok(tensor)
    }

    /// Every variable handed out so far, by name; empty if frozen.
    pub fn variables(&self) -> BTreeMap<String, Var> {
        self.variables
            .as_ref()
            .map(|variables| variables.borrow().clone())
            .unwrap_or_default()
    }

    /// How many numbers were handed out so far.
    pub fn handed_out(&self) -> usize {
        self.handed_out.get()
    }

    /// The precision of the files, e.g. `BF16`; fresh parameters are F32.
    pub fn stored_as(&self) -> String {
        match &self.origin {
            Origin::Stored(stored) => stored.dtypes(),
            Origin::Seed(_) => "F32".into(),
        }
    }

    /// Whether parameters are handed out as bf16 rather than f32.
    pub(crate) fn keeps_halves(&self) -> bool {
        self.halves
    }

    /// Where parameters live.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// Writes `model.safetensors` into `folder`.
pub fn save(folder: &Path, variables: &BTreeMap<String, Var>) -> Result<()> {
    save_as(&folder.join("model.safetensors"), variables)
}

/// Writes a safetensors file: complete under another name first, then renamed.
pub(crate) fn save_as(path: &Path, variables: &BTreeMap<String, Var>) -> Result<()> {
    let tensors: HashMap<String, Tensor> = variables
        .iter()
        .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()))
        .collect();
    let partial = path.with_added_extension("partial");
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]); // transformers refuses files without
    safetensors::serialize_to_file(&tensors, Some(metadata), &partial).map_err(|error| {
        Error::Checkpoint {
            path: partial.clone(),
            problem: format!("cannot write: {error}"),
        }
    })?;
    std::fs::rename(&partial, path).map_err(|source| Error::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

fn draw(seed: u64, name: &str, count: usize, initial: Initial) -> Vec<f32> {
    let deviation = match initial {
        Initial::Constant(value) => return vec![value; count],
        Initial::Normal(deviation) => deviation,
    };
    let mut hasher = Sha256::new();
    hasher.update(seed.to_le_bytes());
    hasher.update(name);
    let mut rng = ChaCha8Rng::from_seed(hasher.finalize().into());
    let mut normal = || {
        // Box–Muller; 1 − u keeps the logarithm finite
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    (0..count).map(|_| (normal() * deviation) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_survive_a_round_trip_and_follow_updates() {
        let folder = tempfile::tempdir().unwrap();
        let weights = Weights::fresh(3, &Device::Cpu).trainable();
        let name = "multi_modal_projector.linear.weight";
        let seen = weights.get(name, &[4, 2], Initial::Normal(0.5)).unwrap();
        weights.get("bias", &[3], Initial::Constant(1.5)).unwrap();
        let variables = weights.variables();
        variables[name]
            .set(&Tensor::full(2f32, (4, 2), &Device::Cpu).unwrap())
            .unwrap();
        assert_eq!(
            seen.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            vec![2.0; 8]
        );
        save(folder.path(), &variables).unwrap();
        let again = Weights::open(folder.path(), &Device::Cpu).unwrap();
        let read = again.get(name, &[4, 2], Initial::Normal(0.5)).unwrap();
        assert_eq!(read.to_vec2::<f32>().unwrap(), seen.to_vec2::<f32>().unwrap());
        assert!(again.variables().is_empty());
    }

    #[test]
    fn draws_depend_on_seed_and_name_only() {
        let values = draw(1, "a", 10_000, Initial::Normal(2.0));
        assert_eq!(values, draw(1, "a", 10_000, Initial::Normal(2.0)));
        assert_ne!(
            values[0].to_bits(),
            draw(1, "b", 1, Initial::Normal(2.0))[0].to_bits()
        );
        let mean = values.iter().sum::<f32>() / 1e4;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 1e4;
        assert!(
            mean.abs() < 0.1 && (variance - 4.0).abs() < 0.2,
            "{mean} {variance}"
        );
    }
}
