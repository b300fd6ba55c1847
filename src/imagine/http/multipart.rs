//! A form with one file, as `images/edits` takes it (RFC 7578).

use crate::image::Fitted;
use crate::model::http::Payload;
use crate::row;
use serde_json::{Map, Value};

/// Text fields, then the image. The boundary is a hash of the whole content, which can therefore not
/// contain it; the same request has the same body.
pub(super) fn payload(fields: &Map<String, Value>, image: &Fitted) -> Payload {
    let texts: Vec<(&String, String)> = fields
        .iter()
        .map(|(name, value)| {
            (
                name,
                value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            )
        })
        .collect();
    let named = texts
        .iter()
        .flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]);
    let boundary = row::id(named.chain([&image.bytes[..]]));
    let mut body = Vec::with_capacity(image.bytes.len() + 1024);
    for (name, text) in &texts {
        let name = quoted(name);
        let part =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let media_type = image.media_type;
    let extension = media_type.trim_start_matches("image/");
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"image.{extension}\"\r\n\
         Content-Type: {media_type}\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&image.bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Payload {
        content_type: format!("multipart/form-data; boundary={boundary}"),
        body: body.into(),
        fields: fields.keys().cloned().collect(),
    }
}

/// Names come from the configuration; one with a quote or a line break must not end the header.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn the_form_as_the_standard_has_it() {
        let fields = serde_json::from_str(r#"{"prompt": "add a cat", "n": 1, "a\"b": true}"#).unwrap();
        let image = Fitted {
            bytes: Bytes::from_static(b"\x89PNG"),
            media_type: "image/png",
        };
        let payload = payload(&fields, &image);
        let boundary = payload
            .content_type
            .strip_prefix("multipart/form-data; boundary=")
            .unwrap();
        let text = String::from_utf8_lossy(&payload.body);
        let parts: Vec<&str> = text.split(&format!("--{boundary}")).collect();
        assert_eq!(parts.len(), 6);
        assert_eq!(
            parts[1],
            "\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nadd a cat\r\n"
        );
        assert_eq!(
            parts[2],
            "\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n1\r\n"
        );
        assert!(parts[3].contains("name=\"a%22b\""));
        assert!(
            parts[4].contains("filename=\"image.png\"\r\nContent-Type: image/png\r\n\r\n\u{fffd}PNG\r\n")
        );
        assert_eq!(parts[5], "--\r\n");
    }
}
