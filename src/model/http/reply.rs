//! A chat completion's body as an answer; every field of it may be missing or of the wrong type.

use super::failure::{self, refused, shorten, transient};
use crate::model::{CallError, Completion};
use serde_json::Value;

/// A reply that could be read: an answer or a refusal, either of which may have cost tokens.
pub(super) struct Answered {
    pub(super) outcome: Result<Completion, CallError>,
    pub(super) usage: Usage,
}

/// Tokens as the server counts them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) tokens_in: Option<i64>,
    pub(crate) tokens_out: Option<i64>,
}

/// Reads a chat's reply.
pub(super) fn parse(bytes: &[u8], max_tokens: usize) -> Result<Answered, CallError> {
    let body = document(bytes)?;
    let choice = &body["choices"][0];
    if !choice.is_object() {
        return Err(transient(
            "the reply has no choices: is url the base of a chat API?",
            None,
        ));
    }
    Ok(Answered {
        outcome: completion(choice, max_tokens),
        usage: Usage {
            tokens_in: body["usage"]["prompt_tokens"].as_i64(),
            tokens_out: body["usage"]["completion_tokens"].as_i64(),
        },
    })
}

/// Reads a reply's JSON. What is none is an error worth another try: a proxy's page or a body cut short
/// says nothing about the request.
pub(crate) fn document(bytes: &[u8]) -> Result<Value, CallError> {
    let body: Value = serde_json::from_slice(bytes).map_err(|error| {
        let start = shorten(&String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
        transient(format!("the reply is not JSON ({error}): {start}"), None)
    })?;
    match failure::inside_success(&body) {
        Some(error) => Err(error),
        None => Ok(body),
    }
}

fn completion(choice: &Value, max_tokens: usize) -> Result<Completion, CallError> {
    let message = &choice["message"];
    let finish_reason = choice["finish_reason"]
        .as_str()
        .filter(|reason| !reason.is_empty());
    let finish_reason = finish_reason.unwrap_or("unknown").to_owned();
    if let Some(refusal) = message["refusal"].as_str().filter(|text| !text.is_empty()) {
        return Err(refused(format!("the model refused: {}", shorten(refusal))));
    }
    if finish_reason == "content_filter" {
        return Err(refused("the server's content filter withheld the answer"));
    }
    let Some(text) = text(&message["content"]) else {
        return Err(refused(match finish_reason.as_str() {
            "length" => {
                format!("no text within max_tokens = {max_tokens}: raise it for models that think first")
            }
            reason => format!("the reply has no text (finish_reason: {})", shorten(reason)),
        }));
    };
    let tokens = choice["logprobs"]["content"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let log_probabilities = all(tokens, |token| {
        token["logprob"].as_f64().map(|value| value as f32)
    });
    Ok(Completion {
        text,
        finish_reason: shorten(&finish_reason),
        token_ids: token_ids(choice, tokens),
        log_probabilities: log_probabilities.unwrap_or_default(),
    })
}

/// The ids of the answer's tokens: vLLM tells them as a list (`return_token_ids` in `extra_body`) or in
/// place of the tokens' text (`return_tokens_as_token_ids`), llama.cpp beside each log-probability.
///
/// Ids that do not stand one to one beside the log-probabilities are left out.
fn token_ids(choice: &Value, tokens: &[Value]) -> Vec<u32> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let named = |token: &Value| token["token"].as_str()?.strip_prefix("token_id:")?.parse().ok();
    choice["token_ids"]
        .as_array()
        .and_then(|ids| all(ids, id))
        .or_else(|| all(tokens, |token| id(&token["id"]).or_else(|| named(token))))
        .filter(|ids| tokens.is_empty() || ids.len() == tokens.len())
        .unwrap_or_default()
}

/// The content as a string or as a list of text parts.
fn text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            (!texts.is_empty()).then(|| texts.concat())
        }
        _ => None,
    }
}

/// Every value or none: a list with holes would stand beside the wrong tokens.
fn all<T>(values: &[Value], read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    values.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn outcome(body: &Value) -> Result<Completion, CallError> {
        parse(body.to_string().as_bytes(), 64)?.outcome
    }

    #[test]
    fn answers_with_all_that_servers_tell() {
        let body = json!({
            "choices": [{
                "message": { "role": "assistant", "content": "two dogs" },
                "finish_reason": "stop",
                "logprobs": { "content": [
                    { "token": "token_id:107", "logprob": -0.5 },
                    { "token": "token_id:9", "logprob": -1.25 },
                ] },
            }],
            "usage": { "prompt_tokens": 300, "completion_tokens": 2 },
        });
        let answered = parse(body.to_string().as_bytes(), 64).unwrap();
        assert_eq!(
            (answered.usage.tokens_in, answered.usage.tokens_out),
            (Some(300), Some(2))
        );
        let completion = answered.outcome.unwrap();
        assert_eq!(completion.log_probabilities, [-0.5, -1.25]);
        assert_eq!(completion.token_ids, [107, 9]);
        assert_eq!(
            (completion.text.as_str(), completion.finish_reason.as_str()),
            ("two dogs", "stop")
        );
    }

    #[test]
    fn lists_with_holes_are_left_out() {
        let body = json!({ "choices": [{
            "message": { "content": [{ "type": "text", "text": "a " }, { "type": "text", "text": "b" }] },
            "logprobs": { "content": [{ "token": "a", "logprob": -0.5 }, { "token": "b", "logprob": null }] },
            "token_ids": [1, -2],
        }] });
        let completion = outcome(&body).unwrap();
        assert_eq!(
            (completion.text.as_str(), completion.finish_reason.as_str()),
            ("a b", "unknown")
        );
        assert!(completion.log_probabilities.is_empty() && completion.token_ids.is_empty());
    }

    #[test]
    fn ids_stand_one_to_one_beside_log_probabilities() {
        let ids = |choice: Value| {
            let tokens = choice["logprobs"]["content"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            token_ids(&choice, &tokens)
        };
        let token = json!({ "id": 5, "token": "a", "logprob": -0.5 });
        assert_eq!(ids(json!({ "logprobs": { "content": [token, token] } })), [5, 5]);
        assert_eq!(ids(json!({ "token_ids": [7] })), [7]);
        assert!(ids(json!({ "token_ids": [7, 8], "logprobs": { "content": [token] } })).is_empty());
    }

    #[test]
    fn no_text_is_refused_with_its_reason() {
        for (choice, word) in [
            (
                json!({ "message": { "content": null, "refusal": "I cannot" } }),
                "I cannot",
            ),
            (
                json!({ "message": { "content": "x" }, "finish_reason": "content_filter" }),
                "filter",
            ),
            (
                json!({ "message": { "content": null }, "finish_reason": "length" }),
                "max_tokens = 64",
            ),
            (
                json!({ "message": { "content": null }, "finish_reason": "stop" }),
                "no text",
            ),
            (json!({}), "no text"),
        ] {
            let error = outcome(&json!({ "choices": [choice] })).unwrap_err();
            assert!(
                matches!(error, CallError::Refused { .. }) && error.to_string().contains(word),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_no_completion_is_worth_another_try() {
        for body in [
            "",
            "<html>502</html>",
            r#"{"choices":[{"mess"#,
            "{}",
            r#"{"choices":[]}"#,
            "[]",
            "3",
        ] {
            let error = parse(body.as_bytes(), 64).map(|_| ()).unwrap_err();
            assert!(matches!(error, CallError::Transient { .. }), "{body}: {error}");
        }
        let wrapped = json!({ "error": { "message": "no such model", "code": 404 } });
        assert!(matches!(outcome(&wrapped), Err(CallError::Fatal { .. })));
        let overloaded = json!({ "error": { "message": "overloaded" }, "choices": [] });
        assert!(matches!(outcome(&overloaded), Err(CallError::Transient { .. })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes, 8);
        }
    }
}
