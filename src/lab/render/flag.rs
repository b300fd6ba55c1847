//! Flags, in units of half their extent: x from −1 to 1, y from −2/3 to 2/3.

use super::canvas::{Canvas, DARK, Rgb, WHITE};
use crate::lab::scene::Country;

const RED: Rgb = [214, 30, 40];
const BLUE: Rgb = [0, 84, 166];
const YELLOW: Rgb = [254, 210, 0];
const HALF: f32 = 2.0 / 3.0;

/// Draws the flag of a country.
pub(super) fn draw(canvas: &mut Canvas, country: Country) {
    let edge = 1.0 / canvas.scale();
    canvas.rect(-1.0, -HALF, 1.0, HALF, DARK);
    let (right, down) = (1.0 - edge, HALF - edge);
    let columns = |canvas: &mut Canvas, colors: &[Rgb]| {
        let step = 2.0 * right / colors.len() as f32;
        for (at, &color) in colors.iter().enumerate() {
            let left = -right + step * at as f32;
            canvas.rect(left, -down, left + step, down, color);
        }
    };
    let rows = |canvas: &mut Canvas, colors: &[Rgb]| {
        let step = 2.0 * down / colors.len() as f32;
        for (at, &color) in colors.iter().enumerate() {
            let top = -down + step * at as f32;
            canvas.rect(-right, top, right, top + step, color);
        }
    };
    match country {
        Country::Japan => {
            rows(canvas, &[WHITE]);
            canvas.circle(0.0, 0.0, 0.4, RED);
        }
        Country::France => columns(canvas, &[BLUE, WHITE, RED]),
        Country::Italy => columns(canvas, &[[0, 146, 70], WHITE, RED]),
        Country::Germany => rows(canvas, &[[16, 16, 16], RED, YELLOW]),
        Country::Poland => rows(canvas, &[WHITE, RED]),
        Country::Ukraine => rows(canvas, &[BLUE, YELLOW]),
        Country::Sweden => {
            rows(canvas, &[BLUE]);
            canvas.rect(-0.45, -down, -0.12, down, YELLOW);
            canvas.rect(-right, -0.16, right, 0.16, YELLOW);
        }
        Country::Switzerland => {
            rows(canvas, &[RED]);
            canvas.rect(-0.13, -0.42, 0.13, 0.42, WHITE);
            canvas.rect(-0.42, -0.13, 0.42, 0.13, WHITE);
        }
    }
}
