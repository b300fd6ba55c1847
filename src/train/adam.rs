//! AdamW over all variables in one parallel pass, with gradient clipping and f32 moments that can be saved.
//!
//! Weight decay applies to matrices only. Source: Loshchilov and Hutter 2019, algorithm 2.

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

/// The optimiser's state: a first and a second moment for every element of every variable, in name order.
pub(super) struct AdamW {
    variables: Vec<(String, Var)>,
    moments: Vec<[Vec<f32>; 2]>,
    steps: i32,
}

impl AdamW {
    pub(super) fn new(variables: BTreeMap<String, Var>) -> Self {
        let variables: Vec<_> = variables.into_iter().collect();
        let zeros = |variable: &Var| vec![0f32; variable.elem_count()];
        let moments = variables
            .iter()
            .map(|(_, variable)| [zeros(variable), zeros(variable)])
            .collect();
        Self {
            variables,
            moments,
            steps: 0,
        }
    }

    /// What it optimises, in the order in which gradients are given.
    pub(super) fn variables(&self) -> &[(String, Var)] {
        &self.variables
    }

    /// One step along `gradients` (one a variable, in order); gives their length before clipping.
    pub(super) fn step(&mut self, gradients: &[Vec<f32>], rate: f64) -> Result<f32> {
        let squares: f32 = gradients
            .par_iter()
            .map(|gradient| gradient.iter().map(|g| g * g).sum::<f32>())
            .sum();
        let length = squares.sqrt();
        let shrink = if length > CLIP { CLIP / length } else { 1.0 };
        self.steps += 1;
        let (unbias1, unbias2) = (1.0 - BETA1.powi(self.steps), 1.0 - BETA2.powi(self.steps));
        let rate = rate as f32;
        let work = self.variables.par_iter().zip(&mut self.moments).zip(gradients);
        work.try_for_each(|(((_, variable), [first, second]), gradient)| -> Result<()> {
            let mut values = variable.flatten_all()?.to_vec1::<f32>()?;
            let decay = if variable.rank() > 1 {
                1.0 - rate * WEIGHT_DECAY
            } else {
                1.0
            };
            let moments = first.iter_mut().zip(second.iter_mut());
            for ((value, gradient), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
                let gradient = gradient * shrink;
                *first = BETA1 * *first + (1.0 - BETA1) * gradient;
                *second = BETA2 * *second + (1.0 - BETA2) * gradient * gradient;
                let change = *first / unbias1 / ((*second / unbias2).sqrt() + EPSILON);
                *value = *value * decay - rate * change;
            }
            Ok(variable.set(&Tensor::from_vec(values, variable.shape(), variable.device())?)?)
        })?;
        Ok(length)
    }

    /// The moments and the number of steps, as tensors to save.
    pub(super) fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        for ((name, variable), moments) in self.variables.iter().zip(&self.moments) {
            for (part, moment) in ["first", "second"].iter().zip(moments) {
                let tensor = Tensor::from_vec(moment.clone(), variable.shape(), variable.device())?;
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
            for (part, moment) in ["first", "second"].iter().zip(moments) {
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
    use candle_core::Device;

    fn optimiser() -> (AdamW, Var) {
        let variable = Var::new(&[[1f32, -2.0]], &Device::Cpu).unwrap();
        (AdamW::new([("w".to_owned(), variable.clone())].into()), variable)
    }

    #[test]
    fn steps_are_those_of_the_paper() {
        let (mut adam, variable) = optimiser();
        // The first step is the sign of the gradient times the rate, after the decay.
        let length = adam.step(&[vec![3.0, -4.0]], 0.1).unwrap();
        assert!((length - 5.0).abs() < 1e-6);
        let values = variable.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let decay = 1.0 - 0.1 * WEIGHT_DECAY;
        assert!((values[0] - (decay - 0.1)).abs() < 1e-5, "{values:?}");
        assert!((values[1] - (-2.0 * decay + 0.1)).abs() < 1e-5, "{values:?}");
    }

    #[test]
    fn a_restored_optimiser_continues_as_if_it_had_not_stopped() {
        let gradients = [[0.5, -0.1], [0.2, 0.3], [-0.4, 0.1]];
        let (mut straight, expected) = optimiser();
        for gradient in gradients {
            straight.step(&[gradient.to_vec()], 0.01).unwrap();
        }
        let (mut first, values) = optimiser();
        first.step(&[gradients[0].to_vec()], 0.01).unwrap();
        let mut second = AdamW::new([("w".to_owned(), values.clone())].into());
        second.restore(&first.state().unwrap()).unwrap();
        for gradient in &gradients[1..] {
            second.step(&[gradient.to_vec()], 0.01).unwrap();
        }
        assert_eq!(
            values.to_vec2::<f32>().unwrap(),
            expected.to_vec2::<f32>().unwrap()
        );
    }
}
