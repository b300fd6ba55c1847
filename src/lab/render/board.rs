//! Boards: dark characters of a real font on a white panel with a coloured frame.

use super::canvas::{Canvas, Rgb, WHITE};
use super::surface::{outline, rgb};
use crate::lab::layout::{Bounds, character_height, character_width};
use crate::lab::scene::{Object, Size};
use ab_glyph::{Font, FontRef, PxScale, point};
use std::collections::HashMap;
use std::sync::OnceLock;

const FONT: &[u8] = include_bytes!("../../../data/fonts/DejaVuSansMono-Bold.subset.ttf");
/// The font's capitals are this share of its em high, ascender minus descender this multiple of it.
const CAPITAL: f32 = 0.729;
const INK: Rgb = [16, 16, 20];

/// The characters that the font has; others are drawn as a question mark.
pub(in crate::lab) const CHARACTERS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ?";

/// One character's coverage in a cell of `character_width` × `character_height` pixels.
type Cells = HashMap<(char, Size), Vec<u8>>;

/// The left upper pixel of a board's first character.
pub(in crate::lab) fn text_origin(object: &Object) -> (i32, i32) {
    let bounds = Bounds::of(object);
    (
        (bounds.left + 4.0).round() as i32,
        (bounds.top + 4.0).round() as i32,
    )
}

/// Draws a board in pixels relative to its centre.
pub(super) fn draw(canvas: &mut Canvas, object: &Object, text: &str) {
    static CELLS: OnceLock<Cells> = OnceLock::new();
    let cells = CELLS.get_or_init(cells);
    let frame = Bounds::of(&Object {
        x: 0.0,
        y: 0.0,
        ..object.clone()
    });
    let panel = |canvas: &mut Canvas, inset: f32, color: Rgb| {
        canvas.rect(
            frame.left + inset,
            frame.top + inset,
            frame.right - inset,
            frame.bottom - inset,
            color,
        );
    };
    panel(canvas, 0.0, outline(object.color));
    panel(canvas, 0.7, rgb(object.color));
    panel(canvas, 3.0, WHITE);
    let (left, top) = text_origin(object);
    let width = character_width(object.size) as usize;
    for (at, character) in text.chars().enumerate() {
        let character = character.to_ascii_uppercase();
        let cell = cells
            .get(&(character, object.size))
            .or_else(|| cells.get(&('?', object.size)));
        if let Some(coverage) = cell {
            canvas.stamp(left + (at * width) as i32, top, width, coverage, INK);
        }
    }
}

fn cells() -> Cells {
    let font = FontRef::try_from_slice(FONT).expect("the embedded font is a font");
    let mut cells = Cells::new();
    for character in CHARACTERS.chars() {
        for &size in Size::ALL {
            cells.insert((character, size), cell(&font, character, size));
        }
    }
    cells
}

fn cell(font: &FontRef<'_>, character: char, size: Size) -> Vec<u8> {
    let (width, height) = (character_width(size) as usize, character_height(size) as usize);
    let units = font.units_per_em().unwrap_or(2048.0);
    // A PxScale is the height from ascender to descender.
    let em = height as f32 / CAPITAL;
    let scale = PxScale::from(em * font.height_unscaled() / units);
    let mut coverage = vec![0; width * height];
    let advance = font.h_advance_unscaled(font.glyph_id(character)) * em / units;
    let left = (width as f32 - advance) / 2.0;
    let glyph = font
        .glyph_id(character)
        .with_scale_and_position(scale, point(left, height as f32));
    if let Some(outlined) = font.outline_glyph(glyph) {
        let corner = outlined.px_bounds().min;
        outlined.draw(|x, y, alpha| {
            let (x, y) = (corner.x as i32 + x as i32, corner.y as i32 + y as i32);
            if x >= 0 && y >= 0 && (x as usize) < width && (y as usize) < height {
                coverage[y as usize * width + x as usize] = (alpha * 255.0).round() as u8;
            }
        });
    }
    coverage
}
