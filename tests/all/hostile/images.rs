//! Mutated images and bombs.

use super::mutation::{chunk, mend_checksums, mutated};
use super::mutations;
use auditdm::image::{DecodeError, Fit, decode, fit, perceptual_hash};
use std::path::Path;
use std::time::{Duration, Instant};

fn data(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension != "json"));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Everything that the audit does with an image.
fn look(bytes: Vec<u8>, name: &str) {
    match decode(&bytes) {
        Ok(image) => {
            let _ = perceptual_hash(&image.pixels);
            drop(image); // as the audit does
            let small = Fit {
                max_side: 64,
                max_bytes: 4_000,
            };
            let fitted = fit(&bytes.into(), small).unwrap();
            assert!(fitted.bytes.len() <= 4_000, "{name}");
        }
        Err(DecodeError::Broken { reason, .. }) => assert_ne!(reason, "the decoder gave up", "{name}"),
        Err(_) => {}
    }
}

/// The images run in a process of their own, so that its peak of memory is theirs.
fn in_a_process_of_its_own(test: &str, most_mib: u64, work: impl FnOnce()) {
    const INSIDE: &str = "AUDITDM_HOSTILE_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        work();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        eprintln!(
            "peak_kib={}",
            peak.unwrap_or("0 kB").trim().trim_end_matches(" kB")
        );
        return;
    }
    let path = format!("{}::{test}", module_path!());
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", path.split_once("::").unwrap().1, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let peak: u64 = said
        .split("peak_kib=")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    eprintln!("{test}: peak {} MiB", peak >> 10);
    assert!(peak >> 10 <= most_mib, "{} MiB instead of {most_mib}", peak >> 10);
}

#[test]
fn mutated_images_are_pictures_or_reasons() {
    in_a_process_of_its_own("mutated_images_are_pictures_or_reasons", 600, || {
        let seeds: Vec<Vec<u8>> = ["photos", "jpegs"].into_iter().flat_map(data).collect();
        assert!(seeds.len() > 50);
        let mut slowest = (Duration::ZERO, 0);
        for index in 0..mutations() {
            let (which, bytes) = mutated(&seeds, index);
            let started = Instant::now();
            look(bytes, &format!("mutation {index} of seed {which}"));
            slowest = slowest.max((started.elapsed(), index));
        }
        assert!(slowest.0 < Duration::from_secs(30), "{slowest:?}");
    });
}

/// A grey PNG of zeros, which deflate makes a thousand times smaller.
fn zeros(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(width, height)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

/// The compressed pixels of a PNG.
fn deflated(png: &[u8]) -> Vec<u8> {
    let (mut at, mut data) = (8, Vec::new());
    while at < png.len() {
        let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
        if &png[at + 4..at + 8] == b"IDAT" {
            data.extend_from_slice(&png[at + 8..at + 8 + length]);
        }
        at += length + 12;
    }
    data
}

#[test]
fn bombs_are_refused_or_cheap() {
    in_a_process_of_its_own("bombs_are_refused_or_cheap", 500, || {
        let bomb = deflated(&zeros(8_000, 8_000));
        let small = zeros(4, 4);
        let (header, rest) = small.split_at(33);
        let with = |kind: &[u8; 4], prefix: &[u8]| {
            let data = [prefix, &bomb].concat();
            [header, &chunk(*kind, &data), rest].concat()
        };
        let resized = |png: &[u8], width: u32, height: u32| {
            let mut bytes = png.to_vec();
            bytes[16..20].copy_from_slice(&width.to_be_bytes());
            bytes[20..24].copy_from_slice(&height.to_be_bytes());
            mend_checksums(&mut bytes);
            bytes
        };
        let jpegs: Vec<Vec<u8>> = data("jpegs")
            .into_iter()
            .filter(|bytes| bytes.starts_with(b"\xFF\xD8"))
            .collect();
        let sized = |jpeg: &[u8], width: u16, height: u16| {
            let mut bytes = jpeg.to_vec();
            let frame = bytes
                .windows(2)
                .position(|pair| matches!(pair, [0xFF, 0xC0 | 0xC2]))
                .unwrap();
            bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
            bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
            bytes
        };
        let many_scans = |bytes: &[u8]| {
            let scan = bytes.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap();
            let end = bytes.len() - 2;
            [&bytes[..end], &bytes[scan..end].repeat(5_000), &bytes[end..]].concat()
        };
        let segment = [&b"\xFF\xE1\xFF\xFFExif\0\0"[..], &b"M".repeat(65_527)].concat();
        let with_metadata = |jpeg: &[u8]| [&jpeg[..2], &segment.repeat(300), &jpeg[2..]].concat();
        let mut bombs = vec![
            ("64 megapixels of zeros", zeros(8_000, 8_000)),
            ("a colour profile of 64 MB", with(b"iCCP", b"bomb\0\0")),
            ("a text of 64 MB", with(b"zTXt", b"bomb\0\0")),
            (
                "an international text of 64 MB",
                with(b"iTXt", b"bomb\0\x01\0\0\0"),
            ),
            (
                "a PNG of two thousand megapixels",
                resized(&small, 0x7FFF_FFFF, 1),
            ),
            ("a PNG without width", resized(&small, 0, 4)),
            ("a PNG without height", resized(&small, 4, 0)),
            ("a column", resized(&zeros(8_000, 8_000), 1, 64_000_000)),
        ];
        for jpeg in &jpegs {
            bombs.push(("a JPEG of 65500 × 65500 pixels", sized(jpeg, 65_500, 65_500)));
            bombs.push(("a JPEG of 64 megapixels", sized(jpeg, 8_000, 8_000)));
            bombs.push(("a JPEG of 16 megapixels", sized(jpeg, 4_000, 4_000)));
            bombs.push(("a JPEG without width", sized(jpeg, 0, 9)));
            bombs.push(("a JPEG without height", sized(jpeg, 9, 0)));
            bombs.push(("a JPEG of 5000 scans", many_scans(jpeg)));
        }
        bombs.push(("a JPEG with 20 MB of EXIF", with_metadata(&jpegs[0])));
        let mut webp = vec![];
        image::RgbImage::new(4, 4)
            .write_to(&mut std::io::Cursor::new(&mut webp), image::ImageFormat::WebP)
            .unwrap();
        webp[21..25].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0x0F]);
        bombs.push(("a WebP of 16384 × 16384 pixels", webp.clone()));
        webp[21..25].copy_from_slice(&[0xFF, 0xFF, 0xCE, 0x03]);
        bombs.push(("a WebP of 64 megapixels", webp));
        for (name, bytes) in bombs {
            let started = Instant::now();
            look(bytes, name);
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "{name}: {:?}",
                started.elapsed()
            );
        }
    });
}
