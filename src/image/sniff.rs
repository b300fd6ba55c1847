//! What bytes are, by their content: names and extensions lie.

use ::image::ImageFormat;

/// The format of bytes that this crate decodes, or what they look like instead.
pub(super) fn format(bytes: &[u8]) -> Result<ImageFormat, &'static str> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Ok(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Ok(ImageFormat::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(ImageFormat::WebP),
        _ => Err(looks_like(bytes)),
    }
}

fn looks_like(bytes: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 12] = [
        (b"GIF8", "a GIF"),
        (b"BM", "a BMP"),
        (b"II*\0", "a TIFF"),
        (b"MM\0*", "a TIFF"),
        (b"%PDF", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive or office document"),
        (b"\x1f\x8b", "gzip-compressed data"),
        (b"PAR1", "a Parquet file"),
        (b"\0\0\x01\0", "a Windows icon"),
        (b"\xff\x0a", "a JPEG XL"),
        (b"8BPS", "a Photoshop document"),
        (
            b"version https://git-lfs",
            "a Git LFS pointer (the file was not downloaded)",
        ),
    ];
    if bytes.is_empty() {
        return "an empty file";
    }
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return name;
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return match bytes.get(8..12) {
            Some(b"avif" | b"avis") => "an AVIF",
            Some(b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1") => "a HEIC",
            _ => "a video",
        };
    }
    let head = &bytes[..bytes.len().min(512)];
    if head.iter().all(|&byte| byte == 0) {
        return "a file of zeros";
    }
    // The cut at 512 bytes may split a character: up to three bytes may then be missing.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if head.len() - error.valid_up_to() < 4 => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return "unknown binary data",
    };
    let start = text.trim_start_matches('\u{feff}').trim_start().to_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        "an HTML page"
    } else if start.starts_with("<svg") || (start.starts_with("<?xml") && start.contains("<svg")) {
        "an SVG drawing"
    } else if start.starts_with(['{', '[']) {
        "JSON text"
    } else if text.contains('\0') {
        "unknown binary data"
    } else {
        "text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_named() {
        for (bytes, name) in [
            (&b""[..], "an empty file"),
            (b"GIF89a..", "a GIF"),
            (b"  <!DOCTYPE html><p>", "an HTML page"),
            (b"%PDF-1.7", "a PDF document"),
            (b"\0\0\0\x18ftypheic", "a HEIC"),
            (b"\0\0\0\x18ftypavif", "an AVIF"),
            (b"{\"error\": 404}", "JSON text"),
            ("héllo".as_bytes(), "text"),
            (b"\xfe\x01\x02\x03\x04", "unknown binary data"),
        ] {
            assert_eq!(format(bytes), Err(name));
        }
        let mut long = vec![b'a'; 511];
        long.extend_from_slice("é".as_bytes());
        assert_eq!(format(&long), Err("text"));
    }
}
