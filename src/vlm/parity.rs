//! Does this crate compute what transformers computes?
//!
//! In: a checkpoint folder and a fixture that transformers wrote (`tests/oracles/make_parity.py`):
//! `pixel_values`, `input_ids`, `attention_mask`, `token_type_ids`, `logits`, `generated_ids`. Out: the
//! largest difference of the logits, the first differing greedy token, and whether batched equals single
//! and cached equals full. Without a fixture the checkpoint is loaded and described.

mod report;

use crate::error::{Error, Result};
use crate::vlm::batch::Batch;
use crate::vlm::config::{Config, Family};
use crate::vlm::device::device;
use crate::vlm::generate::{Draw, generate};
use crate::vlm::network::Network;
use crate::vlm::sequence::{Role, Sequence};
use crate::vlm::weights::Weights;
use candle_core::{DType, Device, Tensor};
pub use report::{Description, Differences, ParityReport};
use std::collections::HashMap;
use std::path::Path;

/// Loads the checkpoint in `folder`, corrected by an adapter if there is one, and compares it with a fixture, if
/// there is one.
pub fn verify(
    folder: &Path,
    adapter: Option<&Path>,
    fixture: Option<&Path>,
    tolerance: f64,
) -> Result<ParityReport> {
    let config = Config::load(folder)?;
    let sees = config.model_type.sees();
    let mut weights = Weights::open(folder, &device()?)?;
    if let Some(adapter) = adapter {
        weights = weights.with_adapter(adapter)?;
    }
    let model = Network::new(&config, &weights)?;
    weights.check_adapter()?;
    let description = Description {
        architecture: config.model_type.name().into(),
        parameters: weights.handed_out(),
        image_tokens: if sees { config.image_tokens() } else { 0 },
        image_side: if sees { config.vision_config.image_size } else { 0 },
        dtype: weights.stored_as(),
    };
    let differences = fixture
        .map(|path| Fixture::load(path, &config)?.compare(&model))
        .transpose()?;
    Ok(ParityReport {
        description,
        differences,
        tolerance,
    })
}

struct Fixture {
    pixels: Option<Tensor>,     // (N, 3, side, side)
    batch: Batch,               // (B, T)
    logits: Vec<Vec<Vec<f32>>>, // (B, T, V)
    generated: Vec<Vec<u32>>,   // (B, N)
    images_a_row: usize,
}

impl Fixture {
    fn load(path: &Path, config: &Config) -> Result<Self> {
        let problem = |problem: String| Error::Checkpoint {
            path: path.to_owned(),
            problem,
        };
        let tensors = candle_core::safetensors::load(path, &Device::Cpu)
            .map_err(|error| problem(format!("not a fixture: {error}")))?;
        let get = |tensors: &HashMap<String, Tensor>, name: &str| {
            tensors
                .get(name)
                .cloned()
                .ok_or_else(|| problem(format!("tensor `{name}` is missing from the fixture")))
        };
        let integers = |name: &str| -> Result<Vec<Vec<u32>>> {
            Ok(get(&tensors, name)?
                .to_dtype(DType::I64)?
                .to_dtype(DType::U32)?
                .to_vec2()?)
        };
        let (ids, mask) = (integers("input_ids")?, integers("attention_mask")?);
        let kinds = integers("token_type_ids")?;
        let shape = |rows: &[Vec<u32>]| (rows.len(), rows.first().map_or(0, Vec::len));
        if shape(&ids) != shape(&mask) || shape(&ids) != shape(&kinds) {
            return Err(problem(
                "input_ids, attention_mask and token_type_ids differ in shape".into(),
            ));
        }
        let role = |(&mask, &kind): (&u32, &u32)| match (config.model_type, mask, kind) {
            (_, 0, _) => Role::Padding,
            (Family::PaliGemma2, _, 0) => Role::Prefix,
            (Family::PaliGemma2, ..) => Role::Suffix,
            (Family::Gemma3Text, ..) | (Family::Gemma3, _, 0) => Role::Text,
            (Family::Gemma3, ..) => Role::Image,
        };
        let roles = mask
            .iter()
            .zip(&kinds)
            .map(|(mask, kinds)| mask.iter().zip(kinds).map(role).collect())
            .collect();
        let pixels = || {
            get(&tensors, "pixel_values")?
                .to_dtype(DType::F32)
                .map_err(Error::from)
        };
        let pixels = config.model_type.sees().then(pixels).transpose()?;
        let fixture = Self {
            images_a_row: pixels.as_ref().map_or(Ok(0), |all| all.dim(0))? / ids.len().max(1),
            pixels,
            logits: get(&tensors, "logits")?.to_dtype(DType::F32)?.to_vec3()?,
            generated: integers("generated_ids")?,
            batch: Batch {
                ids,
                sequence: Sequence::new(roles),
            },
        };
        let (rows, length) = (fixture.batch.ids.len(), fixture.batch.sequence.length());
        let shape = |tensor: &Vec<Vec<Vec<f32>>>| (tensor.len(), tensor.first().map_or(0, Vec::len));
        if rows == 0 || shape(&fixture.logits) != (rows, length) || fixture.generated.len() != rows {
            return Err(problem("its tensors disagree on rows or length".into()));
        }
        if fixture.logits[0][0].len() != config.text_config.vocab_size {
            return Err(problem(
                "its vocabulary is not the checkpoint's; was it made from this checkpoint?".into(),
            ));
        }
        Ok(fixture)
    }

    fn compare(&self, model: &Network) -> Result<Differences> {
        let images = match &self.pixels {
            Some(pixels) => model.project(&model.see(&pixels.to_device(model.device())?)?)?, // (N, P, H)
            None => model.no_images()?,
        };
        let ours = all_logits(model, &self.batch, &images)?;
        let rows = self.batch.ids.len();
        let (mut logits, mut batched) = (0f32, 0f32);
        for (row, ours) in ours.iter().enumerate() {
            let real: Vec<usize> = real_places(&self.batch.sequence, row);
            logits = real
                .iter()
                .map(|&at| largest(&ours[at], &self.logits[row][at]))
                .fold(logits, worse);
            let image = images.narrow(0, row * self.images_a_row, self.images_a_row)?;
            let alone = all_logits(model, &self.alone(row), &image)?;
            batched = real
                .iter()
                .zip(&alone[0])
                .map(|(&at, alone)| largest(&ours[at], alone))
                .fold(batched, worse);
        }
        let length = self.generated[0].len();
        let greedy = Draw {
            temperature: 0.0,
            top_p: 1.0,
            max_tokens: length,
            seed: 0,
        };
        let answers = generate(model, &self.batch, &images, &vec![greedy; rows], |_, _| false)?;
        let pairs = (0..rows).flat_map(|row| (0..length).map(move |at| (row, at)));
        let differing = |(row, at): (usize, usize)| {
            let (ours, theirs) = (answers[row].token_ids[at], self.generated[row][at]);
            (ours != theirs).then_some((row, at, ours, theirs))
        };
        let first_token = pairs.clone().find_map(differing);
        let cached = self.cached(model, &images)?;
        Ok(Differences {
            logits,
            batched,
            cached,
            first_token,
            tokens: rows * length,
        })
    }

    /// One row without its padding.
    fn alone(&self, row: usize) -> Batch {
        let real = real_places(&self.batch.sequence, row);
        let roles = self.batch.sequence.roles(row);
        Batch {
            ids: vec![real.iter().map(|&at| self.batch.ids[row][at]).collect()],
            sequence: Sequence::new(vec![real.iter().map(|&at| roles[at]).collect()]),
        }
    }

    /// The fixture's own continuation, once token by token over a cache and once as a whole.
    fn cached(&self, model: &Network, images: &Tensor) -> Result<f32> {
        let mut whole = self.batch.clone();
        let (rows, start) = (whole.ids.len(), whole.sequence.length());
        for at in 0..self.generated[0].len() {
            whole.sequence.append(&vec![Role::Suffix; rows]);
            whole
                .ids
                .iter_mut()
                .zip(&self.generated)
                .for_each(|(ids, more)| ids.push(more[at]));
        }
        let full = all_logits(model, &whole, images)?;
        let mut sequence = self.batch.sequence.clone();
        let mut cache = model.cache(rows, whole.sequence.length())?;
        model.hidden(
            &model.embed(&self.batch.ids, images)?,
            &sequence,
            Some(&mut cache),
        )?;
        let nothing = images.narrow(0, 0, 0)?;
        let mut difference = 0f32;
        for at in start..whole.sequence.length() {
            sequence.append(&vec![Role::Suffix; rows]);
            let ids: Vec<Vec<u32>> = whole.ids.iter().map(|ids| vec![ids[at]]).collect();
            let hidden = model.hidden(&model.embed(&ids, &nothing)?, &sequence, Some(&mut cache))?; // (B, 1, H)
            let step = model.logits(&hidden.squeeze(1)?)?.to_vec2::<f32>()?;
            difference = step
                .iter()
                .zip(&full)
                .map(|(step, full)| largest(step, &full[at]))
                .fold(difference, worse);
        }
        Ok(difference)
    }
}

fn all_logits(model: &Network, batch: &Batch, images: &Tensor) -> Result<Vec<Vec<Vec<f32>>>> {
    let hidden = model.hidden(&model.embed(&batch.ids, images)?, &batch.sequence, None)?;
    let (rows, length, width) = hidden.dims3()?;
    Ok(model
        .logits(&hidden.reshape(((), width))?)?
        .reshape((rows, length, ()))?
        .to_vec3()?)
}

fn real_places(sequence: &Sequence, row: usize) -> Vec<usize> {
    let roles = sequence.roles(row);
    (0..roles.len())
        .filter(|&at| roles[at] != Role::Padding)
        .collect()
}

fn largest(ours: &[f32], theirs: &[f32]) -> f32 {
    ours.iter()
        .zip(theirs)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, worse)
}

/// The larger; NaN is the worst.
fn worse(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vlm::stored::rewrite;
    use std::path::PathBuf;

    fn data() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity")
    }

    #[test]
    fn transformers_agrees() {
        for fixture in ["one.safetensors", "batch.safetensors", "suffix.safetensors"] {
            let report = verify(&data(), None, Some(&data().join(fixture)), 1e-4).unwrap();
            assert!(report.passed(), "{report}");
            assert!(report.differences.unwrap().tokens >= 6);
        }
    }

    #[test]
    fn transformers_agrees_on_gemma3() {
        let gemma3 = data().join("gemma3");
        for fixture in ["one.safetensors", "two_images.safetensors"] {
            let report = verify(&gemma3, None, Some(&gemma3.join(fixture)), 1e-4).unwrap();
            assert!(report.passed(), "{report}");
            assert!(report.to_string().contains("Gemma 3"));
            assert!(report.differences.unwrap().tokens >= 6);
        }
    }

    #[test]
    fn transformers_agrees_on_text_alone() {
        let text = data().join("gemma3_text");
        let report = verify(&text, None, Some(&text.join("batch.safetensors")), 1e-4).unwrap();
        assert!(report.passed(), "{report}");
        assert!(report.to_string().contains("text only") && !report.to_string().contains("image"));
        assert!(report.differences.unwrap().tokens >= 12);
    }

    #[test]
    fn transformers_agrees_on_an_adapter_of_peft() {
        let (adapter, fixture) = (data().join("lora"), data().join("lora/batch.safetensors"));
        let report = verify(&data(), Some(&adapter), Some(&fixture), 1e-4).unwrap();
        assert!(report.passed(), "{report}");
        let without = verify(&data(), None, Some(&fixture), 1e-4).unwrap();
        assert!(!without.passed(), "the adapter changes nothing: {without}");
        let other = verify(&data().join("gemma3"), Some(&adapter), None, 1e-4).unwrap_err();
        assert!(other.to_string().contains(".lora_"), "{other}");
    }

    #[test]
    fn other_keys_and_shards_are_the_same_model() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(data().join("config.json"), folder.path().join("config.json")).unwrap();
        rewrite(&data(), folder.path());
        let report = verify(folder.path(), None, Some(&data().join("batch.safetensors")), 1e-4).unwrap();
        assert!(report.passed(), "{report}");
        assert_eq!(
            report,
            verify(&data(), None, Some(&data().join("batch.safetensors")), 1e-4).unwrap()
        );
    }

    #[test]
    fn a_wrong_number_is_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(
            data().join("model.safetensors"),
            folder.path().join("model.safetensors"),
        )
        .unwrap();
        let config = std::fs::read_to_string(data().join("config.json")).unwrap();
        for (right, wrong) in [
            ("\"query_pre_attn_scalar\": 40", "\"query_pre_attn_scalar\": 24"),
            ("\"sliding_window\": 8", "\"sliding_window\": 7"),
            (
                "\"attn_logit_softcapping\": 1.0",
                "\"attn_logit_softcapping\": null",
            ),
        ] {
            assert!(config.contains(right));
            std::fs::write(folder.path().join("config.json"), config.replace(right, wrong)).unwrap();
            let report = verify(
                folder.path(),
                None,
                Some(&data().join("suffix.safetensors")),
                1e-4,
            )
            .unwrap();
            assert!(!report.passed(), "{wrong} passes: {report}");
            assert!(report.to_string().contains("FAILED"));
        }
    }

    #[test]
    fn without_a_fixture_it_describes() {
        let report = verify(&data(), None, None, 1e-4).unwrap();
        assert_eq!(report.description.image_tokens, 4);
        assert_eq!(report.description.dtype, "F32");
        assert!(
            report.passed() && report.to_string().contains("0.1 M, stored as F32"),
            "{report}"
        );
    }
}
