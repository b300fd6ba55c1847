//! The stage: painters carry out what edit and generation probes ask for.
//!
//! In: pairs with a question. Out: the pairs that have an image to ask about, their rows finished. A
//! painter's refusal is a row with its reason; a call that failed for now leaves the probe to a later run.

use super::{DrawRequest, Drawing, Painter};
use crate::diverge::{Truth, answer_type};
use crate::image::{decode, perceptual_hash};
use crate::lab;
use crate::lab::scene::Scene;
use crate::model::{CallError, EncodedImage, calls};
use crate::probe::{Pair, Perturbed, SOURCE, Strategy};
use crate::progress::ModelProgress;
use crate::row::{Category, ImageBytesRow, ImageRow, Role, Rows, id};
use chrono::Utc;
use futures::future::join_all;
use std::sync::Arc;

/// Draws what the pairs need.
pub async fn draw(
    pairs: Vec<Pair>,
    painter: Option<(&dyn Painter, &ModelProgress)>,
    run_id: &str,
    rows: &mut Rows,
) -> Vec<Pair> {
    let drawings = join_all(pairs.iter().map(|pair| async move {
        let instruction = pair.row.instruction.clone()?;
        let (painter, progress) = painter?;
        progress.asked.add(1);
        let base =
            (pair.row.strategy == "edit").then(|| (pair.subject.image.clone(), pair.subject.scene.clone()));
        let request = DrawRequest {
            subject: pair.row.probe_id.as_str().into(),
            base,
            instruction,
            seed: pair.row.seed as u64,
        };
        Some(painter.draw(request).await)
    }))
    .await;
    let mut drawn = Vec::with_capacity(pairs.len());
    for (mut pair, drawing) in pairs.into_iter().zip(drawings) {
        let (Some(drawing), Some((painter, progress))) = (drawing, painter) else {
            let scene = pair.subject.scene.clone();
            let image = match pair.perturbed.take() {
                None => Ok(pair.subject.image.clone()),
                Some(perturbed) => perturb(&pair, perturbed, rows),
            };
            let image = match image {
                Ok(image) => image,
                Err(problem) => {
                    "refused".clone_into(&mut pair.row.prober_status);
                    pair.row.prober_error = Some(problem);
                    rows.probes.push(pair.row);
                    continue;
                }
            };
            finish(&mut pair, image, scene.as_deref());
            drawn.push(pair);
            continue;
        };
        let Drawing { outcome, attempts } = drawing;
        rows.calls.extend(calls(
            run_id,
            painter.card(),
            Role::Painter,
            &pair.row.probe_id,
            &attempts,
        ));
        pair.row.painter_id = Some(painter.card().model_id.clone());
        let looked = match outcome {
            Ok(drawn) => image_row(&pair, drawn.image, drawn.scene, &painter.card().model_id, None),
            Err(CallError::Refused { message }) => Err(message),
            Err(CallError::Transient { .. } | CallError::Fatal { .. } | CallError::Unsent { .. }) => {
                progress.failed.add(1);
                continue;
            }
        };
        progress.done.add(1);
        match looked {
            Ok((row, image, scene)) => {
                keep(row, &image, rows);
                pair.row.painter_status = Some("ok".to_owned());
                finish(&mut pair, image, scene.as_deref());
                drawn.push(pair);
            }
            Err(problem) => {
                pair.row.painter_status = Some("refused".to_owned());
                pair.row.painter_error = Some(problem);
                rows.probes.push(pair.row);
            }
        }
    }
    drawn
}

type Looked = (ImageRow, EncodedImage, Option<Arc<Scene>>);

/// Stores the image that the prober itself made: it shows the source's scene.
fn perturb(pair: &Pair, perturbed: Perturbed, rows: &mut Rows) -> Result<EncodedImage, String> {
    let Perturbed { image, how } = perturbed;
    let (scene, prober_id) = (pair.subject.scene.clone(), &pair.row.prober_id);
    let (row, image, _) = image_row(pair, image, scene, prober_id, Some(how))?;
    keep(row, &image, rows);
    Ok(image)
}

/// A made image's row and bytes.
fn keep(row: ImageRow, image: &EncodedImage, rows: &mut Rows) {
    rows.image_bytes.push(ImageBytesRow {
        image_id: row.image_id.clone(),
        bytes: image.bytes.clone(),
        path: format!("{}.{}", row.image_id, row.format.as_deref().unwrap_or("png")),
    });
    rows.images.push(row);
}

/// `how` says how the prober changed the pixels, where no painter drew.
fn image_row(
    pair: &Pair,
    image: EncodedImage,
    scene: Option<Arc<Scene>>,
    painter_id: &str,
    how: Option<String>,
) -> Result<Looked, String> {
    let decoded = decode(&image.bytes).map_err(|problem| format!("the painter gave no image: {problem}"))?;
    let operation = match pair.row.strategy.as_str() {
        _ if how.is_some() => "perturbed",
        "edit" => "edited",
        _ => "generated",
    };
    let row = ImageRow {
        image_id: image.image_id.to_string(),
        // A generated image descends from the one that its caption was written about, so that a split by
        // root never puts kin on both sides.
        root_image_id: pair.row.source_image_id.clone(),
        parent_image_id: Some(pair.row.source_image_id.clone()),
        operation: operation.to_owned(),
        instruction: how.or_else(|| pair.row.instruction.clone()),
        painter_id: Some(painter_id.to_owned()),
        uri: None,
        etag: None,
        attributes: None,
        width: Some(decoded.pixels.width() as i32),
        height: Some(decoded.pixels.height() as i32),
        format: Some(decoded.format.to_owned()),
        perceptual_hash: Some(perceptual_hash(&decoded.pixels)),
        licence: pair.subject.licence.as_deref().map(str::to_owned),
        scene: scene
            .as_deref()
            .and_then(|scene| serde_json::to_string(scene).ok()),
        status: "ok".to_owned(),
        error: None,
        created_at: Utc::now(),
    };
    Ok((row, image, scene))
}

/// Fixes what the pair is: its image, its identity, its truth and its category.
pub fn finish(pair: &mut Pair, image: EncodedImage, scene: Option<&Scene>) {
    let row = &mut pair.row;
    let question = row.question.clone().unwrap_or_default();
    row.image_ids = vec![image.image_id.to_string()];
    row.pair_id = Some(id([
        row.image_ids.join(","),
        question.clone(),
        row.choices.join("\u{1f}"),
    ]));
    let reworded = row.strategy != Strategy::Dataset.name()
        && row.category_source.as_deref() == Some(SOURCE)
        && matches!(pair.truth, Truth::Answers(_));
    if let Some(scene) = scene.filter(|_| !reworded) {
        // The scene that is asked about decides, not what the question's author believed.
        pair.truth = match lab::answer(scene, &question) {
            Ok(answer) => Truth::Answers(vec![answer]),
            Err(reason) => Truth::Unanswerable(reason.to_string()),
        };
        if let Some(category) = lab::category(&question) {
            row.category = Some(category.name().to_owned());
            row.category_source = Some("grammar".to_owned());
        }
    } else if let Some(category) = row.category.as_deref().and_then(Category::parse) {
        row.category = Some(category.name().to_owned());
    }
    if let Truth::Answers(answers) = &pair.truth {
        row.truth.clone_from(answers);
    }
    let known = row.truth.first().or(row.expected_answer.as_ref());
    row.answer_type = known.map(|answer| answer_type(answer, &row.choices).to_owned());
    pair.image = Some(image);
}
