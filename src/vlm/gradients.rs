//! Gradients of whole networks against PyTorch's (`tests/oracles/make_training_fixtures.py`): every parameter of each
//! family, by the length of its gradient and a projection of it.

use crate::vlm::batch::Batch;
use crate::vlm::{Config, Network, Role, Sequence, Weights, ops};
use candle_core::{DType, Device, Tensor, safetensors};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Expected {
    loss: f32,
    /// Length, and projection on cos(0), cos(1), …
    gradients: BTreeMap<String, [f64; 2]>,
}

fn check(checkpoint: &str, fixture: &str, expected: &str) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let folder = data.join("parity").join(checkpoint);
    let expected = std::fs::read(data.join("training").join(expected)).unwrap();
    let expected: Expected = serde_json::from_slice(&expected).unwrap();
    let config = Config::load(&folder).unwrap();
    let weights = Weights::open(&folder, &Device::Cpu).unwrap().trainable();
    let model = Network::new(&config, &weights).unwrap();
    let loss = loss(
        &model,
        &safetensors::load(folder.join(fixture), &Device::Cpu).unwrap(),
    );
    let value = loss.to_scalar::<f32>().unwrap();
    assert!((value - expected.loss).abs() < 1e-4, "{value} {}", expected.loss);
    let found = loss.backward().unwrap();
    let variables = weights.variables();
    assert_eq!(variables.len(), expected.gradients.len());
    for (name, [length, projection]) in expected.gradients {
        let ours = variables.get(&crate::vlm::stored::hub_name(&name));
        let ours = ours.unwrap_or_else(|| panic!("{name} is not a parameter"));
        let ours = found
            .get(ours.as_tensor())
            .expect("every parameter has a gradient");
        let ours = ours.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (mut squares, mut along) = (0.0, 0.0);
        for (at, &gradient) in ours.iter().enumerate() {
            squares += f64::from(gradient).powi(2);
            along += f64::from(gradient) * (at as f64).cos();
        }
        // Softmax does not see a constant added to all keys: what remains of that gradient is rounding.
        let allowed = 1e-3 * length + 1e-6;
        assert!(
            (squares.sqrt() - length).abs() <= allowed && (along - projection).abs() <= allowed,
            "{name}: {} and {along}, PyTorch {length} and {projection}",
            squares.sqrt()
        );
    }
}

/// Cross-entropy of the last four tokens, the second of the first row being ignored.
fn loss(model: &Network, fixture: &std::collections::HashMap<String, Tensor>) -> Tensor {
    let integers = |name: &str| {
        let tensor = fixture[name].to_dtype(DType::I64).unwrap();
        tensor.to_vec2::<i64>().unwrap()
    };
    let (ids, mask, kinds) = (
        integers("input_ids"),
        integers("attention_mask"),
        integers("token_type_ids"),
    );
    let pali = model.config().projection_dim.is_some();
    let role = |(mask, kind): (&i64, &i64)| match (mask, kind, pali) {
        (0, ..) => Role::Padding,
        (_, 0, true) => Role::Prefix,
        (_, 0, false) => Role::Text,
        (_, _, true) => Role::Suffix,
        (_, _, false) => Role::Image,
    };
    let roles = mask.iter().zip(&kinds);
    let roles = roles.map(|(mask, kinds)| mask.iter().zip(kinds).map(role).collect());
    let batch = Batch {
        ids: ids
            .iter()
            .map(|row| row.iter().map(|&id| id as u32).collect())
            .collect(),
        sequence: Sequence::new(roles.collect()),
    };
    let images = match fixture.get("pixel_values") {
        Some(pixels) => model.project(&model.see(pixels).unwrap()).unwrap(),
        None => model.no_images().unwrap(),
    };
    let embeds = model.embed(&batch.ids, &images).unwrap();
    let hidden = model.hidden(&embeds, &batch.sequence, None).unwrap(); // (B, T, H)
    let length = batch.sequence.length();
    let before = hidden.narrow(1, length - 5, 4).unwrap().flatten(0, 1).unwrap();
    let mut labels: Vec<i64> = ids.iter().flat_map(|row| row[length - 4..].to_vec()).collect();
    labels[1] = -100;
    let labels = Tensor::new(labels, &Device::Cpu).unwrap();
    ops::cross_entropy(&model.logits(&before).unwrap(), &labels).unwrap()
}

#[test]
fn pytorch_agrees_on_every_gradient_of_paligemma() {
    check("", "suffix.safetensors", "gradients_paligemma.json");
}

#[test]
fn pytorch_agrees_on_every_gradient_of_gemma3() {
    check("gemma3", "two_images.safetensors", "gradients_gemma3.json");
    check("gemma3_text", "batch.safetensors", "gradients_gemma3_text.json");
}
