//! A request as the body of a chat completion.

use super::HttpOptions;
use crate::model::Request;
use serde_json::{Map, Value, json};

/// Images stand before the text, in the request's order.
pub(super) fn chat(options: &HttpOptions, request: &Request, pictures: &[String]) -> Value {
    let mut content: Vec<Value> = pictures
        .iter()
        .map(|uri| match &options.image_detail {
            Some(detail) => json!({ "type": "image_url", "image_url": { "url": uri, "detail": detail } }),
            None => json!({ "type": "image_url", "image_url": { "url": uri } }),
        })
        .collect();
    let text = options.prompt_template.replace("{prompt}", &request.prompt);
    content.push(json!({ "type": "text", "text": text }));

    let system = request
        .system
        .iter()
        .map(|text| json!({ "role": "system", "content": text }));
    let messages: Vec<Value> = system
        .chain([json!({ "role": "user", "content": content })])
        .collect();

    let mut body = Map::new();
    let mut set = |name: &str, value: Value| {
        if !options.omit_fields.iter().any(|omitted| omitted == name) {
            body.insert(name.to_owned(), value);
        }
    };
    let sampling = &request.sampling;
    set("model", json!(options.model));
    set("messages", json!(messages));
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
    Value::Object(body)
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
        let body = chat(&options, &request, &["data:a".into(), "data:b".into()]);
        assert_eq!(
            body,
            json!({
                "model": "m",
                "messages": [
                    { "role": "system", "content": "Be terse." },
                    { "role": "user", "content": [
                        { "type": "image_url", "image_url": { "url": "data:a", "detail": "low" } },
                        { "type": "image_url", "image_url": { "url": "data:b", "detail": "low" } },
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
