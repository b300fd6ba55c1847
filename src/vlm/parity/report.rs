//! What a comparison with a fixture found, for programs and for people.

use std::fmt;

/// What a checkpoint is.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// In words.
    pub architecture: String,
    /// Numbers that the network uses.
    pub parameters: usize,
    /// Tokens that an image becomes.
    pub image_tokens: usize,
    /// Side of the square that an image becomes, in pixels.
    pub image_side: usize,
    /// As stored; computed in f32.
    pub dtype: String,
}

/// What differs from the fixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Differences {
    /// Largest absolute difference of a logit to the fixture's, over rows that are not padding.
    pub logits: f32,
    /// The same between a batch and its rows alone.
    pub batched: f32,
    /// The same between decoding with a cache and the whole sequence at once.
    pub cached: f32,
    /// Row and place of the first greedy token that differs, with ours and theirs.
    pub first_token: Option<(usize, usize, u32, u32)>,
    /// Greedy tokens compared.
    pub tokens: usize,
}

/// The outcome of [`verify`].
#[derive(Debug, Clone, PartialEq)]
pub struct ParityReport {
    /// What was loaded.
    pub description: Description,
    /// What a fixture found.
    pub differences: Option<Differences>,
    /// What is allowed.
    pub tolerance: f64,
}

impl ParityReport {
    /// Whether everything lies within the tolerance (also when nothing was compared).
    pub fn passed(&self) -> bool {
        self.differences.as_ref().is_none_or(|found| {
            let within = |difference: f32| f64::from(difference) <= self.tolerance; // NaN is not
            within(found.logits)
                && within(found.batched)
                && within(found.cached)
                && found.first_token.is_none()
        })
    }
}

impl fmt::Display for ParityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Description {
            architecture,
            parameters,
            image_tokens,
            image_side,
            dtype,
        } = &self.description;
        writeln!(f, "architecture  {architecture}")?;
        writeln!(
            f,
            "parameters    {:.1} M, stored as {dtype}",
            *parameters as f64 / 1e6
        )?;
        if *image_tokens > 0 {
            writeln!(f, "image         {image_side} px, {image_tokens} tokens")?;
        }
        let Some(found) = &self.differences else {
            return Ok(());
        };
        writeln!(
            f,
            "logits        {:.1e} largest difference to the fixture",
            found.logits
        )?;
        match found.first_token {
            None => writeln!(f, "greedy        {} tokens equal", found.tokens)?,
            Some((row, at, ours, theirs)) => {
                writeln!(
                    f,
                    "greedy        row {row}, token {at}: {ours} here, {theirs} in the fixture"
                )?;
            }
        }
        writeln!(
            f,
            "batched       {:.1e} largest difference to single rows",
            found.batched
        )?;
        writeln!(
            f,
            "cached        {:.1e} largest difference to the full pass",
            found.cached
        )?;
        let verdict = if self.passed() { "passed" } else { "FAILED" };
        writeln!(f, "{verdict} at a tolerance of {:.0e}", self.tolerance)
    }
}
