//! Colours and surfaces: the pixels that shapes are filled with.

use super::canvas::{Rgb, WHITE};
use crate::lab::scene::{Color, Surface};
use std::sync::OnceLock;
use tiny_skia::{FilterQuality, Pattern, Pixmap, PremultipliedColorU8, Shader, SpreadMode, Transform};

/// The side of a texture tile; every pattern's period divides it.
const TILE: u32 = 48;

/// The paint of a colour.
pub(super) const fn rgb(color: Color) -> Rgb {
    match color {
        Color::Red => [214, 36, 40],
        Color::Orange => [246, 136, 20],
        Color::Yellow => [250, 218, 40],
        Color::Green => [36, 150, 60],
        Color::Blue => [36, 84, 214],
        Color::Purple => [128, 44, 170],
        Color::Pink => [252, 134, 186],
        Color::Black => [28, 28, 30],
    }
}

/// The outline that sets an object off from any background.
pub(super) const fn outline(color: Color) -> Rgb {
    match color {
        Color::Black => [225, 225, 225],
        _ => super::canvas::DARK,
    }
}

/// `amount` of 255 of the way from one colour to the other.
pub(super) fn mix(from: Rgb, to: Rgb, amount: u16) -> Rgb {
    std::array::from_fn(|channel| {
        ((u16::from(from[channel]) * (255 - amount) + u16::from(to[channel]) * amount) / 255) as u8
    })
}

/// The filling of an object whose centre is at the pixel (`x`, `y`). Patterns travel with the object.
pub(super) fn shader(color: Color, surface: Surface, to_units: Transform) -> Shader<'static> {
    static TILES: OnceLock<Vec<Pixmap>> = OnceLock::new();
    let [red, green, blue] = rgb(color);
    if surface == Surface::Plain {
        return Shader::SolidColor(tiny_skia::Color::from_rgba8(red, green, blue, 255));
    }
    let tiles = TILES.get_or_init(|| {
        Color::ALL
            .iter()
            .flat_map(|&color| Surface::ALL.iter().map(move |&surface| tile(color, surface)))
            .collect()
    });
    let tile = &tiles[color as usize * Surface::ALL.len() + surface as usize];
    Pattern::new(
        tile.as_ref(),
        SpreadMode::Repeat,
        FilterQuality::Nearest,
        1.0,
        to_units,
    )
}

fn tile(color: Color, surface: Surface) -> Pixmap {
    let mut tile = Pixmap::new(TILE, TILE).expect("a tile has pixels");
    for (at, pixel) in tile.pixels_mut().iter_mut().enumerate() {
        let [red, green, blue] = texel(rgb(color), surface, at as u32 % TILE, at as u32 / TILE);
        *pixel = PremultipliedColorU8::from_rgba(red, green, blue, 255).expect("opaque");
    }
    tile
}

/// One pixel of a texture. White marks patterns; grain, mortar and shine mark materials.
fn texel(base: Rgb, surface: Surface, x: u32, y: u32) -> Rgb {
    match surface {
        Surface::Plain => base,
        Surface::Striped => {
            if (x + y) % 6 < 3 {
                WHITE
            } else {
                base
            }
        }
        Surface::Dotted => {
            let (x, y) = ((x % 6) as i32 - 2, (y % 6) as i32 - 2);
            if x * x + y * y <= 2 { WHITE } else { base }
        }
        Surface::Checkered => {
            if (x / 4 + y / 4).is_multiple_of(2) {
                WHITE
            } else {
                base
            }
        }
        Surface::Wood => {
            // Brown boards, 8 pixels wide, with wavy grain; the colour is a glaze over them.
            let glazed = mix(base, [139, 90, 43], 90);
            let wave = [0, 0, 1, 1, 2, 2, 1, 1][(y / 2 % 8) as usize];
            match (x + wave) % 8 {
                0 => mix(glazed, [50, 25, 5], 190),
                3 => mix(glazed, [50, 25, 5], 90),
                5 => mix(glazed, [240, 200, 150], 70),
                _ => glazed,
            }
        }
        Surface::Brick => {
            let shifted = if (y / 4).is_multiple_of(2) { x } else { x + 4 };
            if y % 4 == 3 || shifted % 8 == 7 {
                [205, 200, 192]
            } else {
                mix(base, [120, 60, 40], 40)
            }
        }
        Surface::Metal => {
            // A band of light runs across brushed grey.
            let steel = mix(base, [150, 155, 165], 80);
            let band = (x + 2 * (TILE - y)) % 24;
            let light: u16 = [0, 0, 20, 60, 120, 200, 200, 120, 60, 20, 0, 0][(band / 2) as usize];
            let shade = if (2..20).contains(&band) {
                steel
            } else {
                mix(steel, [20, 22, 28], 110)
            };
            mix(shade, [255, 255, 255], light)
        }
    }
}
