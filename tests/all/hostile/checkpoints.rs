//! Checkpoint folders of which one file is broken.

use super::mutation::mutated;
use super::mutations;
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

#[cfg(unix)]
#[test]
fn broken_checkpoints_are_named() {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/lab-target");
    let mut seeds = FILES.map(|name| std::fs::read(whole.join(name)).unwrap());
    // The header of the weights is what can go wrong; the numbers after it stay.
    let header = 8 + u64::from_le_bytes(seeds[1][..8].try_into().unwrap()) as usize;
    let numbers = seeds[1].split_off(header);
    Checkpoint::load(&whole, None, &Device::Cpu).unwrap();
    let (mut loaded, mut refused) = (0, 0);
    for index in 0..mutations() / 50 {
        let (which, mut bytes) = mutated(&seeds, index);
        if which == 1 {
            bytes.extend_from_slice(&numbers);
        }
        let folder = tempfile::tempdir().unwrap();
        for (other, name) in FILES.iter().enumerate() {
            let path = folder.path().join(name);
            if other == which {
                std::fs::write(path, &bytes).unwrap();
            } else {
                std::os::unix::fs::symlink(whole.join(name), path).unwrap();
            }
        }
        let started = Instant::now();
        match Checkpoint::load(folder.path(), None, &Device::Cpu) {
            Ok(_) => loaded += 1,
            Err(error) => {
                let said = error.to_string();
                let place = folder.path().to_string_lossy();
                assert!(said.contains(&*place), "{} {index}: {said}", FILES[which]);
                refused += 1;
            }
        }
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{} {index}",
            FILES[which]
        );
    }
    assert!(refused > loaded, "{loaded} loaded, {refused} refused");
}
