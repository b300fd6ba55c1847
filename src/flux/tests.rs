//! On tiny random pipelines that diffusers wrote.

use super::*;
use std::path::PathBuf;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/flux")
        .join(name)
}

/// A copy of a pipeline that a test may spoil.
fn copy(name: &str) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for part in std::fs::read_dir(data(name)).unwrap() {
        let part = part.unwrap();
        let place = to.path().join(part.file_name());
        if part.path().is_file() {
            std::fs::copy(part.path(), place).unwrap();
            continue;
        }
        std::fs::create_dir(&place).unwrap();
        for file in std::fs::read_dir(part.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), place.join(file.file_name())).unwrap();
        }
    }
    to
}

fn change(folder: &Path, file: &str, right: &str, wrong: &str) {
    let file = folder.join(file);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(right), "{text}");
    std::fs::write(file, text.replace(right, wrong)).unwrap();
}

#[test]
fn diffusers_agrees() {
    for (name, findings) in [("kontext", 11), ("schnell", 9)] {
        let report = verify(&data(name), Some(&data(name).join("fixture.safetensors")), 1e-3).unwrap();
        assert!(report.passed(), "{report}");
        let lines = report.to_string();
        assert_eq!(lines.matches("largest difference").count(), findings, "{lines}");
    }
    let described = verify(&data("kontext"), None, 1e-3).unwrap().to_string();
    assert!(
        described.contains("Kontext") && described.contains("stored as BF16"),
        "{described}"
    );
}

#[test]
fn a_wrong_number_is_found() {
    for (name, file, right, wrong) in [
        (
            "kontext",
            "scheduler/scheduler_config.json",
            "\"max_shift\": 1.15",
            "\"max_shift\": 1.5",
        ),
        (
            "schnell",
            "scheduler/scheduler_config.json",
            "\"shift\": 1.5",
            "\"shift\": 1.0",
        ),
        ("kontext", "vae/config.json", "0.1159", "0.2"),
        ("kontext", "vae/config.json", "0.3611", "0.4"),
        ("schnell", "text_encoder/config.json", "quick_gelu", "gelu"),
        (
            "schnell",
            "text_encoder_2/config.json",
            "distance\": 128",
            "distance\": 20",
        ),
    ] {
        let folder = copy(name);
        change(folder.path(), file, right, wrong);
        let report = verify(folder.path(), Some(&data(name).join("fixture.safetensors")), 1e-3).unwrap();
        assert!(
            !report.passed() && report.to_string().contains("FAILED"),
            "{wrong} passes: {report}"
        );
    }
    let other = verify(
        &data("kontext"),
        Some(&data("schnell").join("fixture.safetensors")),
        1e-3,
    );
    assert!(other.unwrap_err().to_string().contains("made from this folder?"));
}

#[test]
fn what_is_missing_or_does_not_fit_is_named() {
    let problem = |folder: &Path| Flux::load(folder, &Device::Cpu).unwrap_err().to_string();
    for file in [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/merges.txt",
        "tokenizer_2/tokenizer.json",
        "transformer/diffusion_pytorch_model.safetensors",
        "vae/config.json",
    ] {
        let folder = copy("schnell");
        std::fs::remove_file(folder.path().join(file)).unwrap();
        let problem = problem(folder.path());
        let name = file.rsplit('/').next().unwrap();
        assert!(problem.contains(name), "{file}: {problem}");
    }
    let shard = "transformer/diffusion_pytorch_model-00002-of-00005.safetensors";
    for (name, file, right, wrong, said) in [
        (
            "schnell",
            "model_index.json",
            "FluxPipeline",
            "SanaPipeline",
            "pipeline `SanaPipeline` is not supported",
        ),
        (
            "schnell",
            "model_index.json",
            "T5EncoderModel",
            "GemmaModel",
            "text_encoder_2 `GemmaModel` is not supported",
        ),
        (
            "schnell",
            "model_index.json",
            "\"vae\"",
            "\"eyes\"",
            "names no vae",
        ),
        (
            "schnell",
            "transformer/config.json",
            "\"in_channels\": 16",
            "\"in_channels\": 20",
            "x_embedder.weight",
        ),
        (
            "schnell",
            "transformer/config.json",
            "\"num_layers\": 2",
            "\"num_layers\": 3",
            "transformer_blocks.2.",
        ),
        (
            "schnell",
            "text_encoder_2/config.json",
            "\"d_ff\": 24",
            "\"d_ff\": 25",
            "expects [25, 16], found [24, 16]",
        ),
        (
            "schnell",
            "vae/config.json",
            "\"norm_num_groups\": 4",
            "\"norm_num_groups\": 3",
            "its sizes make no network",
        ),
        (
            "schnell",
            "scheduler/scheduler_config.json",
            "\"use_karras_sigmas\": false",
            "\"use_karras_sigmas\": true",
            "use_karras_sigmas",
        ),
        (
            "schnell",
            "tokenizer/vocab.json",
            "\"re\":",
            "\"er\":",
            "not a tokenizer",
        ),
        (
            "kontext",
            "model_index.json",
            "Kontext",
            "Fill",
            "`FluxFillPipeline` is not supported",
        ),
    ] {
        let folder = copy(name);
        change(folder.path(), file, right, wrong);
        let problem = problem(folder.path());
        assert!(problem.contains(said), "{file} {wrong}: {problem}");
    }
    let folder = copy("kontext");
    std::fs::write(folder.path().join(shard), [7; 40]).unwrap();
    let broken = problem(folder.path());
    assert!(
        broken.contains("00002-of-00005") && broken.contains("fetch it again"),
        "{broken}"
    );
    std::fs::remove_file(folder.path().join(shard)).unwrap();
    assert!(problem(folder.path()).contains("the index lists this shard"));
}

#[test]
fn a_painting_depends_on_its_order_alone() {
    let flux = Flux::load(&data("kontext"), &Device::Cpu).unwrap();
    let picture = RgbImage::from_fn(30, 20, |x, y| image::Rgb([(x * 8) as u8, (y * 12) as u8, 90]));
    let order = Order {
        text: "a red dog",
        base: None,
        size: (40, 24),
        steps: 2,
        guidance: 2.5,
        seed: 5,
    };
    let paint = |order: Order| flux.paint(&order, &|| false).unwrap().unwrap();
    let first = paint(order);
    assert_eq!(first.dimensions(), (40, 24));
    assert_eq!(first, paint(order));
    let edit = Order {
        base: Some(&picture),
        ..order
    };
    let mut seen = vec![first];
    for other in [
        Order { seed: 6, ..order },
        Order {
            text: "a blue cat",
            ..order
        },
        Order {
            guidance: 9.0,
            ..order
        },
        Order { steps: 3, ..order },
        edit,
        Order {
            text: "make it blue",
            ..edit
        },
    ] {
        let painted = paint(other);
        assert!(!seen.contains(&painted), "{other:?}");
        seen.push(painted);
    }
    assert_eq!(seen[5].dimensions(), (32, 24), "an edit has its image's shape");
}

#[test]
fn what_nobody_waits_for_ends_at_the_next_step() {
    let flux = Flux::load(&data("schnell"), &Device::Cpu).unwrap();
    let order = Order {
        text: "a red dog",
        base: None,
        size: (16, 16),
        steps: 1000,
        guidance: 0.0,
        seed: 5,
    };
    let asked = std::cell::Cell::new(0);
    let gone = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    assert!(flux.paint(&order, &gone).unwrap().is_none());
    assert_eq!(asked.get(), 4);
}

#[test]
fn captions_are_text_and_nothing_else() {
    let flux = Flux::load(&data("schnell"), &Device::Cpu).unwrap();
    let [clip, t5] = &flux.words;
    let end = *clip.ids("").unwrap().last().unwrap();
    let ids = clip.ids("a <|endoftext|> dog").unwrap();
    assert_eq!(ids.iter().filter(|id| **id == end).count(), 1, "{ids:?}");
    let long = "dog ".repeat(5000);
    assert_eq!(
        (clip.ids(&long).unwrap().len(), t5.ids(&long).unwrap().len()),
        (77, 256)
    );
    assert_eq!(clip.ids(&long).unwrap().last(), Some(&end), "cut before its end");
    assert_eq!(
        t5.ids("a </s> dog")
            .unwrap()
            .iter()
            .filter(|id| **id == 1)
            .count(),
        1
    );
}
