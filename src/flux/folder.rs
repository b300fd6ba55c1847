//! A folder in the layout of diffusers: which pipeline it holds, and whether all of its parts are there.
//!
//! `model_index.json` names the pipeline and each part's class; a part is a folder of the same name. Left out: image encoders
//! of adapters, quantised parts.

use crate::error::{Error, Result};
use crate::vlm::{files_of, settings};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The file that makes a folder a painter's.
pub(crate) const INDEX: &str = "model_index.json";

/// A part: its folder, the classes that are known, how its weights' files begin, and its other files.
struct Part {
    name: &'static str,
    classes: &'static [&'static str],
    weights: Option<&'static str>,
    others: &'static [&'static str],
}

const fn part(
    name: &'static str,
    classes: &'static [&'static str],
    weights: Option<&'static str>,
    others: &'static [&'static str],
) -> Part {
    Part {
        name,
        classes,
        weights,
        others,
    }
}

const CONFIG: &[&str] = &["config.json"];
/// How diffusers calls its weights.
const DIFFUSION: Option<&str> = Some("diffusion_pytorch_model");

const PARTS: [Part; 7] = [
    part(
        "scheduler",
        &["FlowMatchEulerDiscreteScheduler"],
        None,
        &["scheduler_config.json"],
    ),
    part("text_encoder", &["CLIPTextModel"], Some("model"), CONFIG),
    part("text_encoder_2", &["T5EncoderModel"], Some("model"), CONFIG),
    part("tokenizer", &["CLIPTokenizer", "CLIPTokenizerFast"], None, &[]),
    part(
        "tokenizer_2",
        &["T5TokenizerFast", "T5Tokenizer"],
        None,
        &["tokenizer.json"],
    ),
    part("transformer", &["FluxTransformer2DModel"], DIFFUSION, CONFIG),
    part("vae", &["AutoencoderKL"], DIFFUSION, CONFIG),
];

/// What a folder paints from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Captions: FLUX.1.
    Flux,
    /// Captions, or an image and an instruction: FLUX.1-Kontext.
    Kontext,
}

impl Kind {
    /// Reads `model_index.json` and refuses classes that are not known.
    pub(super) fn of(folder: &Path) -> Result<Self> {
        settings::read(&folder.join(INDEX), |index| {
            let kind = match index["_class_name"].as_str().unwrap_or("none") {
                "FluxPipeline" => Self::Flux,
                "FluxKontextPipeline" => Self::Kontext,
                other => {
                    return Err(format!(
                        "pipeline `{other}` is not supported; supported: FluxPipeline, FluxKontextPipeline"
                    ));
                }
            };
            for part in &PARTS {
                check_class(&index, part)?;
            }
            Ok(kind)
        })
    }

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flux => "FLUX.1 (captions to images)",
            Self::Kontext => "FLUX.1-Kontext (captions to images, instructions to edits)",
        }
    }
}

fn check_class(index: &Value, part: &Part) -> Result<(), String> {
    let name = part.name;
    match index[name][1].as_str() {
        Some(class) if part.classes.contains(&class) => Ok(()),
        Some(class) => Err(format!(
            "{name} `{class}` is not supported; supported: {}",
            part.classes.join(", ")
        )),
        None => Err(format!(
            "names no {name}; fetch a whole copy of a FLUX.1 pipeline"
        )),
    }
}

/// Whether a folder claims to be a painter.
#[must_use]
pub fn is_painter(folder: &Path) -> bool {
    folder.join(INDEX).is_file()
}

/// Every file that a painted image depends on; an error names the first that is missing.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    Kind::of(folder)?;
    let mut files = vec![folder.join(INDEX)];
    for part in &PARTS {
        let place = folder.join(part.name);
        if let Some(stem) = part.weights {
            files.extend(files_of(&place, stem)?);
        }
        files.extend(part.others.iter().map(|name| place.join(name)));
    }
    let clip = folder.join("tokenizer");
    if clip.join("tokenizer.json").is_file() {
        files.push(clip.join("tokenizer.json"));
    } else {
        files.extend(["vocab.json", "merges.txt"].map(|name| clip.join(name)));
    }
    match files.iter().find(|file| !file.is_file()) {
        None => Ok(files),
        Some(missing) => Err(Error::Checkpoint {
            path: missing.clone(),
            problem: format!("{INDEX} calls for this file, and it is not there; fetch it"),
        }),
    }
}

/// Whether a file of a hub's listing belongs to a painter: one of the layout's own, never a copy of the weights in another.
pub(crate) fn is_part(path: &str) -> bool {
    let Some((folder, name)) = path.split_once('/') else {
        return path == INDEX;
    };
    let Some(part) = PARTS.iter().find(|part| part.name == folder) else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let shard = |rest: &str| {
        let numbers = rest
            .strip_suffix(".safetensors")
            .and_then(|rest| rest.strip_prefix('-'));
        let numbers = numbers.and_then(|numbers| numbers.split_once("-of-"));
        numbers.is_some_and(|(at, all)| digits(at) && digits(all))
    };
    let weights = part.weights.and_then(|stem| name.strip_prefix(stem));
    let words =
        folder.starts_with("tokenizer") && ["tokenizer.json", "vocab.json", "merges.txt"].contains(&name);
    let is_weights = |rest: &str| [".safetensors", ".safetensors.index.json"].contains(&rest) || shard(rest);
    words || weights.is_some_and(is_weights) || part.others.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_listing() {
        for path in [
            "model_index.json",
            "scheduler/scheduler_config.json",
            "text_encoder/model.safetensors",
            "text_encoder_2/model-00001-of-00002.safetensors",
            "text_encoder_2/model.safetensors.index.json",
            "tokenizer/merges.txt",
            "transformer/diffusion_pytorch_model-00003-of-00003.safetensors",
            "vae/diffusion_pytorch_model.safetensors",
        ] {
            assert!(is_part(path), "{path}");
        }
        for path in [
            "flux1-dev.safetensors",
            "ae.safetensors",
            "model.safetensors",
            "text_encoder/model.fp16.safetensors",
            "text_encoder_2/model-1-of-../x.safetensors",
            "transformer/../config.json",
            "transformer/model.safetensors",
            "elsewhere/config.json",
        ] {
            assert!(!is_part(path), "{path}");
        }
    }
}
