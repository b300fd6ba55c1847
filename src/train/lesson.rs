//! Questions and images as tensors: what one shard of a step learns from.
//!
//! A row is a prompt with its image's placeholders and an answer; the label of a place is the token that follows, from
//! the answer's first to its last. Several questions share an image.

use crate::error::Result;
use crate::vlm::{Batch, Config, Network, Side};
use candle_core::{Device, Tensor};

/// Rows, the images that they are about, and what is to be learned.
pub(super) struct Lesson {
    /// `[N, 3, side, side]`, −1 to 1.
    pub(super) pixels: Tensor,
    /// Prompts and answers, padded at the end.
    pub(super) rows: Batch,
    /// The image of each row.
    pub(super) image_of: Vec<u32>,
    /// Places (row · length + column) whose next token is to be learned, row by row.
    pub(super) places: Vec<u32>,
    /// The token that follows each place.
    pub(super) labels: Vec<i64>,
    /// How many of the places belong to each row.
    label_counts: Vec<usize>,
    /// One vector of N·P classes for each of the patches' heads.
    pub(super) patch_labels: Vec<Vec<i64>>,
}

/// A prompt and its answer as token ids.
pub(super) struct Row {
    pub(super) image: u32,
    /// With the image's placeholders.
    pub(super) prompt: Vec<u32>,
    /// With the token that ends it.
    pub(super) answer: Vec<u32>,
}

impl Lesson {
    pub(super) fn new(pixels: Tensor, rows: &[Row], patch_labels: Vec<Vec<i64>>, config: &Config) -> Self {
        let pairs: Vec<_> = rows
            .iter()
            .map(|row| (&row.prompt[..], &row.answer[..]))
            .collect();
        let padded = Batch::new(&pairs, 0, Side::Right, |id| config.role(id));
        let length = padded.ids.first().map_or(0, Vec::len);
        let (mut places, mut labels) = (Vec::new(), Vec::new());
        for (index, row) in rows.iter().enumerate() {
            let first = (index * length + row.prompt.len() - 1) as u32; // names the answer's first token
            places.extend(first..first + row.answer.len() as u32);
            labels.extend(row.answer.iter().map(|&id| i64::from(id)));
        }
        Self {
            pixels,
            rows: padded,
            image_of: rows.iter().map(|row| row.image).collect(),
            places,
            labels,
            label_counts: rows.iter().map(|row| row.answer.len()).collect(),
            patch_labels,
        }
    }

    /// Logits of the answers' tokens `[L, V]`, given the images' projected features `[N, P, H]`.
    pub(super) fn logits(&self, model: &Network, projected: &Tensor) -> Result<Tensor> {
        let image_of = Tensor::from_slice(&self.image_of, self.image_of.len(), model.device())?;
        let images = projected.index_select(&image_of, 0)?; // (B, P, H)
        let embeds = model.embed(&self.rows.ids, &images)?;
        let hidden = model.hidden(&embeds, &self.rows.sequence, None)?; // (B, T, H)
        let places = Tensor::from_slice(&self.places, self.places.len(), model.device())?;
        model.logits(&hidden.flatten(0, 1)?.index_select(&places, 0)?)
    }

    /// The share of rows whose labels are all `predicted` (one id a place).
    pub(super) fn share_right(&self, predicted: &[u32]) -> f64 {
        let mut start = 0;
        let right = self.label_counts.iter().filter(|&&count| {
            let span = start..start + count;
            start += count;
            predicted[span.clone()]
                .iter()
                .zip(&self.labels[span])
                .all(|(&a, &b)| i64::from(a) == b)
        });
        right.count() as f64 / self.label_counts.len().max(1) as f64
    }
}

/// RGB bytes of N square images to `[N, 3, side, side]` in −1 to 1.
pub(super) fn pixels(images: &[&[u8]], side: usize) -> Result<Tensor> {
    let mut values = Vec::with_capacity(images.len() * 3 * side * side);
    for image in images {
        for channel in 0..3 {
            values.extend(
                image
                    .iter()
                    .skip(channel)
                    .step_by(3)
                    .map(|&byte| f32::from(byte) / 127.5 - 1.0),
            );
        }
    }
    Ok(Tensor::from_vec(
        values,
        (images.len(), 3, side, side),
        &Device::Cpu,
    )?)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "equal to the last bit")]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_tokens_that_follow() {
        let rows = [
            Row {
                image: 0,
                prompt: vec![9, 9, 2, 5],
                answer: vec![7, 1],
            },
            Row {
                image: 0,
                prompt: vec![9, 9, 2, 5, 6],
                answer: vec![7, 8, 1],
            },
        ];
        let lesson = Lesson::new(
            pixels(&[&[0, 255, 0]], 1).unwrap(),
            &rows,
            Vec::new(),
            &Config::tiny(),
        );
        assert_eq!(
            lesson.rows.ids,
            [[9, 9, 2, 5, 7, 1, 0, 0], [9, 9, 2, 5, 6, 7, 8, 1]]
        );
        assert_eq!(lesson.places, [3, 4, 12, 13, 14]);
        assert_eq!(lesson.labels, [7, 1, 7, 8, 1]);
        assert_eq!(lesson.share_right(&[7, 1, 7, 8, 1]), 1.0);
        assert_eq!(lesson.share_right(&[7, 1, 7, 9, 1]), 0.5);
        assert_eq!(
            lesson.pixels.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            [-1.0, 1.0, -1.0]
        );
    }
}
