//! How the tokens of an answer are drawn.

/// Greedy unless told otherwise.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f64,
    /// Nucleus; 1 keeps everything.
    pub top_p: f64,
    /// Longest answer in tokens.
    pub max_tokens: usize,
    /// Strings that end the answer.
    pub stop: Vec<String>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            max_tokens: 64,
            stop: Vec::new(),
        }
    }
}
