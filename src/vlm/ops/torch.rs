//! Each operation's value and gradients against PyTorch's (`tests/oracles/make_training_fixtures.py`).

use super::*;
use candle_core::{Device, Var, safetensors};
use std::collections::HashMap;

struct Fixture(HashMap<String, Tensor>);

impl Fixture {
    fn load() -> Self {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/training/operations.safetensors"
        );
        Self(safetensors::load(path, &Device::Cpu).unwrap())
    }

    fn tensor(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("{name} is missing"))
    }

    /// Runs `operation` on the inputs of `name`, and holds its value and every gradient against PyTorch's.
    fn check(&self, name: &str, operation: impl Fn(&[Tensor]) -> Result<Tensor>) {
        let variables: Vec<Var> = (0..)
            .map_while(|at| self.0.get(&format!("{name}.in.{at}")))
            .map(|input| Var::from_tensor(input).unwrap())
            .collect();
        let inputs: Vec<Tensor> = (variables.iter().enumerate())
            .map(|(at, variable)| {
                let trained = self.0.contains_key(&format!("{name}.grad.{at}"));
                let tensor = variable.as_tensor();
                if trained { tensor.clone() } else { tensor.detach() }
            })
            .collect();
        let value = operation(&inputs).unwrap();
        close(&value, self.tensor(&format!("{name}.out")), name);
        let loss = (&value * self.tensor(&format!("{name}.weight"))).unwrap();
        let found = loss.sum_all().unwrap().backward().unwrap();
        let mut compared = 0;
        for (at, variable) in variables.iter().enumerate() {
            let expected = self.0.get(&format!("{name}.grad.{at}"));
            assert_eq!(
                expected.is_some(),
                found.get(variable.as_tensor()).is_some(),
                "{name} {at}"
            );
            if let Some(expected) = expected {
                let gradient = found.get(variable.as_tensor()).unwrap();
                close(gradient, expected, &format!("gradient {at} of {name}"));
                compared += 1;
            }
        }
        assert!(compared > 0, "{name} has no gradients to compare");
    }
}

/// Within a thousandth of the largest number.
fn close(ours: &Tensor, theirs: &Tensor, what: &str) {
    assert_eq!(ours.dims(), theirs.dims(), "{what}");
    let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (ours, theirs) = (values(ours), values(theirs));
    let largest = theirs.iter().fold(0f32, |most, x| most.max(x.abs()));
    assert!(largest > 0.0, "{what} is nothing");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!(
            (ours - theirs).abs() <= 1e-3 * largest,
            "{what}: {ours}, PyTorch {theirs}"
        );
    }
}

#[test]
fn pytorch_agrees() {
    let fixture = Fixture::load();
    let mask = fixture.tensor("attention.mask");
    fixture.check("attention", |x| {
        attention(&x[0], &x[1], &x[2], Some(mask), 0.3, None)
    });
    fixture.check("attention_capped", |x| {
        attention(&x[0], &x[1], &x[2], Some(mask), 0.3, Some(2.0))
    });
    fixture.check("rms_norm", |x| rms_norm(&x[0], &x[1], 1e-6));
    fixture.check("layer_norm", |x| layer_norm(&x[0], &x[1], &x[2], 1e-6));
    fixture.check("gelu_tanh", |x| gelu_tanh(&x[0]));
    fixture.check("geglu", |x| geglu(&x[0], &x[1]));
    fixture.check("linear", |x| linear(&x[0], &x[1], Some(&x[2])));
    fixture.check("linear_frozen", |x| linear(&x[0], &x[1], None));
    let labels = fixture.tensor("cross_entropy.labels");
    fixture.check("cross_entropy", |x| cross_entropy(&x[0], labels));
    let [cos, sin] = ["cos", "sin"].map(|part| fixture.tensor(&format!("rotary.{part}")));
    fixture.check("rotary", |x| rotary(&x[0], cos, sin));
}
