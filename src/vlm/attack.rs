//! Projected gradient on the pixels of an image: a change of few levels that makes an answer unlikely.
//!
//! In: a checkpoint, an RGB image, a prompt with one image's placeholders, the answer's tokens. Out: another RGB image, no
//! byte of which is further than `epsilon` from the first, with the cross-entropy of the answer before and after. Every
//! iterate is a real 8-bit image that goes through the processor as any other does, so that the loss is that of what will
//! be stored; the gradient passes the processor's resizing as a linear map and its rounding straight through.
//! Source: projected gradient descent with a random start in the L∞ ball (Madry et al. 2018). Left out: several restarts,
//! images of several prompts.

use crate::error::{Error, Result};
use crate::vlm::batch::{Batch, Side};
use crate::vlm::checkpoint::Checkpoint;
use crate::vlm::ops;
use crate::vlm::processor::Processor;
use candle_core::{Tensor, Var};
use image::RgbImage;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How far and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attack {
    /// A byte may change by so many levels of 255.
    pub epsilon: u8,
    /// Levels of one step.
    pub step: u8,
    /// Steps; each costs a forward and a backward pass.
    pub steps: usize,
}

impl Default for Attack {
    fn default() -> Self {
        Self {
            epsilon: 8,
            step: 2,
            steps: 10,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Attacked {
    /// The iterate with the highest loss.
    pub image: RgbImage,
    /// Cross-entropy of the answer for the image as it was.
    pub before: f32,
    /// And for the iterate.
    pub after: f32,
}

/// Attacks one image.
///
/// # Errors
/// [`Error::Checkpoint`] for a checkpoint without eyes, [`Error::Tensor`] where the network fails.
pub fn attack(
    checkpoint: &Checkpoint,
    image: &RgbImage,
    prompt: &[u32],
    answer: &[u32],
    options: Attack,
    seed: u64,
) -> Result<Attacked> {
    let processor = checkpoint.processor.as_ref().ok_or_else(|| Error::Checkpoint {
        path: "config.json".into(),
        problem: "it reads text only: no pixel changes what it answers".into(),
    })?;
    let loss = |image: &RgbImage| loss(checkpoint, processor, image, prompt, answer);
    let before = loss(image)?.0.to_scalar::<f32>()?;
    let reach = i16::from(options.epsilon);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut current = image.clone();
    for byte in current.iter_mut() {
        *byte = moved(*byte, *byte, rng.random_range(-reach..=reach), reach);
    }
    let mut best = (f32::NEG_INFINITY, current.clone());
    for step in 0..=options.steps {
        let (value, pixels) = loss(&current)?;
        let height = value.to_scalar::<f32>()?;
        if height > best.0 {
            best = (height, current.clone());
        }
        if step == options.steps {
            break;
        }
        let gradients = value.backward()?;
        let Some(gradient) = gradients.get(pixels.as_tensor()) else {
            break; // nothing that the image shows matters
        };
        let gradient: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
        let slopes = processor.pull_back(&gradient, image.dimensions());
        let places = current.iter_mut().zip(image.iter()).zip(slopes);
        for ((byte, &origin), slope) in places {
            let sign = i16::from(slope > 0.0) - i16::from(slope < 0.0);
            *byte = moved(*byte, origin, sign * i16::from(options.step), reach);
        }
    }
    let (after, image) = best;
    Ok(Attacked { image, before, after })
}

/// A byte some levels on, within reach of where it began and of what a byte can be.
fn moved(byte: u8, origin: u8, levels: i16, reach: i16) -> u8 {
    let origin = i16::from(origin);
    let wanted = i16::from(byte).saturating_add(levels);
    wanted.clamp((origin - reach).max(0), (origin + reach).min(255)) as u8
}

/// Cross-entropy of the answer, and the pixels that it has a gradient at.
fn loss(
    checkpoint: &Checkpoint,
    processor: &Processor,
    image: &RgbImage,
    prompt: &[u32],
    answer: &[u32],
) -> Result<(Tensor, Var)> {
    let (network, side) = (&checkpoint.network, processor.side());
    let values = Tensor::from_vec(
        processor.pixel_values(image),
        (1, 3, side, side),
        network.device(),
    )?;
    let pixels = Var::from_tensor(&values)?;
    let config = network.config();
    let batch = Batch::new(&[(prompt, answer)], 0, Side::Right, |id| config.role(id));
    let images = network.project(&network.see(pixels.as_tensor())?)?; // (1, P, H)
    let hidden = network.hidden(&network.embed(&batch.ids, &images)?, &batch.sequence, None)?; // (1, T, H)
    // The place before each token of the answer says it.
    let said = hidden.flatten(0, 1)?.narrow(0, prompt.len() - 1, answer.len())?;
    let labels: Vec<i64> = answer.iter().map(|&id| i64::from(id)).collect();
    let labels = Tensor::from_vec(labels, answer.len(), network.device())?;
    Ok((ops::cross_entropy(&network.logits(&said)?, &labels)?, pixels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vlm::checkpoint::tests::{write_random, write_random_chat};
    use candle_core::Device;
    use image::Rgb;

    fn attacked(checkpoint: &Checkpoint, options: Attack, seed: u64) -> (RgbImage, Attacked) {
        // Of another size than the tower's, and with bytes at both ends.
        let image = RgbImage::from_fn(17, 12, |x, y| Rgb([(x * 15) as u8, (y * 23) as u8, 255]));
        let prompt = checkpoint.tokenizer.prompt(None, "is it red?", 1).unwrap();
        let answer = checkpoint.tokenizer.answer("yes").unwrap();
        let attacked = attack(checkpoint, &image, &prompt, &answer, options, seed).unwrap();
        (image, attacked)
    }

    #[test]
    fn the_loss_rises_and_every_byte_stays_within_reach() {
        let [plain, chat] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        write_random(plain.path(), 1);
        write_random_chat(chat.path(), 1, true);
        for folder in [&plain, &chat] {
            let checkpoint = Checkpoint::load(folder.path(), None, &Device::Cpu).unwrap();
            let options = Attack::default();
            let (image, found) = attacked(&checkpoint, options, 3);
            let furthest = found
                .image
                .iter()
                .zip(image.iter())
                .map(|(a, b)| a.abs_diff(*b))
                .max();
            assert_eq!(furthest, Some(options.epsilon), "the budget is kept, and used");
            let noise = Attack { steps: 0, ..options };
            let (_, noisy) = attacked(&checkpoint, noise, 3);
            assert!(
                found.after > found.before
                    && found.after - found.before > 4.0 * (noisy.after - found.before).abs(),
                "{} to {}, noise alone to {}",
                found.before,
                found.after,
                noisy.after
            );
            // What is told is the loss of the very bytes that are given.
            let prompt = checkpoint.tokenizer.prompt(None, "is it red?", 1).unwrap();
            let answer = checkpoint.tokenizer.answer("yes").unwrap();
            let processor = checkpoint.processor.as_ref().unwrap();
            let (again, _) = loss(&checkpoint, processor, &found.image, &prompt, &answer).unwrap();
            assert!((again.to_scalar::<f32>().unwrap() - found.after).abs() < 1e-6);
            assert_eq!(
                attacked(&checkpoint, options, 3).1.image,
                found.image,
                "the same seed"
            );
            assert_ne!(
                attacked(&checkpoint, options, 4).1.image,
                found.image,
                "another seed"
            );
        }
    }

    #[test]
    fn a_small_reach_is_kept_at_black_and_white() {
        assert_eq!(
            [moved(0, 0, -5, 3), moved(254, 254, 9, 3), moved(100, 98, 9, 3)],
            [0, 255, 101]
        );
        assert_eq!(moved(101, 98, -200, 3), 95);
    }
}
