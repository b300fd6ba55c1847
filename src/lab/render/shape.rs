//! Objects without inner structure, in units of half their extent: from −1 to 1.

use super::canvas::{Canvas, DARK, Rgb, WHITE, around, circle, curve, ellipse, polygon, rect};
use super::surface::{mix, outline, rgb, shader};
use crate::lab::scene::{Object, Shape};
use tiny_skia::{Path, PathBuilder, Transform};

/// Draws a shape; the canvas' scale is half the shape's extent.
pub(super) fn draw(canvas: &mut Canvas, object: &Object, shape: Shape) {
    // A pattern is laid out in pixels from the object's left upper corner.
    let pixel = 1.0 / canvas.scale();
    let filling = shader(
        object.color,
        object.surface,
        Transform::from_row(pixel, 0.0, 0.0, pixel, -1.0, -1.0),
    );
    let edge = outline(object.color);
    let width = (0.9 * pixel).max(0.05);
    under(canvas, shape, edge, width, rgb(object.color));
    let body = body(shape);
    // The outline first: only its outer half stays, and none crosses a body of several parts.
    canvas.stroke(&body, edge, 2.0 * width);
    canvas.shade(&body, filling);
    over(canvas, shape, edge, width);
}

/// The outline that takes the object's colour and surface.
fn body(shape: Shape) -> Path {
    match shape {
        Shape::Circle => circle(0.0, 0.0, 0.95),
        Shape::Square => rect(-0.86, -0.86, 0.86, 0.86),
        Shape::Triangle => polygon(&[(0.0, -0.95), (0.98, 0.85), (-0.98, 0.85)]),
        Shape::Star => {
            let corners: [(f32, f32); 10] = std::array::from_fn(|at| {
                let (x, y) = around(if at % 2 == 0 { 1.05 } else { 0.45 }, at as f32 / 10.0);
                (x, y + 0.08)
            });
            polygon(&corners)
        }
        Shape::Heart => {
            let mut path = PathBuilder::new();
            path.move_to(0.0, 0.95);
            path.cubic_to(-1.5, -0.1, -0.95, -1.35, 0.0, -0.5);
            path.cubic_to(0.95, -1.35, 1.5, -0.1, 0.0, 0.95);
            path.close();
            path.finish().expect("a heart has an outline")
        }
        Shape::Cross => polygon(&[
            (-0.34, -0.95),
            (0.34, -0.95),
            (0.34, -0.34),
            (0.95, -0.34),
            (0.95, 0.34),
            (0.34, 0.34),
            (0.34, 0.95),
            (-0.34, 0.95),
            (-0.34, 0.34),
            (-0.95, 0.34),
            (-0.95, -0.34),
            (-0.34, -0.34),
        ]),
        Shape::Tree => {
            let mut path = PathBuilder::new();
            path.push_circle(-0.38, -0.1, 0.5);
            path.push_circle(0.38, -0.1, 0.5);
            path.push_circle(0.0, -0.45, 0.5);
            path.finish().expect("a crown has an outline")
        }
        Shape::House => rect(-0.75, -0.15, 0.75, 0.95),
        Shape::Cup => polygon(&[(-0.9, -0.8), (0.5, -0.8), (0.3, 0.85), (-0.7, 0.85)]),
        Shape::Fish => ellipse(-0.25, 0.0, 0.72, 0.55),
    }
}

/// What lies behind the body.
fn under(canvas: &mut Canvas, shape: Shape, edge: Rgb, width: f32, color: Rgb) {
    match shape {
        Shape::Tree => {
            canvas.rect(-0.16, 0.1, 0.16, 0.97, [120, 78, 40]);
        }
        Shape::Cup => {
            canvas.stroke(
                &curve((0.35, -0.5), (1.35, -0.35), (0.3, 0.35)),
                edge,
                0.22 + 2.0 * width,
            );
            canvas.stroke(&curve((0.35, -0.5), (1.35, -0.35), (0.3, 0.35)), color, 0.22);
        }
        Shape::Fish => {
            let tail = polygon(&[(0.25, 0.0), (0.95, -0.6), (0.95, 0.6)]);
            canvas.fill(&tail, color);
            canvas.stroke(&tail, edge, width);
        }
        _ => {}
    }
}

/// What lies on the body.
fn over(canvas: &mut Canvas, shape: Shape, edge: Rgb, width: f32) {
    match shape {
        Shape::House => {
            let roof = polygon(&[(0.0, -0.98), (0.98, -0.1), (-0.98, -0.1)]);
            canvas.fill(&roof, mix([125, 60, 45], [0, 0, 0], 30));
            canvas.stroke(&roof, edge, width);
            canvas.rect(-0.2, 0.4, 0.2, 0.95, [92, 64, 40]);
        }
        Shape::Fish => {
            canvas.circle(-0.6, -0.12, 0.17, WHITE);
            canvas.circle(-0.6, -0.12, 0.09, DARK);
        }
        _ => {}
    }
}
