//! By hand, and against PyTorch (`tests/oracles/make_grpo_fixture.py`).

use super::*;
use crate::config::Among;
use crate::train::grpo::advantage::{Scored, advantages};
use candle_core::{DType, Device, Var};

fn tensor(values: &[f32]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap()
}

const TERMS: Terms = Terms {
    clip_low: 0.2,
    clip_high: 0.28,
    kl_coefficient: 0.0,
    entropy_coefficient: 0.0,
};

/// Two groups of three, one member masked, one token each of two words.
#[test]
fn the_loss_equals_a_case_by_hand() {
    let reward = [Some(1.0), Some(0.0), Some(0.0), Some(1.0), None, Some(0.0)];
    let scored = |(at, reward)| Scored {
        reward,
        group: at / 3,
        focus: 0,
        expected: 0.0,
    };
    let scored: Vec<Scored> = reward.into_iter().enumerate().map(scored).collect();
    let advantage: Vec<f32> = advantages(&scored, Among::Group, None)
        .into_iter()
        .flatten()
        .map(|advantage| advantage as f32)
        .collect();
    // Means 1/3 and 1/2: advantages 2/3, −1/3, −1/3 and 1/2, −1/2; the masked one is not there.
    assert_eq!(advantage.len(), 5);
    let logits = Tensor::zeros((5, 2), DType::F32, &Device::Cpu).unwrap(); // each word has probability 1/2
    let labels = Tensor::new(&[0i64, 1, 0, 1, 0], &Device::Cpu).unwrap();
    // Drawn at: as now; as now; at 1/4 (ratio 2); at 1/4 (ratio 2, bounded to 1.28); at 1 (ratio 1/2, bounded to 0.8).
    let drawn = tensor(&[0.5f32.ln(), 0.5f32.ln(), 0.25f32.ln(), 0.25f32.ln(), 0.0]);
    let (loss, sums) = loss(&logits, &labels, &tensor(&advantage), &drawn, None, 5, TERMS).unwrap();
    let by_hand = -(2.0 / 3.0 - 1.0 / 3.0 + 2.0 * (-1.0 / 3.0) + 1.28 * 0.5 + 0.8 * -0.5) / 5.0;
    let loss = loss.to_scalar::<f32>().unwrap();
    assert!((f64::from(loss) - by_hand).abs() < 1e-6, "{loss} {by_hand}");
    assert_eq!((sums.clipped_low, sums.clipped_high), (1.0, 1.0));
    assert!((sums.entropy - 5.0 * 2f64.ln()).abs() < 1e-5);
}

#[test]
fn loss_and_gradient_equal_pytorchs() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/training/grpo.safetensors"
    );
    let fixture = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    let scalar = |name: &str| f64::from(fixture[name].to_vec1::<f32>().unwrap()[0]);
    let logits = Var::from_tensor(&fixture["logits"]).unwrap();
    let terms = Terms {
        kl_coefficient: 0.05,
        entropy_coefficient: 0.01,
        ..TERMS
    };
    let (labels, start) = (&fixture["labels"], Some(&fixture["start"]));
    let tokens = labels.dim(0).unwrap();
    let (loss, sums) = loss(
        &logits,
        labels,
        &fixture["advantages"],
        &fixture["drawn"],
        start,
        tokens,
        terms,
    )
    .unwrap();
    for (ours, theirs) in [(sums.loss, "loss"), (sums.kl, "kl"), (sums.entropy, "entropy")] {
        assert!(
            (ours - scalar(theirs)).abs() < 1e-5,
            "{theirs}: {ours} {}",
            scalar(theirs)
        );
    }
    assert!(sums.clipped_low > 0.0 && sums.clipped_high > 0.0);
    let gradients = loss.backward().unwrap();
    let ours = gradients.get(logits.as_tensor()).unwrap().flatten_all().unwrap();
    let theirs = fixture["gradient"].flatten_all().unwrap();
    let apart = (ours - theirs).unwrap().abs().unwrap().max(0).unwrap();
    assert!(apart.to_scalar::<f32>().unwrap() < 1e-6);
}
