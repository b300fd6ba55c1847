//! A run that was stopped and taken up again learns what an uninterrupted one learns, to the last bit.

use super::*;

/// A learner as a run begins or goes on in `folder`, and where it stands.
fn learner(folder: &std::path::Path) -> (Learner, Course, u64) {
    let options = Options {
        folder: folder.to_owned(),
        minutes: 0.0,
        seed: 3,
        difficulty: 1,
    };
    let (config, weights, model) = begin(&options, None, &|| {
        course::texts(1).into_iter().rev().take(4_000).collect()
    })
    .unwrap();
    let heads = PatchHeads::new(HEADS, config.vision_config.hidden_size, &weights).unwrap();
    let mut optimiser = Optimiser::new(weights.variables());
    let progress: Option<Progress> = checkpoint::restore_state(folder, &mut optimiser).unwrap();
    let course = Course::new(folder, &config, 3, 2, 2, 1).unwrap();
    let words = PatchWords::new(config.image_tokens().isqrt(), |word| course.tokenizer.text(word)).unwrap();
    let learner = Learner {
        model,
        sight: Some(Sight {
            heads,
            words,
            share: PATCH_SHARE,
        }),
        optimiser,
        workers: Workers::new().unwrap(),
    };
    (learner, course, progress.map_or(0, |progress| progress.step))
}

/// Takes up what lies in `folder`, goes on to the step `until`, and saves; the loss of every step.
fn sitting(folder: &std::path::Path, until: u64) -> Vec<f64> {
    let (mut learner, course, from) = learner(folder);
    let losses = (from..until).map(|step| {
        let lesson = |shard: usize| course.lesson(step * 2 + shard as u64, true);
        learner.step(2, rate(step, 0.5), &lesson).unwrap().loss
    });
    let losses = losses.collect();
    let progress = Progress {
        step: until,
        ..Progress::default()
    };
    checkpoint::save_state(folder, &mut learner.optimiser, &progress).unwrap();
    losses
}

#[test]
fn resumed_training_equals_uninterrupted() {
    let [straight, stopped] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let expected = sitting(straight.path(), 3);
    let mut losses = sitting(stopped.path(), 1);
    losses.extend(sitting(stopped.path(), 3));
    assert_eq!(losses.len(), 3);
    assert_eq!(losses, expected);
    let state = |folder: &tempfile::TempDir| {
        let path = folder.path().join("training.safetensors");
        candle_core::safetensors::load(path, &Device::Cpu).unwrap()
    };
    let (ours, theirs) = (state(&stopped), state(&straight));
    assert_eq!(ours.len(), theirs.len());
    for (name, tensor) in &theirs {
        let bits = |tensor: &candle_core::Tensor| match tensor.dtype() {
            candle_core::DType::F32 => tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            _ => Vec::new(),
        };
        assert!(bits(&ours[name]) == bits(tensor), "{name} differs");
    }
}
