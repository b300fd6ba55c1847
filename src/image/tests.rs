//! Decoding against Pillow's pixels, and against bytes that mean harm.

use super::*;
use ::image::{DynamicImage, ImageBuffer, ImageFormat, Rgb, Rgba};
use proptest::prelude::*;
use std::io::Cursor;
use std::path::Path;

fn photo(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/photos");
    std::fs::read(folder.join(name)).unwrap()
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn grey_ramp(side: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]))
}

#[test]
fn every_fixture_has_pillows_pixels() {
    let expected: serde_json::Value = serde_json::from_slice(&photo("expected.json")).unwrap();
    let expected = expected.as_object().unwrap();
    assert!(expected.len() >= 20);
    for (name, expected) in expected {
        let decoded = decode(&photo(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (width, height) = decoded.pixels.dimensions();
        assert_eq!(expected["size"], serde_json::json!([width, height]), "{name}");
        // Lossless files may differ by the rounding of 16 bits or alpha, WebP by the transform's.
        let lossless = !name.starts_with("lossy");
        let tolerance = if name.ends_with("jpg") {
            0
        } else if lossless {
            1
        } else {
            6
        };
        for (index, point) in expected["points"].as_array().unwrap().iter().enumerate() {
            let (row, column) = (index as u32 / 4, index as u32 % 4);
            let (x, y) = (width * (2 * column + 1) / 8, height * (2 * row + 1) / 8);
            for (ours, theirs) in decoded
                .pixels
                .get_pixel(x, y)
                .0
                .iter()
                .zip(point.as_array().unwrap())
            {
                let difference = (i64::from(*ours) - theirs.as_i64().unwrap()).abs();
                assert!(
                    difference <= tolerance,
                    "{name} at {x},{y}: {ours} instead of {theirs}"
                );
            }
        }
    }
}

#[test]
fn every_layout_of_jpeg_has_exactly_pillows_pixels() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jpegs");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jpg") {
            let read = |path: &Path| decode(&std::fs::read(path).unwrap()).unwrap().pixels;
            let (ours, theirs) = (read(&path), read(&path.with_extension("png")));
            assert!(ours == theirs, "{}", path.display());
            seen += 1;
        }
    }
    assert_eq!(seen, 18);
}

#[test]
fn sixteen_bits_become_eight_and_alpha_lies_over_white() {
    let deep = ImageBuffer::from_pixel(3, 2, Rgb([65_535_u16, 257 * 100, 0]));
    let decoded = decode(&encoded(DynamicImage::ImageRgb16(deep), ImageFormat::Png)).unwrap();
    assert_eq!(
        (decoded.pixels.get_pixel(2, 1).0, decoded.format),
        ([255, 100, 0], "png")
    );

    let clear = ImageBuffer::from_pixel(3, 2, Rgba([10_u8, 20, 30, 0]));
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let decoded = decode(&encoded(clear.clone(), format)).unwrap();
        assert_eq!(decoded.pixels.get_pixel(0, 0).0, [255; 3]);
    }
}

#[test]
fn cut_images_are_called_truncated() {
    for (format, name) in [
        (ImageFormat::Jpeg, "jpeg"),
        (ImageFormat::Png, "png"),
        (ImageFormat::WebP, "webp"),
    ] {
        let whole = encoded(grey_ramp(64), format);
        assert!(decode(&whole).is_ok());
        for part in [whole.len() / 2, whole.len() - 40] {
            let error = decode(&whole[..part]).unwrap_err();
            assert_eq!(
                error,
                DecodeError::Truncated { format: name },
                "{part} of {} bytes",
                whole.len()
            );
        }
    }
}

#[test]
fn a_webp_is_not_believed_what_its_chunks_claim() {
    let mut webp = encoded(grey_ramp(8), ImageFormat::WebP);
    webp.extend_from_slice(b"EXIF\xFF\xFF\xFF\x7F");
    let length = webp.len() as u32 - 8;
    webp[4..8].copy_from_slice(&length.to_le_bytes());
    assert_eq!(
        decode(&webp).unwrap_err(),
        DecodeError::Truncated { format: "webp" }
    );
    assert!(
        fit(
            &webp.into(),
            Fit {
                max_side: 4,
                max_bytes: 100
            }
        )
        .is_err()
    );
}

#[test]
fn bytes_after_the_end_do_no_harm() {
    let mut jpeg = encoded(grey_ramp(64), ImageFormat::Jpeg);
    jpeg.extend_from_slice(b"a motion photo's video");
    assert!(decode(&jpeg).is_ok());
}

#[test]
fn a_huge_image_is_refused_from_its_header() {
    // A PNG that declares 20 000 × 20 000 pixels in 60 bytes; its CRC is right.
    let mut header = b"IHDR".to_vec();
    header.extend_from_slice(&20_000_u32.to_be_bytes());
    header.extend_from_slice(&20_000_u32.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bomb.extend_from_slice(&header);
    bomb.extend_from_slice(&crc32(&header).to_be_bytes());
    let data = b"IDAT\x78\x9c\x03\x00\x00\x00\x00\x01";
    bomb.extend_from_slice(&(data.len() as u32 - 4).to_be_bytes());
    bomb.extend_from_slice(data);
    bomb.extend_from_slice(&crc32(data).to_be_bytes());
    let error = decode(&bomb).unwrap_err();
    assert_eq!(
        error.to_string(),
        "png image of 20000×20000 pixels is too large: the limit is 64 megapixels"
    );
    // Fewer pixels, but in memory more than allowed.
    let small = Limits {
        max_bytes: 1_000,
        ..Limits::default()
    };
    let error = decode_within(&encoded(grey_ramp(32), ImageFormat::WebP), small).unwrap_err();
    assert!(matches!(error, DecodeError::TooLarge { .. }), "{error}");
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}

#[test]
fn modes_without_a_decoder_are_named() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jpegs/420_q85.jpg");
    let bytes = std::fs::read(file).unwrap();
    let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    let problem = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[frame + at] = value;
        decode(&bytes).unwrap_err().to_string()
    };
    assert_eq!(
        problem(4, 12),
        "unsupported jpeg image: 12 bits a channel; save it with 8"
    );
    assert!(problem(1, 0xC3).starts_with("unsupported jpeg image: lossless"));
    assert_eq!(problem(6, 0), "broken jpeg image: a size of 37×0 pixels");
}

#[test]
fn a_name_proves_nothing() {
    let error = decode(b"<html><body>404</body></html>").unwrap_err();
    assert_eq!(
        error.to_string(),
        "not a JPEG, PNG or WebP image: the content looks like an HTML page"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// `decode` turns a decoder's panic into an error of these words; none is known, so none may come.
    #[test]
    fn mutated_bytes_never_panic(
        file in prop::sample::select(vec![
            "cmyk.jpg", "ycck.jpg", "progressive.jpg", "grey16.png", "palette_transparent.png", "alpha.webp",
            "lossy.webp", "orientation_6.jpg",
        ]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = photo(file);
        for (index, value) in edits {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        if let Err(DecodeError::Broken { reason, .. }) = decode(&bytes) {
            prop_assert!(reason != "the decoder gave up");
        }
    }
}
