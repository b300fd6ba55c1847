//! A painter in this process: FLUX.1 or FLUX.1-Kontext, on a thread of its own that owns the weights.
//!
//! In: a caption, or an image and an instruction. Out: a PNG that depends on the request, the options and the weights alone:
//! requests are painted one by one. A painting that nobody waits for any more ends at the next step. Left out: batches.

use super::{DrawRequest, Drawing, Drawn, Painter};
use crate::error::{Error, Result};
use crate::flux::{Flux, Kind, Order, Size};
use crate::hub;
use crate::image::decode;
use crate::model::{Attempt, CallError, EncodedImage, ModelCard};
use crate::row::content_id;
use crate::vlm;
use ::image::{ImageFormat, RgbImage};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::Cursor;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Requests that wait for the weights.
const WAITING: usize = 2;
/// Longest side in pixels: twice what the networks were trained on.
const LONGEST: usize = 2048;

/// What a user says about a painter in this process: one section of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocalPainterOptions {
    /// A folder in the layout of diffusers (`model_index.json`) with FLUX.1 or FLUX.1-Kontext, or the name of such a model on
    /// the hub, `org/name` or `org/name@revision`.
    pub path: String,
    /// Steps from noise to image; 4 for FLUX.1-schnell and 28 for others if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// How closely the text is followed; FLUX.1-schnell does not read it.
    pub guidance: f64,
    /// Size of painted images, e.g. `1024x1024`; an edit has about as many pixels in its image's shape.
    pub size: String,
    /// Another number paints other images of the same probes.
    pub seed: u64,
}

impl Default for LocalPainterOptions {
    fn default() -> Self {
        Self {
            path: String::new(),
            steps: None,
            guidance: 3.5,
            size: "1024x1024".to_owned(),
            seed: 0,
        }
    }
}

impl LocalPainterOptions {
    /// What is wrong with these options, one line a problem; the folder is not looked at.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.path.is_empty() {
            problems.push(
                "path is missing: name a folder with model_index.json, or a model of the hub".to_owned(),
            );
        }
        if self.steps.is_some_and(|steps| !(1..=1000).contains(&steps)) {
            problems.push("steps must be from 1 to 1000".to_owned());
        }
        if !(self.guidance >= 0.0 && self.guidance <= 100.0) {
            problems.push("guidance must be from 0 to 100".to_owned());
        }
        if self.pixels().is_none() {
            problems.push(format!(
                "size `{}` is none: write WIDTHxHEIGHT with sides of at most {LONGEST}, e.g. 1024x1024",
                self.size
            ));
        }
        problems
    }

    fn pixels(&self) -> Option<Size> {
        let (width, height) = self.size.split_once('x')?;
        let side = |text: &str| text.parse().ok().filter(|side| (1..=LONGEST).contains(side));
        Some((side(width)?, side(height)?))
    }
}

/// One request, and where its drawing goes.
struct Job {
    request: DrawRequest,
    drawing: oneshot::Sender<Drawing>,
}

/// A loaded painter behind its thread.
pub struct LocalPainter {
    card: ModelCard,
    kind: Kind,
    jobs: mpsc::Sender<Job>,
}

impl LocalPainter {
    /// Loads the weights and starts the thread.
    pub fn open(options: &LocalPainterOptions) -> Result<Self> {
        let name = hub::short_name(&options.path);
        let problem = |problem: String| Error::Model {
            model: name.clone(),
            problem,
        };
        let wrong = options.validate();
        let Some(size) = options.pixels().filter(|_| wrong.is_empty()) else {
            return Err(problem(wrong.join("; ")));
        };
        let folder = hub::folder(&options.path)?;
        let flux = Flux::load(&folder, &vlm::device()?)?;
        let unit = flux.unit();
        if !size.0.is_multiple_of(unit) || !size.1.is_multiple_of(unit) {
            return Err(problem(format!(
                "size `{}` cannot be painted: width and height must be multiples of {unit}",
                options.size
            )));
        }
        let steps = options.steps.unwrap_or(flux.usual_steps());
        let (guidance, seed) = (options.guidance, options.seed);
        let sampling = json!({"size": options.size, "steps": steps, "guidance": guidance, "seed": seed});
        let revision = Flux::revision(&folder)?;
        let card = ModelCard::new("painter", &name, revision, "{prompt}", sampling.to_string(), "");
        let kind = flux.kind();
        let (jobs, mut inbox) = mpsc::channel::<Job>(WAITING);
        std::thread::Builder::new()
            .name(format!("painter {name}"))
            .spawn(move || {
                while let Some(Job { request, drawing }) = inbox.blocking_recv() {
                    // Whoever asked may have gone; then there is nobody to tell.
                    if drawing.is_closed() {
                        continue;
                    }
                    let (started_at, clock) = (Utc::now(), Instant::now());
                    let gone = || drawing.is_closed();
                    let paint = |base: Option<&RgbImage>| {
                        let order = Order {
                            text: &request.instruction,
                            base,
                            size,
                            steps,
                            guidance,
                            seed: request.seed.wrapping_add(seed),
                        };
                        flux.paint(&order, &gone)
                    };
                    let outcome = outcome(kind, &request, paint);
                    let attempt = Attempt {
                        started_at,
                        latency_ms: clock.elapsed().as_secs_f64() * 1e3,
                        tokens_in: None,
                        tokens_out: None,
                        error: outcome.as_ref().err().cloned(),
                    };
                    let attempts = vec![attempt];
                    let _ = drawing.send(Drawing { outcome, attempts });
                }
            })
            .map_err(|error| problem(format!("cannot start its thread: {error}")))?;
        Ok(Self { card, kind, jobs })
    }

    /// Whether it edits images, or paints from captions alone.
    #[must_use]
    pub fn edits(&self) -> bool {
        self.kind == Kind::Kontext
    }
}

/// What comes of a request.
fn outcome(
    kind: Kind,
    request: &DrawRequest,
    paint: impl Fn(Option<&RgbImage>) -> Result<Option<RgbImage>>,
) -> Result<Drawn, CallError> {
    let refused = |message: String| CallError::Refused { message };
    let base = match &request.base {
        Some(_) if kind == Kind::Flux => {
            return Err(refused(
                "FLUX.1 paints from captions alone; FLUX.1-Kontext edits".to_owned(),
            ));
        }
        Some((image, _)) => {
            let decoded = decode(&image.bytes);
            Some(decoded.map_err(|error| refused(format!("the image to edit cannot be read: {error}")))?)
        }
        None => None,
    };
    let failed = |message: String| CallError::Fatal { message };
    let painted = paint(base.as_ref().map(|decoded| &decoded.pixels))
        .map_err(|error| failed(format!("the local painter failed: {error}")))?
        .ok_or_else(|| failed("nobody waits for the image".to_owned()))?;
    let mut bytes = Vec::new();
    let written = painted.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png);
    written.map_err(|error| failed(format!("the image cannot be written: {error}")))?;
    Ok(Drawn {
        image: EncodedImage::new(content_id(&bytes), bytes),
        scene: None,
    })
}

#[async_trait::async_trait]
impl Painter for LocalPainter {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    async fn draw(&self, request: DrawRequest) -> Drawing {
        let (started_at, clock) = (Utc::now(), Instant::now());
        let (drawing, result) = oneshot::channel();
        let sent = self.jobs.send(Job { request, drawing }).await.is_ok();
        if sent && let Ok(drawing) = result.await {
            return drawing;
        }
        let error = CallError::Fatal {
            message: "the painter's thread has stopped; see the log".into(),
        };
        Drawing {
            outcome: Err(error.clone()),
            attempts: vec![Attempt {
                started_at,
                latency_ms: clock.elapsed().as_secs_f64() * 1e3,
                tokens_in: None,
                tokens_out: None,
                error: Some(error),
            }],
        }
    }
}

#[cfg(test)]
mod tests;
