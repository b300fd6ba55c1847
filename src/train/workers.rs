//! Shards of a step on all cores, each forward and backward on one.
//!
//! A core that works on its own shard keeps its activations in its caches and waits for nobody; the same
//! operations spread over all cores would wait at every one of them. The sum over shards has a fixed order,
//! so that a step does not depend on the number of cores.

use crate::error::{Error, Result};
use candle_core::{Tensor, Var};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Stack of a worker: the backward pass walks its graph by recursion.
const STACK_BYTES: usize = 512 << 20;

/// One pool of one thread for every core.
pub(super) struct Workers(Vec<ThreadPool>);

/// Gradients, one vector a variable in the optimiser's order.
pub(super) type Gradients = Vec<Vec<f32>>;

impl Workers {
    pub(super) fn new() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let worker = |_| {
            ThreadPoolBuilder::new()
                .num_threads(1)
                .stack_size(STACK_BYTES)
                .build()
        };
        let workers: std::result::Result<_, _> = (0..cores).map(worker).collect();
        workers.map(Self).map_err(|error| Error::Model {
            model: "training".into(),
            problem: format!("cannot start threads for training: {error}"),
        })
    }

    /// `work` for every shard; what it gives, in the shards' order, and the sum of the gradients.
    pub(super) fn run<T: Send>(
        &self,
        shards: usize,
        work: &(dyn Fn(usize) -> Result<(T, Gradients)> + Sync),
    ) -> Result<(Vec<T>, Gradients)> {
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for worker in &self.0 {
                scope.spawn(|| {
                    worker.install(|| {
                        loop {
                            let shard = next.fetch_add(1, Ordering::Relaxed);
                            if shard >= shards {
                                return;
                            }
                            let result = work(shard);
                            done.lock().expect("no worker panicked").push((shard, result));
                        }
                    });
                });
            }
        });
        let mut done = done.into_inner().expect("no worker panicked");
        done.sort_by_key(|(shard, _)| *shard);
        let (mut given, mut sum) = (Vec::with_capacity(shards), Gradients::new());
        for (_, result) in done {
            let (each, gradients) = result?;
            given.push(each);
            if sum.is_empty() {
                sum = gradients;
                continue;
            }
            for (sum, gradient) in sum.iter_mut().zip(gradients) {
                sum.iter_mut()
                    .zip(gradient)
                    .for_each(|(sum, gradient)| *sum += gradient);
            }
        }
        Ok((given, sum))
    }
}

/// The gradient of a loss for every variable; zeros where it does not depend on one.
pub(super) fn gradients(loss: &Tensor, variables: &[(String, Var)]) -> Result<Gradients> {
    let found = loss.backward()?;
    let gradient = |(_, variable): &(String, Var)| match found.get(variable.as_tensor()) {
        Some(gradient) => Ok(gradient.flatten_all()?.to_vec1()?),
        None => Ok(vec![0.0; variable.elem_count()]),
    };
    variables.iter().map(gradient).collect()
}
