//! What a server's refusal means: worth another try, final for this request, or final for the run.

use crate::model::{CallError, Trouble};
use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::Value;
use url::Url;

/// Longest text of a server that is kept, in characters.
const LONGEST_MESSAGE: usize = 300;

pub(crate) fn transient(message: impl Into<String>, retry_after_s: Option<u64>) -> CallError {
    CallError::Transient {
        message: message.into(),
        retry_after_s,
        trouble: Trouble::Other,
    }
}

pub(crate) fn refused(message: impl Into<String>) -> CallError {
    CallError::Refused {
        message: message.into(),
    }
}

pub(super) fn fatal(message: impl Into<String>) -> CallError {
    CallError::Fatal {
        message: message.into(),
    }
}

/// The kind of error by status, code and text; `fields` are those that the request's body had.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, text: &str, fields: &[String]) -> CallError {
    let said = Said::read(text);
    let message = format!("{status}: {}", said.message);
    // Services answer 403 to a flagged image and 429 to an empty account: the code knows better.
    if said.is_policy() {
        return refused(message);
    }
    if said.code.contains("insufficient_quota") {
        return fatal(format!("{message} (the account has no credit left)"));
    }
    match status.as_u16() {
        status @ (408 | 409 | 425 | 429 | 500..) => CallError::Transient {
            message,
            retry_after_s: retry_after_s(headers, Utc::now()),
            trouble: match status {
                429 => Trouble::Busy,
                503 | 529 => Trouble::Overloaded,
                _ => Trouble::Other,
            },
        },
        300..=399 => {
            let location = headers
                .get(LOCATION)
                .and_then(|to| to.to_str().ok())
                .unwrap_or("elsewhere");
            fatal(format!(
                "{status}: the server redirects to {}: set url to that",
                shorten(location)
            ))
        }
        401..=405 => fatal(message),
        _ if said.parameter.as_ref().is_some_and(|name| fields.contains(name)) => {
            let name = said.parameter.unwrap_or_default();
            fatal(format!(
                "{message} (leave the field out: omit_fields = [\"{name}\"])"
            ))
        }
        _ => refused(message),
    }
}

/// Adds to a final error what a user can do about it.
pub(super) fn with_remedy(
    error: CallError,
    status: StatusCode,
    base: &Url,
    model: &str,
    variable: Option<&str>,
) -> CallError {
    let CallError::Fatal { message } = error else {
        return error;
    };
    let remedy = match (status.as_u16(), variable) {
        (401 | 403, None) => "name the variable that holds the key in api_key_env".to_owned(),
        (401 | 403, Some(variable)) => format!("check the key in the variable `{variable}`"),
        (404 | 405, _) => {
            format!("check that {base} is the API's base (often ends in /v1) and serves `{model}`")
        }
        _ => return CallError::Fatal { message },
    };
    fatal(format!("{message}; {remedy}"))
}

/// The parts of an error's body, in whichever of the usual forms it comes.
struct Said {
    message: String,
    /// Code and type together, lower-case.
    code: String,
    /// The field that the server complains about; the messages are no option to leave out.
    parameter: Option<String>,
    /// A moderation service listed its reasons.
    flagged: bool,
}

impl Said {
    fn read(text: &str) -> Self {
        let body: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        let error = body.get("error").unwrap_or(&body);
        let message = [&error["message"], &error["detail"], error]
            .into_iter()
            .find_map(Value::as_str)
            .map_or_else(|| text.to_owned(), str::to_owned);
        let word = |name: &str| match &error[name] {
            Value::String(word) => word.to_lowercase(),
            _ => String::new(),
        };
        let message = shorten(&message);
        Self {
            message: if message.is_empty() {
                "no message".into()
            } else {
                message
            },
            code: format!("{} {}", word("code"), word("type")),
            parameter: error["param"]
                .as_str()
                .filter(|name| !matches!(*name, "messages" | "prompt" | "image"))
                .map(str::to_owned),
            flagged: error["metadata"]["reasons"].is_array(),
        }
    }

    fn is_policy(&self) -> bool {
        let policy = ["content_filter", "content_policy", "moderation"];
        self.flagged || policy.iter().any(|word| self.code.contains(word))
    }
}

/// What the body of a successful reply says if it is an error after all, as some gateways have it.
pub(super) fn inside_success(body: &Value) -> Option<CallError> {
    let error = body.get("error").filter(|error| !error.is_null())?;
    let code = error["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let status = code
        .and_then(|code| StatusCode::from_u16(code).ok())
        .unwrap_or(StatusCode::BAD_GATEWAY);
    Some(classify(status, &HeaderMap::new(), &body.to_string(), &[]))
}

/// Retry-After in seconds, given as a number or as a date.
fn retry_after_s(headers: &HeaderMap, now: DateTime<Utc>) -> Option<u64> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0).then_some(seconds.ceil() as u64);
    }
    let until = DateTime::parse_from_rfc2822(value).ok()?;
    Some((until.to_utc() - now).num_seconds().max(0) as u64)
}

/// A server's text on one line, without control characters and not too long.
pub(super) fn shorten(text: &str) -> String {
    let line: String = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .take(LONGEST_MESSAGE)
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> CallError {
        let fields = ["model".to_owned(), "seed".to_owned()];
        classify(
            StatusCode::from_u16(status).unwrap(),
            &HeaderMap::new(),
            body,
            &fields,
        )
    }

    #[test]
    fn statuses_fall_into_three_kinds() {
        for status in [408, 429, 500, 502, 503, 529] {
            assert!(matches!(of(status, ""), CallError::Transient { .. }), "{status}");
        }
        for status in [400, 413, 415, 422] {
            assert!(matches!(of(status, ""), CallError::Refused { .. }), "{status}");
        }
        for status in [301, 307, 401, 402, 403, 404, 405] {
            assert!(matches!(of(status, ""), CallError::Fatal { .. }), "{status}");
        }
    }

    #[test]
    fn codes_know_better_than_statuses() {
        let quota = r#"{"error":{"message":"You exceeded your quota","code":"insufficient_quota"}}"#;
        assert!(matches!(of(429, quota), CallError::Fatal { .. }));
        let flagged = r#"{"error":{"message":"flagged","metadata":{"reasons":["violence"]}}}"#;
        assert!(matches!(of(403, flagged), CallError::Refused { .. }));
        let policy = r#"{"error":{"message":"blocked","code":"content_policy_violation"}}"#;
        assert!(matches!(of(500, policy), CallError::Refused { .. }));
        let unknown = r#"{"error":{"message":"unsupported","param":"seed"}}"#;
        assert!(of(400, unknown).to_string().contains("omit_fields = [\"seed\"]"));
        let image = r#"{"error":{"message":"too large","param":"messages"}}"#;
        assert!(matches!(of(400, image), CallError::Refused { .. }));
    }

    #[test]
    fn messages_of_all_forms_are_found_and_short() {
        for body in [
            r#"{"error":{"message":"bad image"}}"#,
            r#"{"error":"bad image"}"#,
            r#"{"message":"bad image","object":"error"}"#,
            r#"{"detail":"bad image"}"#,
            "bad\n\u{7}  image",
        ] {
            assert_eq!(of(400, body).to_string(), "400 Bad Request: bad image", "{body}");
        }
        assert_eq!(of(500, "").to_string(), "500 Internal Server Error: no message");
        assert_eq!(shorten(&"é".repeat(100_000)).chars().count(), LONGEST_MESSAGE + 1);
        assert!(shorten(&"é ".repeat(100_000)).chars().count() <= LONGEST_MESSAGE + 1);
    }

    #[test]
    fn waits_come_as_numbers_and_dates() {
        let now = DateTime::parse_from_rfc3339("2015-10-21T07:27:00Z")
            .unwrap()
            .to_utc();
        let wait = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            retry_after_s(&headers, now)
        };
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait("0.2"), Some(1));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(60));
        assert_eq!(wait("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        assert_eq!((wait("soon"), wait("-3"), wait("inf")), (None, None, None));
    }
}
