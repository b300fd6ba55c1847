//! Encoded images: decoded, hashed and made fit for a model, in bounded memory.
#![no_main]

use auditdm::image::{DecodeError, Fit, Limits, decode_within, fit, perceptual_hash};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        max_pixels: 1_000_000,
        max_bytes: 16 << 20,
    };
    match decode_within(bytes, limits) {
        Ok(image) => {
            let _ = perceptual_hash(&image.pixels);
            let small = Fit {
                max_side: 64,
                max_bytes: 4_000,
            };
            assert!(fit(&bytes.to_vec().into(), small).is_ok_and(|fitted| fitted.bytes.len() <= 4_000));
        }
        Err(DecodeError::Broken { reason, .. }) => assert_ne!(reason, "the decoder gave up"),
        Err(_) => {}
    }
});
