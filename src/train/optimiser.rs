//! One step of all variables in one parallel pass: Muon for the matrices of hidden layers, AdamW for embeddings,
//! heads, norms and biases; with f32 moments that can be saved.
//!
//! Gradients are clipped by their length for AdamW; Muon's direction does not depend on it. Weight decay applies to
//! matrices only. What no gradient has reached stays as it is. Sources: Loshchilov and Hutter 2019, algorithm 2;
//! for Muon see [`super::muon`].

use super::muon;
use crate::error::Result;
use candle_core::{Tensor, Var};
use rayon::prelude::*;
use std::collections::BTreeMap;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.98;
const EPSILON: f32 = 1e-8;
const WEIGHT_DECAY: f32 = 0.02;
/// Longest gradient, over all variables together.
const CLIP: f32 = 1.0;
/// How much further Muon steps than AdamW at the same rate: 0.02 where AdamW takes 1.5e-3.
const MUON_RATE: f32 = 13.3;
const MUON_DECAY: f32 = 0.01;

/// The optimiser's state, variable by variable in name order.
pub struct Optimiser {
    variables: Vec<(String, Var)>,
    moments: Vec<Moments>,
    steps: i32,
}

/// What one variable's steps remember, a number for each element.
enum Moments {
    Adam { first: Vec<f32>, second: Vec<f32> },
    Muon { momentum: Vec<f32>, shape: [usize; 2] },
}

/// What the steps of all variables have in common.
#[derive(Clone, Copy)]
struct Step {
    rate: f32,
    shrink: f32,
    unbias1: f32,
    unbias2: f32,
}

impl Moments {
    fn new(name: &str, variable: &Var) -> Self {
        match *variable.dims() {
            [rows, columns] if name.contains(".layers.") => Self::Muon {
                momentum: vec![0.0; variable.elem_count()],
                shape: [rows, columns],
            },
            _ => Self::adam(variable),
        }
    }

    fn adam(variable: &Var) -> Self {
        let zeros = || vec![0f32; variable.elem_count()];
        Self::Adam {
            first: zeros(),
            second: zeros(),
        }
    }

    /// Moves `values` along `gradient`.
    fn step(&mut self, values: &mut [f32], gradient: &[f32], decays: bool, step: Step) -> Result<()> {
        match self {
            Self::Adam { first, second } => {
                let decay = if decays {
                    1.0 - step.rate * WEIGHT_DECAY
                } else {
                    1.0
                };
                let moments = first.iter_mut().zip(second);
                for ((value, gradient), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
                    let gradient = gradient * step.shrink;
                    *first = BETA1 * *first + (1.0 - BETA1) * gradient;
                    *second = BETA2 * *second + (1.0 - BETA2) * gradient * gradient;
                    let change = *first / step.unbias1 / ((*second / step.unbias2).sqrt() + EPSILON);
                    *value = *value * decay - step.rate * change;
                }
            }
            Self::Muon { momentum, shape } => {
                let rate = step.rate * MUON_RATE;
                let direction = muon::direction(gradient, momentum, *shape)?;
                for (value, direction) in values.iter_mut().zip(direction) {
                    *value = *value * (1.0 - rate * MUON_DECAY) - rate * direction;
                }
            }
        }
        Ok(())
    }

    /// Its parts, by the names that they are saved under.
    fn parts(&mut self) -> Vec<(&'static str, &mut Vec<f32>)> {
        match self {
            Self::Adam { first, second } => vec![("first", first), ("second", second)],
            Self::Muon { momentum, .. } => vec![("momentum", momentum)],
        }
    }
}

impl Optimiser {
    /// Muon for hidden layers, AdamW for the rest.
    pub(super) fn new(variables: BTreeMap<String, Var>) -> Self {
        Self::with(variables, Moments::new)
    }

    /// AdamW for everything.
    pub fn adamw(variables: BTreeMap<String, Var>) -> Self {
        Self::with(variables, |_, variable| Moments::adam(variable))
    }

    fn with(variables: BTreeMap<String, Var>, moments: impl Fn(&str, &Var) -> Moments) -> Self {
        let variables: Vec<_> = variables.into_iter().collect();
        let moments = variables
            .iter()
            .map(|(name, variable)| moments(name, variable))
            .collect();
        Self {
            variables,
            moments,
            steps: 0,
        }
    }

    /// What it optimises, in the order in which gradients are given.
    pub fn variables(&self) -> &[(String, Var)] {
        &self.variables
    }

    /// One step along `gradients` (one a variable, in order); gives their length before clipping.
    pub fn step(&mut self, gradients: &[Vec<f32>], rate: f64) -> Result<f32> {
        let squares: Vec<f32> = gradients
            .par_iter()
            .map(|gradient| gradient.iter().map(|g| g * g).sum())
            .collect(); // and then added in order: a step must not depend on how the work was divided
        let length = squares.iter().sum::<f32>().sqrt();
        self.steps += 1;
        let step = Step {
            rate: rate as f32,
            shrink: if length > CLIP { CLIP / length } else { 1.0 },
            unbias1: 1.0 - BETA1.powi(self.steps),
            unbias2: 1.0 - BETA2.powi(self.steps),
        };
        let work = self.variables.par_iter().zip(&mut self.moments).zip(gradients);
        work.try_for_each(|(((_, variable), moments), gradient)| -> Result<()> {
            if gradient.iter().all(|&g| g == 0.0) {
                return Ok(());
            }
            let mut values = variable.flatten_all()?.to_vec1::<f32>()?;
            moments.step(&mut values, gradient, variable.rank() > 1, step)?;
            Ok(variable.set(&Tensor::from_vec(values, variable.shape(), variable.device())?)?)
        })?;
        Ok(length)
    }

    /// The moments and the number of steps, as tensors to save.
    pub(super) fn state(&mut self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        for ((name, variable), moments) in self.variables.iter().zip(&mut self.moments) {
            for (part, moment) in moments.parts() {
                let tensor = Tensor::from_slice(moment, variable.shape(), variable.device())?;
                state.insert(format!("{part}.{name}"), tensor);
            }
        }
        state.insert(
            "steps".into(),
            Tensor::new(&[i64::from(self.steps)], &candle_core::Device::Cpu)?,
        );
        Ok(state)
    }

    /// Takes up a saved state; whatever is missing in it starts anew.
    pub(super) fn restore(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        for ((name, _), moments) in self.variables.iter().zip(&mut self.moments) {
            for (part, moment) in moments.parts() {
                if let Some(tensor) = state.get(&format!("{part}.{name}")) {
                    *moment = tensor.flatten_all()?.to_vec1()?;
                }
            }
        }
        if let Some(steps) = state.get("steps") {
            self.steps = steps.to_vec1::<i64>()?.first().map_or(0, |&steps| steps as i32);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, safetensors};

    /// A head, which takes AdamW, and a hidden layer, which takes Muon.
    fn optimiser() -> (Optimiser, [Var; 2]) {
        let head = Var::new(&[[1f32, -2.0]], &Device::Cpu).unwrap();
        let hidden = Var::new(&[[1f32, 0.5], [-1.0, 2.0]], &Device::Cpu).unwrap();
        let named = [("head", &head), ("model.layers.0.up.weight", &hidden)];
        let named = named.map(|(name, variable)| (name.to_owned(), variable.clone()));
        (Optimiser::new(named.into()), [head, hidden])
    }

    fn values(variable: &Var) -> Vec<f32> {
        variable.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn steps_are_those_of_the_papers() {
        let (mut optimiser, [head, hidden]) = optimiser();
        let length = optimiser.step(&[vec![3.0, -4.0], vec![0.0; 4]], 0.1).unwrap();
        assert!((length - 5.0).abs() < 1e-6);
        // AdamW's first step is the sign of the gradient times the rate, after the decay.
        let (values, decay) = (values(&head), 1.0 - 0.1 * WEIGHT_DECAY);
        assert!((values[0] - (decay - 0.1)).abs() < 1e-5, "{values:?}");
        assert!((values[1] - (-2.0 * decay + 0.1)).abs() < 1e-5, "{values:?}");
        assert_eq!(
            self::values(&hidden),
            [1.0, 0.5, -1.0, 2.0],
            "no gradient, no step"
        );
        // Muon's is a rotation of about the rate's size, whatever the gradient's length.
        optimiser
            .step(&[vec![0.0; 2], vec![0.0, 1e-3, -1e-3, 0.0]], 0.001)
            .unwrap();
        let moved = self::values(&hidden);
        let change = (0.5 - moved[1]) / (0.001 * MUON_RATE);
        assert!((0.6..1.3).contains(&change), "{moved:?}");
        assert!(
            (moved[0] - 1.0).abs() < 1e-3 && (moved[2] + 1.0 - (0.5 - moved[1])).abs() < 1e-3,
            "{moved:?}"
        );
    }

    #[test]
    fn pytorch_takes_the_same_steps() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/training/adamw.safetensors"
        );
        let fixture = safetensors::load(path, &Device::Cpu).unwrap();
        let numbers = |name: String| fixture[&name].flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let names = ["matrix", "vector"];
        let variable = |name: &str| Var::from_tensor(&fixture[&format!("start.{name}")]).unwrap();
        let variables = names.map(|name| (name.to_owned(), variable(name)));
        let mut optimiser = Optimiser::new(variables.clone().into());
        for step in 0..5 {
            // Two shards' gradients, of which the trainer takes the mean.
            let gradients = names.map(|name| {
                let shard = |shard| numbers(format!("gradient.{step}.{shard}.{name}"));
                let pairs = shard(0).into_iter().zip(shard(1));
                pairs.map(|(a, b)| 0.5 * a + 0.5 * b).collect::<Vec<f32>>()
            });
            optimiser.step(&gradients, 0.03).unwrap();
            for (name, variable) in &variables {
                for (ours, theirs) in values(variable)
                    .iter()
                    .zip(numbers(format!("after.{step}.{name}")))
                {
                    assert!(
                        (ours - theirs).abs() < 1e-5,
                        "step {step}, {name}: {ours}, PyTorch {theirs}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_restored_optimiser_continues_as_if_it_had_not_stopped() {
        let gradients: Vec<[Vec<f32>; 2]> = (0..3)
            .map(|step| {
                let g = |at: i32| ((step * 5 + at * 7) % 11 - 5) as f32 / 10.0;
                [vec![g(0), g(1)], (2..6).map(g).collect()]
            })
            .collect();
        let (mut straight, expected) = optimiser();
        for gradient in &gradients {
            straight.step(gradient, 0.01).unwrap();
        }
        let (mut first, values) = optimiser();
        first.step(&gradients[0], 0.01).unwrap();
        let named = first.variables().iter().cloned().collect();
        let mut second = Optimiser::new(named);
        second.restore(&first.state().unwrap()).unwrap();
        for gradient in &gradients[1..] {
            second.step(gradient, 0.01).unwrap();
        }
        for (values, expected) in values.iter().zip(&expected) {
            assert_eq!(self::values(values), self::values(expected));
        }
    }
}
