//! Encoded images to the features that a decoder takes, each image once.
//!
//! In: encoded images. Out: `[patches, H]` an image, or why there are none. The tower runs over a fixed number of images
//! (missing ones are blank), so that an image's features do not depend on its company.

use crate::image::decode;
use crate::model::EncodedImage;
use crate::vlm::{Network, Processor};
use candle_core::Tensor;
use rayon::prelude::*;
use std::collections::{HashMap, VecDeque};
use std::panic::catch_unwind;
use std::sync::Arc;

/// Features of an image, or why there are none.
pub(super) type Features = Result<Tensor, String>;

/// The images seen last.
#[derive(Default)]
pub(super) struct FeatureCache {
    known: HashMap<Arc<str>, Features>,
    order: VecDeque<Arc<str>>,
}

impl FeatureCache {
    /// Memory for features that may be asked for again.
    const BYTES: usize = 256 << 20;

    /// The features of `images`, at most `pass` of them at a time through the tower.
    pub(super) fn get(
        &mut self,
        images: &[&EncodedImage],
        network: &Network,
        processor: &Processor,
        pass: usize,
    ) -> crate::error::Result<HashMap<Arc<str>, Features>> {
        let mut found = HashMap::new();
        let mut missing: Vec<&EncodedImage> = Vec::new();
        for image in images {
            match self.known.get(&image.image_id) {
                Some(features) => drop(found.insert(Arc::clone(&image.image_id), features.clone())),
                None if missing.iter().all(|other| other.image_id != image.image_id) => missing.push(image),
                None => {}
            }
        }
        for missing in missing.chunks(pass) {
            for (image, features) in missing.iter().zip(see(missing, network, processor, pass)?) {
                self.remember(&image.image_id, &features);
                found.insert(Arc::clone(&image.image_id), features);
            }
        }
        Ok(found)
    }

    fn remember(&mut self, image_id: &Arc<str>, features: &Features) {
        let bytes = features
            .as_ref()
            .map_or(0, |features| features.elem_count() * 4)
            .max(1 << 10);
        while self.order.len() >= (Self::BYTES / bytes).max(1) {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
        self.known.insert(Arc::clone(image_id), features.clone());
        self.order.push_back(Arc::clone(image_id));
    }
}

/// One pass of the tower over at most `pass` images.
fn see(
    images: &[&EncodedImage],
    network: &Network,
    processor: &Processor,
    pass: usize,
) -> crate::error::Result<Vec<Features>> {
    let pixels: Vec<Result<Vec<f32>, String>> = images
        .par_iter()
        .map(|image| pixel_values(image, processor))
        .collect();
    let side = processor.side();
    let mut values = vec![0f32; pass * 3 * side * side];
    for (place, pixels) in values.chunks_exact_mut(3 * side * side).zip(&pixels) {
        if let Ok(pixels) = pixels {
            place.copy_from_slice(pixels);
        }
    }
    let values = Tensor::from_vec(values, (pass, 3, side, side), network.device())?;
    let features = network.project(&network.see(&values)?)?; // (N, P, H)
    let mut rows = Vec::with_capacity(pixels.len());
    for (index, pixels) in pixels.into_iter().enumerate() {
        rows.push(match pixels {
            // Its own storage: a view, and `copy` too, would keep the whole pass alive.
            Ok(_) => Ok(features.get(index)?.force_contiguous()?),
            Err(problem) => Err(problem),
        });
    }
    Ok(rows)
}

fn pixel_values(image: &EncodedImage, processor: &Processor) -> Result<Vec<f32>, String> {
    // A decoder's panic is this image's error and must not end the model's thread.
    let bytes = &image.bytes;
    catch_unwind(|| decode(bytes).map(|decoded| processor.pixel_values(&decoded.pixels)))
        .map_err(|_| "its decoder gave up".to_owned())
        .and_then(|pixels| pixels.map_err(|error| error.to_string()))
        .map_err(|problem| format!("image {}: {problem}", image.image_id))
}
