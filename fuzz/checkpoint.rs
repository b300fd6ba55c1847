//! A checkpoint folder of which one file is anybody's: it loads, or the error says which file and why.
#![no_main]

use auditdm::vlm::Checkpoint;
use candle_core::Device;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

const FILES: [&str; 4] = [
    "config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "tokenizer.json",
];

fuzz_target!(|input: (u8, &[u8])| {
    let (which, bytes) = input;
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/lab-target");
    let folder = tempfile::tempdir().expect("a folder");
    for (index, name) in FILES.iter().enumerate() {
        let path = folder.path().join(name);
        let written = if index == usize::from(which) % FILES.len() {
            std::fs::write(path, bytes)
        } else {
            std::os::unix::fs::symlink(whole.join(name), path)
        };
        written.expect("a file");
    }
    if let Err(error) = Checkpoint::load(folder.path(), &Device::Cpu) {
        assert!(!error.to_string().is_empty());
    }
});
