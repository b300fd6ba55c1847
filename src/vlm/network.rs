//! PaliGemma 2 and Gemma 3: image tower, projector and decoder as one network.
//!
//! In: pixels, token ids with image placeholders, roles. Out: hidden states and logits. All functions are
//! pure and have gradients when the parameters are variables.

use crate::error::Result;
use crate::vlm::cache::Cache;
use crate::vlm::config::Config;
use crate::vlm::gemma::Gemma;
use crate::vlm::projector::Projector;
use crate::vlm::sequence::Sequence;
use crate::vlm::siglip::Siglip;
use crate::vlm::weights::Weights;
use candle_core::{DType, Device, Tensor};

/// The network's parameters; cloning shares them.
#[derive(Debug, Clone)]
pub struct Network {
    config: Config,
    eyes: Option<(Siglip, Projector)>,
    decoder: Gemma,
    device: Device,
}

impl Network {
    /// Takes every parameter that `config` implies from `weights`.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self> {
        let eyes = || -> Result<_> {
            let tower = Siglip::new(&config.vision_config, weights)?;
            Ok((tower, Projector::new(config, weights)?))
        };
        Ok(Self {
            config: config.clone(),
            eyes: config.model_type.sees().then(eyes).transpose()?,
            decoder: Gemma::new(&config.text_config, weights)?,
            device: weights.device().clone(),
        })
    }

    /// What the network was built from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the parameters live.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The tower's output, one vector a patch: `[N, 3, side, side]` to `[N, patches, width]`.
    pub fn see(&self, pixels: &Tensor) -> Result<Tensor> {
        self.eyes()?.0.forward(pixels)
    }

    /// The tower's output as the decoder takes it: `[N, patches, width]` to `[N, image tokens, H]`.
    pub fn project(&self, seen: &Tensor) -> Result<Tensor> {
        self.eyes()?.1.forward(seen)
    }

    fn eyes(&self) -> Result<&(Siglip, Projector)> {
        let blind = || candle_core::Error::msg("a text-only network was shown an image").into();
        self.eyes.as_ref().ok_or_else(blind)
    }

    /// No image's features, `[0, image tokens, H]`.
    pub fn no_images(&self) -> Result<Tensor> {
        let width = self.config.text_config.hidden_size;
        Ok(Tensor::zeros((0, 1, width), DType::F32, &self.device)?)
    }

    /// Embeddings `[B, T, H]` of token ids, row by row; placeholders take the next rows of
    /// `images[N, image tokens, H]` in order, and there must be as many of either.
    pub fn embed(&self, ids: &[Vec<u32>], images: &Tensor) -> Result<Tensor> {
        let (batch, length) = (ids.len(), ids.first().map_or(0, Vec::len));
        let text_config = &self.config.text_config;
        let images = images.reshape(((), text_config.hidden_size))?;
        let gather = gather(
            ids,
            self.config.image_token_index,
            text_config.vocab_size,
            images.dim(0)?,
        )?;
        // The placeholder's own id may lie beyond the table; whatever stands there is not gathered.
        let known = ids.iter().flatten().map(|&id| {
            if id == self.config.image_token_index {
                0
            } else {
                id
            }
        });
        let known = Tensor::from_iter(known, &self.device)?.reshape((batch, length))?;
        let text = self
            .decoder
            .embed(&known)?
            .reshape(((), text_config.hidden_size))?;
        let both = Tensor::cat(&[text, images], 0)?; // (B·T + N·P, H)
        let gather = Tensor::from_vec(gather, batch * length, &self.device)?;
        Ok(both
            .index_select(&gather, 0)?
            .reshape((batch, length, text_config.hidden_size))?)
    }

    /// Hidden states `[B, T, H]` of the last T tokens of `sequence`, given their embeddings.
    pub fn hidden(&self, embeds: &Tensor, sequence: &Sequence, cache: Option<&mut Cache>) -> Result<Tensor> {
        self.decoder.forward(embeds, sequence, cache)
    }

    /// Logits `[N, V]` of hidden states `[N, H]`: of the wanted positions only, a row of them is large.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        self.decoder.logits(hidden)
    }

    /// An empty cache for `batch` rows of at most `capacity` tokens.
    pub fn cache(&self, batch: usize, capacity: usize) -> Result<Cache> {
        Cache::new(&self.config.text_config, batch, capacity, &self.device)
    }
}

/// For every token the row of (all tokens' embeddings, then all image features) that it stands for.
fn gather(
    ids: &[Vec<u32>],
    image_token: u32,
    vocabulary: usize,
    features: usize,
) -> candle_core::Result<Vec<u32>> {
    let tokens: usize = ids.iter().map(Vec::len).sum();
    let mut next = tokens as u32;
    let mut rows = Vec::with_capacity(tokens);
    for (&id, place) in ids.iter().flatten().zip(0u32..) {
        if id == image_token {
            rows.push(next);
            next += 1;
        } else if (id as usize) < vocabulary {
            rows.push(place);
        } else {
            candle_core::bail!("token {id} is beyond the vocabulary of {vocabulary}");
        }
    }
    let placeholders = next as usize - tokens;
    if placeholders != features {
        candle_core::bail!("{placeholders} image placeholders for {features} image features");
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vlm::adapter::Lora;
    use crate::vlm::batch::{Batch, Side};
    use crate::vlm::ops;
    use candle_core::Var;
    use std::collections::BTreeMap;

    /// Cross-entropy of two short answers about two noisy images.
    fn loss(model: &Network) -> Tensor {
        let config = model.config();
        let side = config.vision_config.image_size;
        let values: Vec<f32> = (0..2 * 3 * side * side)
            .map(|i| ((i * 37 % 101) as f32 / 50.0) - 1.0)
            .collect();
        let pixels = Tensor::from_vec(values, (2, 3, side, side), model.device()).unwrap();
        let image = config.image_token_index;
        let prompts = [
            vec![image, image, image, image, 2, 7],
            vec![image, image, image, image, 2, 11],
        ];
        let rows: [(&[u32], &[u32]); 2] = [(&prompts[0], &[8, 9]), (&prompts[1], &[12])];
        let Batch { ids, sequence } = Batch::new(&rows, 8, Side::Left, |id| config.role(id));
        let images = model.project(&model.see(&pixels).unwrap()).unwrap();
        let hidden = model
            .hidden(&model.embed(&ids, &images).unwrap(), &sequence, None)
            .unwrap();
        let logits = model
            .logits(&hidden.reshape(((), config.text_config.hidden_size)).unwrap())
            .unwrap();
        let mut labels = vec![-100i64; 16];
        (labels[5], labels[6], labels[14]) = (8, 9, 12);
        ops::cross_entropy(&logits, &Tensor::new(labels, model.device()).unwrap()).unwrap()
    }

    #[test]
    fn every_parameter_has_a_gradient_that_agrees_with_finite_differences() {
        let parameters = [
            3 + 2 * 16 + 2 + 2 + 1 + 2 * 11 + 1,
            3 + 2 * 16 + 2 + 2 + 1 + 2 * 13 + 1,
        ];
        for (config, parameters) in Config::all_tiny().iter().zip(parameters) {
            gradients_agree(config, &Weights::fresh(5, &Device::Cpu).trainable(), parameters);
        }
    }

    /// Adapters whose corrections are not nothing any more.
    fn adapted(config: &Config) -> (Lora, Weights) {
        let targets = ["q_proj", "down_proj", "fc1"].map(str::to_owned).to_vec();
        let (rank, alpha) = (2, 3.0);
        let lora = Lora { rank, alpha, targets };
        let weights = Weights::fresh(5, &Device::Cpu).adapted(lora.clone(), 7);
        Network::new(config, &weights).unwrap();
        for (name, variable) in weights.variables() {
            if name.contains("lora_B") {
                let values = (0..variable.elem_count()).map(|at| (at * 7 % 13) as f32 / 30.0 - 0.2);
                let values = Tensor::from_iter(values, &Device::Cpu).unwrap();
                variable.set(&values.reshape(variable.shape()).unwrap()).unwrap();
            }
        }
        (lora, weights)
    }

    #[test]
    fn adapters_alone_are_trained() {
        for config in Config::all_tiny() {
            let (_, weights) = adapted(&config);
            gradients_agree(&config, &weights, 2 * (4 + 2 + 2));
        }
    }

    #[test]
    fn adapters_survive_a_round_trip() {
        let (config, folder) = (Config::tiny_gemma3(), tempfile::tempdir().unwrap());
        let (lora, weights) = adapted(&config);
        lora.save(folder.path(), &weights.variables()).unwrap();
        let value = |weights: Weights| {
            let loss = loss(&Network::new(&config, &weights).unwrap());
            loss.to_scalar::<f32>().unwrap()
        };
        let fresh = || Weights::fresh(5, &Device::Cpu);
        let again = value(fresh().with_adapter(folder.path()).unwrap());
        assert!((again - value(weights)).abs() < 1e-6);
        assert!(
            (again - value(fresh())).abs() > 1e-3,
            "the adapters change nothing"
        );
    }

    fn gradients_agree(config: &Config, weights: &Weights, parameters: usize) {
        let model = Network::new(config, weights).unwrap();
        let gradients = loss(&model).backward().unwrap();
        let variables: BTreeMap<String, Var> = weights.variables();
        assert_eq!(variables.len(), parameters);
        for (name, variable) in &variables {
            let gradient = gradients
                .get(variable.as_tensor())
                .unwrap_or_else(|| panic!("{name} has no gradient"));
            let gradient = gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            // The steepest entry: the finite difference must rise above f32's noise.
            let (steepest, slope) = gradient
                .iter()
                .copied()
                .enumerate()
                .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
                .unwrap();
            if name.ends_with("k_proj.bias") {
                continue; // softmax does not see a constant added to all keys
            }
            assert!(slope != 0.0, "{name} has no effect");
            let before = variable.as_tensor().copy().unwrap();
            let at = |step: f32| {
                let mut values = before.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                values[steepest] += step;
                variable
                    .set(&Tensor::from_vec(values, before.shape(), &Device::Cpu).unwrap())
                    .unwrap();
                loss(&model).to_scalar::<f32>().unwrap()
            };
            let step = 3e-3;
            let difference = (at(step) - at(-step)) / (2.0 * step);
            variable.set(&before).unwrap();
            let allowed = 0.02 * slope.abs() + 1e-3;
            assert!(
                (difference - slope).abs() < allowed,
                "{name}: gradient {slope}, difference {difference}"
            );
        }
    }

    #[test]
    fn ids_and_features_must_fit() {
        let model = Network::new(&Config::tiny(), &Weights::fresh(5, &Device::Cpu)).unwrap();
        let images = Tensor::zeros((1, 4, 16), candle_core::DType::F32, &Device::Cpu).unwrap();
        let problem = |ids: Vec<u32>| model.embed(&[ids], &images).unwrap_err().to_string();
        assert!(problem(vec![1, 2]).contains("0 image placeholders for 4 image features"));
        assert!(problem(vec![40, 40, 40, 40, 39]).contains("token 39 is beyond the vocabulary of 32"));
    }
}
