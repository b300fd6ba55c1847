//! Clock faces, in units of half their extent.

use super::canvas::{Canvas, DARK, WHITE, around};
use super::surface::{outline, rgb};
use crate::lab::scene::Object;

/// Draws a face with a coloured rim, a short black hour hand and a long red minute hand.
pub(super) fn draw(canvas: &mut Canvas, object: &Object, hour: u8, minute: u8) {
    let past = f32::from(minute) / 60.0;
    canvas.circle(0.0, 0.0, 1.0, outline(object.color));
    canvas.circle(0.0, 0.0, 0.94, rgb(object.color));
    canvas.circle(0.0, 0.0, 0.76, WHITE);
    for tick in 0..12 {
        let (inner, width) = if tick % 3 == 0 { (0.6, 0.09) } else { (0.67, 0.05) };
        let turn = tick as f32 / 12.0;
        canvas.line(&[around(inner, turn), around(0.72, turn)], DARK, width);
    }
    canvas.line(&[(0.0, 0.0), around(0.62, past)], [220, 30, 30], 0.1);
    canvas.line(
        &[(0.0, 0.0), around(0.4, (f32::from(hour % 12) + past) / 12.0)],
        [10, 10, 12],
        0.19,
    );
    canvas.circle(0.0, 0.0, 0.13, [10, 10, 12]);
}
