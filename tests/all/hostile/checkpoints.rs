//! Checkpoint and painter folders of which one file is broken.

use super::mutation::mutated;
use super::mutations;
use auditdm::flux::Flux;
use auditdm::vlm::Checkpoint;
use candle_core::Device;
use std::path::Path;
use std::time::{Duration, Instant};

const FILES: [&str; 4] = [
    "config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "tokenizer.json",
];

const PAINTER_FILES: [&str; 13] = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "text_encoder_2/config.json",
    "text_encoder_2/model.safetensors",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "tokenizer_2/tokenizer.json",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
];

#[cfg(unix)]
#[test]
fn broken_checkpoints_are_named() {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/lab-target");
    broken_folders_are_named(&whole, &FILES, 50, |folder| {
        Checkpoint::load(folder, None, &Device::Cpu).map(drop)
    });
}

#[cfg(unix)]
#[test]
fn broken_painters_are_named() {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/flux/schnell");
    broken_folders_are_named(&whole, &PAINTER_FILES, 200, |folder| {
        Flux::load(folder, &Device::Cpu).map(drop)
    });
}

/// One of `share` mutations, for loading a folder takes longer than reading an image.
#[cfg(unix)]
fn broken_folders_are_named(
    whole: &Path,
    files: &[&str],
    share: u64,
    load: impl Fn(&Path) -> auditdm::Result<()>,
) {
    let mut seeds: Vec<Vec<u8>> = files
        .iter()
        .map(|name| std::fs::read(whole.join(name)).unwrap())
        .collect();
    // The header of the weights is what can go wrong; the numbers after it stay.
    let mut numbers = vec![Vec::new(); files.len()];
    for ((name, seed), numbers) in files.iter().zip(&mut seeds).zip(&mut numbers) {
        if name.ends_with(".safetensors") {
            let header = 8 + u64::from_le_bytes(seed[..8].try_into().unwrap()) as usize;
            *numbers = seed.split_off(header);
        }
    }
    load(whole).unwrap();
    let (mut loaded, mut refused) = (0, 0);
    for index in 0..mutations() / share {
        let (which, mut bytes) = mutated(&seeds, index);
        bytes.extend_from_slice(&numbers[which]);
        let folder = tempfile::tempdir().unwrap();
        for (other, name) in files.iter().enumerate() {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if other == which {
                std::fs::write(path, &bytes).unwrap();
            } else {
                std::os::unix::fs::symlink(whole.join(name), path).unwrap();
            }
        }
        let started = Instant::now();
        match load(folder.path()) {
            Ok(()) => loaded += 1,
            Err(error) => {
                let said = error.to_string();
                let place = folder.path().to_string_lossy();
                assert!(said.contains(&*place), "{} {index}: {said}", files[which]);
                refused += 1;
            }
        }
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{} {index}",
            files[which]
        );
    }
    assert!(refused > loaded, "{loaded} loaded, {refused} refused");
}
