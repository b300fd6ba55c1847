//! What scoring a whole benchmark costs: 40 000 captions with 5 references each, 200 000 answers with 10 annotators each.

#![allow(missing_docs, reason = "criterion writes the entry points")]

use auditdm::benchmark::metric::cider::{Captioned, Tokens, scores};
use auditdm::benchmark::metric::vqa_accuracy::VqaAccuracy;
use criterion::{Criterion, criterion_group, criterion_main};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A caption of words drawn like those of a language: few of them often, many of them rarely.
fn caption(random: &mut ChaCha8Rng) -> String {
    let words = (0..random.random_range(7..15)).map(|_| {
        let rank = (9_000.0 * random.random::<f64>().powi(3)) as u32;
        let mut word = String::new();
        let mut rest = rank + 26;
        while rest > 0 {
            word.push(char::from(b'a' + (rest % 26) as u8));
            rest /= 26;
        }
        word
    });
    format!("A {}.", words.collect::<Vec<_>>().join(" "))
}

fn captions(criterion: &mut Criterion) {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let references: Vec<Vec<String>> = (0..40_000)
        .map(|_| (0..5).map(|_| caption(&mut random)).collect())
        .collect();
    let captions: Vec<String> = (0..40_000).map(|_| caption(&mut random)).collect();
    let images: Vec<Captioned> = captions
        .iter()
        .zip(&references)
        .map(|(caption, references)| Captioned { caption, references })
        .collect();
    let mut group = criterion.benchmark_group("cider_d");
    group.sample_size(10);
    group.bench_function("40 000 captions, 5 references", |bencher| {
        bencher.iter(|| scores(&images, Tokens::Ptb));
    });
    group.finish();
}

fn answers(criterion: &mut Criterion) {
    const SAID: [&str; 10] = [
        "yes",
        "no",
        "2",
        "two",
        "a red car",
        "t-shirt, blue",
        "It's 5.",
        "skateboard",
        "dont know",
        "black/white",
    ];
    let annotated: Vec<Vec<String>> = (0..200_000)
        .map(|n| {
            (0..10)
                .map(|a| SAID[(n * 7 + a * a * (n % 3)) % 10].to_owned())
                .collect()
        })
        .collect();
    let mut group = criterion.benchmark_group("vqa_accuracy");
    group.sample_size(10);
    group.bench_function("200 000 answers, 10 annotators", |bencher| {
        bencher.iter(|| {
            let each = annotated.iter().enumerate();
            each.map(|(n, answers)| VqaAccuracy::Official.score(SAID[n % 10], answers))
                .sum::<f64>()
        });
    });
    group.finish();
}

criterion_group!(benches, captions, answers);
criterion_main!(benches);
