//! `preprocessor_config.json`: how pixels become the numbers that an image tower takes.
//!
//! In: an upright RGB image of any size. Out: `3 · side · side` f32, channels first, normalised. The image is squashed
//! to a square, as SigLIP's processors do. Left out: cropping, padding, pan-and-scan.

use crate::error::Result;
use crate::vlm::resample::{Filter, pull_back, resize};
use crate::vlm::settings;
use image::RgbImage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// A SigLIP image processor; serialises to what transformers reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Processor {
    image_processor_type: String,
    size: Size,
    #[serde(default = "bicubic")]
    resample: Filter,
    #[serde(default = "half")]
    image_mean: [f32; 3],
    #[serde(default = "half")]
    image_std: [f32; 3],
    #[serde(default = "rescale")]
    rescale_factor: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image_seq_length: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Size {
    height: usize,
    width: usize,
}

impl Processor {
    /// What PaliGemma's processors do, for squares of `side` pixels that become `image_tokens` tokens.
    pub fn square(side: usize, image_tokens: usize) -> Self {
        Self {
            image_processor_type: "SiglipImageProcessor".into(),
            size: Size {
                height: side,
                width: side,
            },
            resample: bicubic(),
            image_mean: half(),
            image_std: half(),
            rescale_factor: rescale(),
            image_seq_length: Some(image_tokens),
        }
    }

    /// Reads `preprocessor_config.json` in `folder`, or what `processor_config.json` of newer saves says.
    pub fn load(folder: &Path) -> Result<Self> {
        let mut path = folder.join("preprocessor_config.json");
        if !path.is_file() && folder.join("processor_config.json").is_file() {
            path = folder.join("processor_config.json");
        }
        settings::read(&path, Self::of)
    }

    fn of(mut value: Value) -> std::result::Result<Self, String> {
        if value["image_processor"].is_object() {
            value = value["image_processor"].take();
        }
        let kind = value["image_processor_type"].as_str().unwrap_or("none");
        let supported = ["SiglipImageProcessor", "Gemma3ImageProcessor"];
        let Some(family) = supported.iter().position(|name| kind.starts_with(name)) else {
            return Err(format!(
                "image processor `{kind}` is not supported; supported: {}",
                supported.join(", ")
            ));
        };
        if value["do_pan_and_scan"] == true {
            return Err("`do_pan_and_scan: true` is not supported".into());
        }
        if value["resample"].is_null() {
            value["resample"] = [3, 2][family].into(); // SigLIP's is bicubic, Gemma 3's bilinear
        }
        for step in ["do_resize", "do_rescale", "do_normalize"] {
            if value[step] == false {
                return Err(format!("`{step}: false` is not supported"));
            }
        }
        let processor: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let Size { height, width } = processor.size;
        if height != width || height == 0 || height > 1 << 14 {
            return Err(format!(
                "size {width}×{height} is not supported; supported: squares"
            ));
        }
        Ok(processor)
    }

    /// Side of the square in pixels.
    pub fn side(&self) -> usize {
        self.size.height
    }

    /// `[3, side, side]`, flattened.
    pub fn pixel_values(&self, image: &RgbImage) -> Vec<f32> {
        let from = (image.width() as usize, image.height() as usize);
        let resized = resize(image.as_raw(), from, (self.side(), self.side()), self.resample);
        let normal = |byte: u8, channel: usize| {
            (f32::from(byte) * self.rescale_factor as f32 - self.image_mean[channel])
                / self.image_std[channel]
        };
        (0..3)
            .flat_map(|channel| {
                resized
                    .iter()
                    .skip(channel)
                    .step_by(3)
                    .map(move |&byte| normal(byte, channel))
            })
            .collect()
    }

    /// What a gradient at [`Self::pixel_values`] is at the bytes of an image of that size, up to a positive factor a
    /// channel: interleaved as the image's. Rounding and cut-off overshoots are taken for none.
    pub(crate) fn pull_back(&self, gradient: &[f32], (width, height): (u32, u32)) -> Vec<f32> {
        let (side, from) = (self.side(), (width as usize, height as usize));
        let mut bytes = vec![0.0; from.0 * from.1 * 3];
        for (channel, gradient) in gradient.chunks_exact(side * side).enumerate() {
            let pulled = pull_back(gradient, from, (side, side), self.resample);
            let places = bytes.iter_mut().skip(channel).step_by(3);
            places.zip(pulled).for_each(|(place, value)| *place = value);
        }
        bytes
    }
}

fn bicubic() -> Filter {
    Filter::Bicubic
}

fn half() -> [f32; 3] {
    [0.5; 3]
}

fn rescale() -> f64 {
    1.0 / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, safetensors};
    use std::path::PathBuf;

    fn data() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/processor")
    }

    #[test]
    fn transformers_sees_the_same_pixels() {
        let processor = Processor::load(&data()).unwrap();
        let expected = safetensors::load(data().join("pixel_values.safetensors"), &Device::Cpu).unwrap();
        assert_eq!(expected.len(), 6);
        for (name, theirs) in expected {
            let folder = if data().join(&name).is_file() {
                data()
            } else {
                data().join("../jpegs")
            };
            let image = crate::image::decode(&std::fs::read(folder.join(&name)).unwrap()).unwrap();
            let ours = processor.pixel_values(&image.pixels);
            let theirs = theirs.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(ours.len(), theirs.len());
            let differences = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs());
            let worst = differences.fold(0.0, f32::max);
            assert!(worst < 1e-6, "{name}: {worst}");
        }
    }

    #[test]
    fn transformers_sees_the_same_pixels_for_gemma3() {
        let chat = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/chat");
        let processor = Processor::load(&chat).unwrap();
        let expected = safetensors::load(chat.join("pixel_values.safetensors"), &Device::Cpu).unwrap();
        let theirs = expected["drawing.png"]
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        let ours = processor.pixel_values(&image::open(data().join("drawing.png")).unwrap().to_rgb8());
        assert_eq!(ours.len(), theirs.len());
        let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs() * 127.5);
        assert!(worst.fold(0.0, f32::max) < 1.001, "within a level");
    }

    #[test]
    fn settings_are_read_from_either_file_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let square = Processor::square(28, 4);
        let nested =
            serde_json::json!({ "image_processor": square, "processor_class": "PaliGemmaProcessor" });
        std::fs::write(folder.path().join("processor_config.json"), nested.to_string()).unwrap();
        assert_eq!(Processor::load(folder.path()).unwrap(), square);
        assert_eq!(Processor::load(&data()).unwrap().side(), 28);
        let problem = |from: &str, to: &str| {
            let text = serde_json::to_string(&square).unwrap().replace(from, to);
            settings::parse(text.as_bytes(), Processor::of).unwrap_err()
        };
        assert!(problem("Siglip", "CLIP").contains("`CLIPImageProcessor` is not supported"));
        assert!(problem("\"resample\":3", "\"resample\":1").contains("resample 1"));
        assert!(problem("\"height\":28", "\"height\":0").contains("size 28×0"));
        assert!(problem("{\"image", "{\"do_resize\":false,\"image").contains("do_resize: false"));
    }
}
