//! A request as the body of a chat completion.

use super::{HttpOptions, Payload};
use crate::image::Fitted;
use crate::model::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Images stand before the text, in the request's order. They are most of the body and are encoded straight
/// into it: a tree of values would copy and escape them several times.
pub(super) fn chat(options: &HttpOptions, request: &Request, pictures: &[Fitted]) -> Payload {
    let picture_byte: usize = pictures.iter().map(|picture| picture.bytes.len()).sum();
    let mut text = String::with_capacity(picture_byte / 3 * 4 + request.prompt.len() + 2048);
    text.push_str(r#"{"messages":["#);
    if let Some(system) = &request.system {
        text.push_str(&json!({ "role": "system", "content": system }).to_string());
        text.push(',');
    }
    text.push_str(r#"{"role":"user","content":["#);
    let detail = options.image_detail.as_ref();
    let detail = detail.map_or_else(String::new, |detail| format!(r#","detail":{}"#, json!(detail)));
    for Fitted { bytes, media_type } in pictures {
        text.extend([
            r#"{"type":"image_url","image_url":{"url":"data:"#,
            media_type,
            ";base64,",
        ]);
        STANDARD.encode_string(bytes, &mut text);
        text.extend(["\"", &detail, "}},"]);
    }
    let prompt = options.prompt_template.replace("{prompt}", &request.prompt);
    text.push_str(&json!({ "type": "text", "text": prompt }).to_string());
    text.push_str("]}]");

    let rest = rest(options, request);
    let fields = rest.keys().cloned().chain(["messages".to_owned()]).collect();
    for (name, value) in rest {
        text.extend([",", &Value::from(name).to_string(), ":", &value.to_string()]);
    }
    text.push('}');
    Payload {
        content_type: "application/json".into(),
        body: text.into(),
        fields,
    }
}

/// The fields beside the messages.
fn rest(options: &HttpOptions, request: &Request) -> Map<String, Value> {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| {
        if !options.omit_fields.iter().any(|omitted| omitted == name) {
            body.insert(name.to_owned(), value);
        }
    };
    let sampling = &request.sampling;
    set("model", json!(options.model));
    set("max_tokens", json!(sampling.max_tokens));
    set("temperature", json!(sampling.temperature));
    set("top_p", json!(sampling.top_p));
    // 31 bits: some servers keep seeds in a C int, and llama.cpp takes the largest u32 for "any".
    set("seed", json!(request.seed & 0x7fff_ffff));
    if !sampling.stop.is_empty() {
        set("stop", json!(sampling.stop));
    }
    if options.log_probabilities {
        set("logprobs", json!(true));
    }
    body.extend(options.extra_body.clone());
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::conformance;

    #[test]
    fn the_body_as_servers_expect_it() {
        let options = HttpOptions {
            model: "m".into(),
            prompt_template: "{prompt} Answer briefly.".into(),
            image_detail: Some("low".into()),
            log_probabilities: true,
            extra_body: serde_json::from_str(r#"{"top_k": 1, "temperature": 0.5}"#).unwrap(),
            omit_fields: vec!["top_p".into()],
            ..HttpOptions::default()
        };
        let mut request = conformance::requests(1).remove(0);
        request.system = Some("Be terse.".into());
        request.sampling.stop = vec!["\n".into()];
        request.seed = u64::MAX;
        let picture = |bytes: &'static [u8], media_type| Fitted {
            bytes: bytes.into(),
            media_type,
        };
        let pictures = [picture(b"ab", "image/png"), picture(b"", "image/webp")];
        let payload = chat(&options, &request, &pictures);
        assert_eq!(
            serde_json::from_slice::<Value>(&payload.body).unwrap(),
            json!({
                "model": "m",
                "messages": [
                    { "role": "system", "content": "Be terse." },
                    { "role": "user", "content": [
                        { "type": "image_url", "image_url": { "url": "data:image/png;base64,YWI=", "detail": "low" } },
                        { "type": "image_url", "image_url": { "url": "data:image/webp;base64,", "detail": "low" } },
                        { "type": "text", "text": "What is thing 0? Answer briefly." },
                    ] },
                ],
                "max_tokens": 64,
                "temperature": 0.5,
                "seed": 2_147_483_647,
                "stop": ["\n"],
                "logprobs": true,
                "top_k": 1,
            })
        );
    }
}
