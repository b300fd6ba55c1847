//! Road and safety signs, in units of half their extent.

use super::canvas::{Canvas, DARK, Rgb, WHITE, around, circle, line, polygon, rect};
use crate::lab::scene::Pictogram;
use tiny_skia::Path;

const RED: Rgb = [204, 20, 32];
const BLUE: Rgb = [0, 90, 190];

/// Draws a sign.
pub(super) fn draw(canvas: &mut Canvas, pictogram: Pictogram) {
    match pictogram {
        Pictogram::Stop => {
            let octagon: [(f32, f32); 8] = std::array::from_fn(|at| around(1.0, (at as f32 + 0.5) / 8.0));
            plate(canvas, &polygon(&octagon), RED);
            canvas.rect(-0.36, -0.05, 0.36, 0.55, WHITE);
            for (at, top) in [(-0.28, -0.45), (-0.09, -0.6), (0.1, -0.58), (0.28, -0.42)] {
                canvas.line(&[(at, top), (at, 0.1)], WHITE, 0.15);
            }
            canvas.line(&[(-0.3, 0.4), (-0.55, 0.05)], WHITE, 0.16);
        }
        Pictogram::NoEntry => {
            plate(canvas, &circle(0.0, 0.0, 0.95), RED);
            canvas.rect(-0.66, -0.2, 0.66, 0.2, WHITE);
        }
        Pictogram::Yield => {
            let triangle = polygon(&[(-1.0, -0.85), (1.0, -0.85), (0.0, 0.95)]);
            plate(canvas, &triangle, RED);
            canvas.polygon(&[(-0.58, -0.6), (0.58, -0.6), (0.0, 0.45)], WHITE);
        }
        Pictogram::Parking => {
            plate(canvas, &rect(-0.9, -0.9, 0.9, 0.9), BLUE);
            canvas.line(
                &[
                    (-0.28, 0.6),
                    (-0.28, -0.55),
                    (0.12, -0.55),
                    (0.34, -0.4),
                    (0.4, -0.2),
                    (0.34, 0.0),
                    (0.12, 0.14),
                    (-0.28, 0.14),
                ],
                WHITE,
                0.26,
            );
        }
        Pictogram::TurnLeft => turn(canvas, -1.0),
        Pictogram::TurnRight => turn(canvas, 1.0),
        Pictogram::Danger => {
            plate(
                canvas,
                &polygon(&[(0.0, -0.92), (1.0, 0.85), (-1.0, 0.85)]),
                [255, 204, 0],
            );
            canvas.line(&[(0.0, -0.3), (0.0, 0.25)], DARK, 0.24);
            canvas.circle(0.0, 0.6, 0.15, DARK);
        }
        Pictogram::FirstAid => {
            plate(canvas, &rect(-0.9, -0.9, 0.9, 0.9), [0, 135, 80]);
            canvas.rect(-0.2, -0.62, 0.2, 0.62, WHITE);
            canvas.rect(-0.62, -0.2, 0.62, 0.2, WHITE);
        }
    }
}

/// A plate with a dark edge and a white line.
fn plate(canvas: &mut Canvas, path: &Path, color: Rgb) {
    canvas.stroke(path, DARK, 0.14);
    canvas.fill(path, color);
}

fn turn(canvas: &mut Canvas, side: f32) {
    plate(canvas, &circle(0.0, 0.0, 0.95), BLUE);
    canvas.stroke(
        &line(&[(side * -0.38, 0.6), (side * -0.38, -0.1), (side * 0.1, -0.1)]),
        WHITE,
        0.26,
    );
    canvas.polygon(
        &[(side * 0.12, -0.58), (side * 0.75, -0.1), (side * 0.12, 0.38)],
        WHITE,
    );
}
