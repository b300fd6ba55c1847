//! Scenes, renders, labels and files a second, on one thread.

#![allow(missing_docs, reason = "criterion writes the entry points")]

use auditdm::lab::generate::{Split, World};
use auditdm::lab::label::labels;
use auditdm::lab::paint::{edit, propose_edit};
use auditdm::lab::render::{png, render};
use auditdm::lab::scene::Scene;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;

const SCENES: u64 = 200;

fn lab(criterion: &mut Criterion) {
    for difficulty in [1, 3] {
        let world = World {
            seed: 1,
            difficulty,
            split: Split::Train,
        };
        let scenes: Vec<Scene> = (0..SCENES).map(|index| world.scene(index)).collect();
        let rendered: Vec<_> = scenes.iter().map(render).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let instructions: Vec<String> = scenes.iter().map(|scene| propose_edit(scene, &mut rng)).collect();

        let mut group = criterion.benchmark_group(format!("lab/difficulty {difficulty}"));
        group.throughput(Throughput::Elements(SCENES));
        group.bench_function("scene", |bencher| {
            bencher.iter(|| {
                (0..SCENES)
                    .map(|index| world.scene(index).objects.len())
                    .sum::<usize>()
            });
        });
        group.bench_function("render", |bencher| {
            bencher.iter(|| scenes.iter().for_each(|scene| drop(black_box(render(scene)))));
        });
        group.bench_function("labels", |bencher| {
            bencher.iter(|| {
                scenes
                    .iter()
                    .zip(&rendered)
                    .for_each(|(scene, rendered)| drop(black_box(labels(scene, rendered, 12))));
            });
        });
        group.bench_function("png", |bencher| {
            bencher.iter(|| scenes.iter().for_each(|scene| drop(black_box(png(scene)))));
        });
        group.bench_function("edit", |bencher| {
            bencher.iter(|| {
                scenes
                    .iter()
                    .zip(&instructions)
                    .for_each(|(scene, text)| drop(black_box(edit(scene, text, 1))));
            });
        });
        group.finish();
    }
}

criterion_group!(benches, lab);
criterion_main!(benches);
