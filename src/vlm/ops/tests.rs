//! Each fused operation against candle's own operations and against finite differences.

#![allow(clippy::float_cmp, reason = "equal to the last bit")]

use super::plain;
use candle_core::{Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};

/// Reproducible numbers in ±1.5.
fn noise(shape: &[usize], seed: u64) -> Tensor {
    let mut draw = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| draw.random_range(-1.5..1.5))
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("the shape fits")
}

/// A scalar that depends on every element differently.
fn weigh(y: &Tensor) -> Tensor {
    (y * noise(y.dims(), 99))
        .and_then(|y| y.sum_all())
        .expect("same shape")
}

type Operation<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

/// Holds value and gradients of `fused` against `plain` and against differences along a random direction.
fn agree(shapes: &[&[usize]], fused: Operation, plain: Operation) {
    let variables: Vec<Var> = shapes
        .iter()
        .enumerate()
        .map(|(i, shape)| Var::from_tensor(&noise(shape, i as u64)).unwrap())
        .collect();
    let inputs: Vec<Tensor> = variables.iter().map(|each| each.as_tensor().clone()).collect();
    let (ours, theirs) = (fused(&inputs).unwrap(), plain(&inputs).unwrap());
    assert_eq!(ours.shape(), theirs.shape());
    let apart = |a: &Tensor, b: &Tensor| {
        (a - b)
            .unwrap()
            .abs()
            .unwrap()
            .flatten_all()
            .unwrap()
            .max(0)
            .unwrap()
            .to_scalar::<f32>()
            .unwrap()
    };
    assert!(
        apart(&ours, &theirs) < 1e-5,
        "values differ by {}",
        apart(&ours, &theirs)
    );
    let (ours, theirs) = (
        weigh(&ours).backward().unwrap(),
        weigh(&theirs).backward().unwrap(),
    );
    for (i, input) in inputs.iter().enumerate() {
        let (ours, theirs) = (ours.get(input).expect("a gradient"), theirs.get(input).unwrap());
        assert!(
            apart(ours, theirs) < 1e-4,
            "gradient {i} differs by {}",
            apart(ours, theirs)
        );
        let direction = noise(shapes[i], 77);
        let moved = |step: f64| {
            let mut inputs = inputs.clone();
            inputs[i] = (input + (&direction * step).unwrap()).unwrap();
            f64::from(weigh(&fused(&inputs).unwrap()).to_scalar::<f32>().unwrap())
        };
        let difference = (moved(5e-3) - moved(-5e-3)) / 1e-2;
        let slope = (ours * &direction)
            .unwrap()
            .sum_all()
            .unwrap()
            .to_scalar::<f32>()
            .unwrap();
        let error = (difference - f64::from(slope)).abs();
        assert!(
            error < 0.01 * (1.0 + difference.abs()),
            "gradient {i}: {slope}, differences {difference}"
        );
    }
}

#[test]
fn attention() {
    let mask: Vec<f32> = (0..2 * 5 * 7)
        .map(|i| if i % 3 == 0 { -1e9 } else { 0.0 })
        .collect();
    let mask = Tensor::from_vec(mask, (2, 1, 5, 7), &Device::Cpu).unwrap();
    let shapes: &[&[usize]] = &[&[2, 4, 5, 8], &[2, 2, 7, 8], &[2, 2, 7, 8]];
    for (mask, cap) in [
        (None, None),
        (Some(&mask), None),
        (Some(&mask), Some(2.0)),
        (None, Some(50.0)),
    ] {
        agree(
            shapes,
            &|x| super::attention(&x[0], &x[1], &x[2], mask, 0.35, cap),
            &|x| plain::attention(&x[0], &x[1], &x[2], mask, 0.35, cap),
        );
    }
}

#[test]
fn attention_in_several_blocks_of_queries() {
    let shapes: &[&[usize]] = &[&[1, 2, 150, 4], &[1, 1, 20, 4], &[1, 1, 20, 4]];
    agree(
        shapes,
        &|x| super::attention(&x[0], &x[1], &x[2], None, 0.5, Some(3.0)),
        &|x| plain::attention(&x[0], &x[1], &x[2], None, 0.5, Some(3.0)),
    );
}

#[test]
fn attention_to_a_cache_with_room() {
    let (q, room) = (
        noise(&[2, 4, 5, 8], 1),
        [2, 3].map(|seed| noise(&[2, 2, 12, 8], seed)),
    );
    let [k, v] = room.map(|buffer| buffer.narrow(2, 0, 7).unwrap());
    assert!(!k.is_contiguous());
    let attend = |k: &Tensor, v: &Tensor| super::attention(&q, k, v, None, 0.35, None).unwrap();
    let (inside, copied) = (
        attend(&k, &v),
        attend(&k.contiguous().unwrap(), &v.contiguous().unwrap()),
    );
    let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(values(&inside), values(&copied));
}

#[test]
fn norms() {
    let shapes: &[&[usize]] = &[&[2, 3, 20], &[20]];
    agree(shapes, &|x| super::rms_norm(&x[0], &x[1], 1e-6), &|x| {
        plain::rms_norm(&x[0], &x[1], 1e-6)
    });
    let shapes: &[&[usize]] = &[&[2, 3, 20], &[20], &[20]];
    agree(shapes, &|x| super::layer_norm(&x[0], &x[1], &x[2], 1e-6), &|x| {
        plain::layer_norm(&x[0], &x[1], &x[2], 1e-6)
    });
}

#[test]
fn activations() {
    agree(&[&[3, 50]], &|x| super::gelu_tanh(&(&x[0] * 3.0)?), &|x| {
        plain::gelu_tanh(&(&x[0] * 3.0)?)
    });
    agree(&[&[3, 50], &[3, 50]], &|x| super::geglu(&x[0], &x[1]), &|x| {
        plain::geglu(&x[0], &x[1])
    });
}

#[test]
fn cross_entropy() {
    let labels = Tensor::new(&[3i64, -100, 0, 6], &Device::Cpu).unwrap();
    agree(&[&[4, 7]], &|x| super::cross_entropy(&x[0], &labels), &|x| {
        plain::cross_entropy(&x[0], &labels)
    });
    let nothing = Tensor::new(&[-100i64; 4], &Device::Cpu).unwrap();
    let loss = super::cross_entropy(&noise(&[4, 7], 1), &nothing).unwrap();
    assert_eq!(loss.to_scalar::<f32>().unwrap(), 0.0);
    let unknown = Tensor::new(&[7i64; 4], &Device::Cpu).unwrap();
    assert!(super::cross_entropy(&noise(&[4, 7], 1), &unknown).is_err());
}

#[test]
fn rotary() {
    let angles = noise(&[1, 1, 5, 4], 5);
    let angles = Tensor::cat(&[&angles, &angles], 3).unwrap();
    let (cos, sin) = (angles.cos().unwrap(), angles.sin().unwrap());
    let two = |x: &Tensor| Tensor::cat(&[x, &x.affine(0.5, 0.0).unwrap()], 0).unwrap();
    for (cos, sin) in [(two(&cos), two(&sin)), (cos, sin)] {
        agree(&[&[2, 3, 5, 8]], &|x| super::rotary(&x[0], &cos, &sin), &|x| {
            plain::rotary(&x[0], &cos, &sin)
        });
    }
}

#[test]
fn linear() {
    let shapes: &[&[usize]] = &[&[2, 3, 5], &[4, 5], &[4]];
    agree(shapes, &|x| super::linear(&x[0], &x[1], Some(&x[2])), &|x| {
        plain::linear(&x[0], &x[1], Some(&x[2]))
    });
    agree(&shapes[..2], &|x| super::linear(&x[0], &x[1], None), &|x| {
        plain::linear(&x[0], &x[1], None)
    });
}

#[test]
fn frozen_weights_get_no_gradient() {
    let (x, w) = (Var::from_tensor(&noise(&[3, 5], 1)).unwrap(), noise(&[4, 5], 2));
    let gradients = weigh(&super::linear(&x, &w, None).unwrap()).backward().unwrap();
    assert!(gradients.get(&x).is_some() && gradients.get(&w).is_none());
}

#[test]
fn heads() {
    agree(&[&[2, 5, 12]], &|x| super::split_heads(&x[0], 3), &|x| {
        plain::split_heads(&x[0], 3)
    });
    agree(&[&[2, 3, 5, 4]], &|x| super::join_heads(&x[0]), &|x| {
        plain::join_heads(&x[0])
    });
    let x = noise(&[2, 5, 12], 3);
    let back = super::join_heads(&super::split_heads(&x, 3).unwrap()).unwrap();
    assert_eq!(
        back.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
        x.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    );
}
