//! From a scene to pixels, and to whose pixels they are.
//!
//! A scene goes in; 96 × 96 RGB pixels and each pixel's owner come out, the same on every run. Left out:
//! perspective, shading and shadows.

mod background;
mod board;
mod canvas;
mod clock;
mod flag;
mod person;
mod shape;
mod sign;
mod surface;

use super::layout::{Bounds, extent, touching_side};
use super::scene::{Action, Kind, Object, Person, SIDE, Scene};
use bytes::Bytes;
use canvas::Canvas;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use tiny_skia::Pixmap;

pub(in crate::lab) use board::{CHARACTERS, text_origin};

/// A rendered scene.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// [`SIDE`] × [`SIDE`] pixels.
    pub pixels: RgbImage,
    /// Per pixel, row by row: 0 for the background, else one more than the index of the object on top.
    pub owner: Vec<u8>,
}

/// Draws a scene, later objects over earlier ones. Objects from the 256th on are not drawn.
#[must_use]
pub fn render(scene: &Scene) -> Rendered {
    let mut picture = background::draw(scene);
    let mut owner = vec![0; (SIDE * SIDE) as usize];
    let mut layer = Canvas::new(SIDE);
    for (index, object) in scene.objects.iter().enumerate().take(255) {
        if !(object.x.is_finite() && object.y.is_finite()) {
            continue;
        }
        draw(&mut layer, scene, object);
        lay_over(&mut picture, &layer, object, &mut owner, index as u8 + 1);
    }
    Rendered {
        pixels: opaque(&picture),
        owner,
    }
}

/// Renders a scene into a PNG file.
#[must_use]
pub fn png(scene: &Scene) -> Bytes {
    encode(&render(scene).pixels)
}

fn encode(pixels: &RgbImage) -> Bytes {
    let mut file = Vec::new();
    PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive)
        .write_image(pixels.as_raw(), SIDE, SIDE, ExtendedColorType::Rgb8)
        .expect("writing to memory does not fail");
    file.into()
}

fn opaque(picture: &Pixmap) -> RgbImage {
    let pixels = picture
        .pixels()
        .iter()
        .flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()])
        .collect();
    RgbImage::from_raw(SIDE, SIDE, pixels).expect("three bytes a pixel")
}

fn draw(layer: &mut Canvas, scene: &Scene, object: &Object) {
    let (width, height) = extent(object);
    match &object.kind {
        Kind::Shape(shape) => {
            layer.begin(object.x, object.y, width / 2.0, false);
            shape::draw(layer, object, *shape);
        }
        Kind::Clock { hour, minute } => {
            layer.begin(object.x, object.y, width / 2.0, false);
            clock::draw(layer, object, *hour, *minute);
        }
        Kind::Flag(country) => {
            layer.begin(object.x, object.y, width / 2.0, false);
            flag::draw(layer, *country);
        }
        Kind::Board(text) => {
            layer.begin(object.x, object.y, 1.0, false);
            board::draw(layer, object, text);
        }
        Kind::Sign(pictogram) => {
            layer.begin(object.x, object.y, width / 2.0, false);
            sign::draw(layer, *pictogram);
        }
        Kind::Person(person) => {
            let scale = if person.action == Action::Lying {
                width
            } else {
                height
            } / person::HEIGHT;
            let touched = touched(scene, object, person);
            // The free hand is on the left; who touches something on the right is drawn mirrored.
            let mirrored = touched.is_some_and(|other| other.x > object.x);
            layer.begin(object.x, object.y, scale, mirrored);
            let reach = touched.map(|other| {
                let bounds = Bounds::of(other);
                let near = if mirrored {
                    bounds.left - object.x + 1.5
                } else {
                    object.x - bounds.right + 1.5
                };
                (-near.max(0.0) / scale, (other.y - object.y) / scale)
            });
            person::draw(layer, object, person, reach);
        }
    }
}

/// The object that a person's hand can be drawn touching.
fn touched<'a>(scene: &'a Scene, object: &Object, person: &Person) -> Option<&'a Object> {
    let other = scene.objects.get(person.touches?)?;
    (person.action != Action::Lying && touching_side(object, other).is_some()).then_some(other)
}

/// Lays an object's layer over the picture; what is more than half covered becomes its own.
fn lay_over(picture: &mut Pixmap, layer: &Canvas, object: &Object, owner: &mut [u8], name: u8) {
    // Strokes, tall hats and reaching hands leave the object's box by a few pixels.
    let bounds = Bounds::of(object).grown(8.0);
    let limit = |at: f32| at.clamp(0.0, SIDE as f32) as usize;
    let (left, right) = (limit(bounds.left), limit(bounds.right.ceil()));
    let over = layer.pixmap.pixels();
    let under = picture.pixels_mut();
    for y in limit(bounds.top)..limit(bounds.bottom.ceil()) {
        for at in y * SIDE as usize + left..y * SIDE as usize + right {
            let pixel = over[at];
            let alpha = pixel.alpha();
            if alpha == 0 {
                continue;
            }
            let rest = u32::from(255 - alpha);
            let below = under[at];
            let blend = |over: u8, below: u8| {
                (u32::from(over) + (u32::from(below) * rest + 127) / 255).min(255) as u8
            };
            under[at] = tiny_skia::PremultipliedColorU8::from_rgba(
                blend(pixel.red(), below.red()),
                blend(pixel.green(), below.green()),
                blend(pixel.blue(), below.blue()),
                255,
            )
            .expect("opaque");
            if alpha > 127 {
                owner[at] = name;
            }
        }
    }
}

#[cfg(test)]
mod tests;
