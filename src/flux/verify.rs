//! Does this crate paint what diffusers paints?
//!
//! In: a painter's folder and a fixture that diffusers wrote (`tests/oracles/make_flux_fixture.py`): a caption as bytes, its ids,
//! what both text encoders make of it, noise, one step's velocity and all steps' image, pixels and their latents, sigmas. Out:
//! each part's largest difference, over the larger of 1 and the fixture's largest number. Without a fixture the folder is
//! loaded and described.

use super::places::Angles;
use super::{Flux, Order, Part, Scene, canvas};
use crate::error::{Error, Result};
use crate::vlm::device;
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// What was loaded, and what a fixture found.
#[derive(Debug, Clone)]
pub struct Report {
    kind: &'static str,
    parts: Vec<Part>,
    unit: usize,
    found: Vec<Finding>,
    tolerance: f64,
}

/// How far one part is from the fixture.
#[derive(Debug, Clone)]
struct Finding {
    what: &'static str,
    difference: f32,
}

/// Loads the painter in `folder` and compares it with a fixture, if there is one.
pub fn verify(folder: &Path, fixture: Option<&Path>, tolerance: f64) -> Result<Report> {
    let flux = Flux::load(folder, &device()?)?;
    let found = fixture.map(|path| Fixture::load(path, &flux.device)?.compare(&flux));
    Ok(Report {
        kind: flux.kind.name(),
        unit: flux.unit(),
        found: found.transpose()?.unwrap_or_default(),
        parts: flux.parts.to_vec(),
        tolerance,
    })
}

struct Fixture {
    tensors: HashMap<String, Tensor>,
    path: String,
}

impl Fixture {
    fn load(path: &Path, device: &Device) -> Result<Self> {
        let tensors = candle_core::safetensors::load(path, device);
        Ok(Self {
            tensors: tensors.map_err(|error| Error::Checkpoint {
                path: path.to_owned(),
                problem: format!("not a fixture: {error}"),
            })?,
            path: path.display().to_string(),
        })
    }

    fn problem(&self, problem: String) -> Error {
        Error::Checkpoint {
            path: self.path.clone().into(),
            problem,
        }
    }

    fn get(&self, name: &str) -> Result<Tensor> {
        let Some(tensor) = self.tensors.get(name) else {
            return Err(self.problem(format!("tensor `{name}` is missing from the fixture")));
        };
        Ok(match tensor.dtype() {
            DType::U8 | DType::I64 => tensor.clone(),
            _ => tensor.to_dtype(DType::F32)?,
        })
    }

    fn number(&self, name: &str) -> Result<f64> {
        Ok(f64::from(
            self.get(name)?.flatten_all()?.get(0)?.to_scalar::<f32>()?,
        ))
    }

    fn difference(&self, what: &'static str, ours: &Tensor) -> Result<Finding> {
        let theirs = self.get(what)?;
        if ours.dims() != theirs.dims() {
            return Err(self.problem(format!(
                "`{what}` is {:?} here and {:?} in the fixture; was it made from this folder?",
                ours.dims(),
                theirs.dims()
            )));
        }
        let list = |tensor: &Tensor| -> Result<Vec<f32>> {
            Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
        };
        let (ours, theirs) = (list(ours)?, list(&theirs)?);
        let size = theirs.iter().fold(1f32, |size, x| size.max(x.abs()));
        let differences = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs() / size);
        Ok(Finding {
            what,
            difference: differences.fold(0.0, |worst, x| if x.is_nan() || x > worst { x } else { worst }),
        })
    }

    fn compare(&self, flux: &Flux) -> Result<Vec<Finding>> {
        let text = String::from_utf8_lossy(&self.get("caption")?.to_vec1::<u8>()?).into_owned();
        let ids = |words: &super::Words| -> Result<(Vec<u32>, Tensor)> {
            let ids = words.ids(&text)?;
            let tensor =
                Tensor::from_vec(ids.iter().map(|&id| id as f32).collect(), ids.len(), &flux.device)?;
            Ok((ids, tensor))
        };
        let ((clip_ids, clip), (t5_ids, t5)) = (ids(&flux.words[0])?, ids(&flux.words[1])?);
        let scene = |grids: &[super::places::Grid]| -> Result<Scene> {
            let text = self.get("text")?;
            let axes = flux.transformer.config.axes_dims_rope;
            Ok(Scene {
                angles: Angles::new(text.dim(1)?, grids, axes, &flux.device)?,
                text,
                pooled: self.get("pooled")?,
                guidance: self.number("guidance")?,
            })
        };
        let mut found = vec![
            self.difference("clip_ids", &clip)?,
            self.difference("t5_ids", &t5)?,
            self.difference("pooled", &flux.clip.forward(&clip_ids)?)?,
            self.difference("text", &flux.t5.forward(&t5_ids)?)?,
        ];
        let noise = self.get("noise")?; // (1, C, h, w)
        let (tokens, grid) = canvas::pack(&noise)?;
        let sigma = self.number("sigma")?;
        let velocity = flux.velocity(&tokens, None, sigma, &scene(&[grid])?)?;
        found.push(self.difference("velocity", &velocity)?);
        let base = flux.vae.encode(&self.get("pixels")?)?;
        found.push(self.difference("latents", &base)?);
        found.push(self.difference("decoded", &flux.vae.decode(&noise)?)?);
        let steps = self.get("sigmas")?.dim(0)?.saturating_sub(1);
        let sigmas: Vec<f32> = flux
            .schedule
            .sigmas(steps, grid.len())
            .iter()
            .map(|&x| x as f32)
            .collect();
        found.push(self.difference("sigmas", &Tensor::new(sigmas, &flux.device)?)?);
        let order = Order {
            text: &text,
            base: None,
            size: (0, 0),
            steps,
            guidance: self.number("guidance")?,
            seed: 0,
        };
        let whole = |base: Option<&Tensor>| -> Result<Tensor> {
            let latents = flux.denoise(&order, &noise, base, &|| false)?;
            flux.vae.decode(&latents.expect("it is never called off"))
        };
        found.push(self.difference("painted", &whole(None)?)?);
        if flux.kind == super::Kind::Kontext {
            let (base_tokens, base_grid) = canvas::pack(&base)?;
            let velocity = flux.velocity(&tokens, Some(&base_tokens), sigma, &scene(&[grid, base_grid])?)?;
            found.push(self.difference("edit_velocity", &velocity)?);
            found.push(self.difference("edited", &whole(Some(&base))?)?);
        }
        Ok(found)
    }
}

impl Report {
    /// Whether everything lies within the tolerance (also when nothing was compared).
    #[must_use]
    pub fn passed(&self) -> bool {
        self.found
            .iter()
            .all(|finding| f64::from(finding.difference) <= self.tolerance) // NaN is not
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "architecture    {}", self.kind)?;
        for Part {
            name,
            parameters,
            dtype,
        } in &self.parts
        {
            writeln!(
                f,
                "{name:<15} {:.1} M parameters, stored as {dtype}",
                *parameters as f64 / 1e6
            )?;
        }
        writeln!(f, "sizes           multiples of {} px", self.unit)?;
        for Finding { what, difference } in &self.found {
            writeln!(f, "{what:<15} {difference:.1e} largest difference to the fixture")?;
        }
        if self.found.is_empty() {
            return Ok(());
        }
        let verdict = if self.passed() { "passed" } else { "FAILED" };
        writeln!(f, "{verdict} at a tolerance of {:.0e}", self.tolerance)
    }
}
