//! The sky behind the things: the weather, and specks where a scene is crowded.

use super::canvas::{Canvas, Rgb, ellipse};
use crate::lab::scene::{SIDE, Scene, Weather};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::OnceLock;
use tiny_skia::{Pixmap, PremultipliedColorU8};

/// A copy of the sky of the scene's weather, with its specks.
pub(super) fn draw(scene: &Scene) -> Pixmap {
    static SKIES: OnceLock<Vec<Pixmap>> = OnceLock::new();
    let skies = SKIES.get_or_init(|| Weather::ALL.iter().map(|&weather| sky(weather)).collect());
    let mut pixmap = skies[scene.weather as usize].clone();
    specks(&mut pixmap, scene);
    pixmap
}

const fn tone(weather: Weather) -> Rgb {
    match weather {
        Weather::Sunny => [176, 222, 250],
        Weather::Cloudy => [205, 207, 210],
        Weather::Rainy => [150, 164, 184],
        Weather::Snowy => [222, 230, 240],
        Weather::Night => [48, 52, 100],
    }
}

fn sky(weather: Weather) -> Pixmap {
    let side = SIDE as f32;
    let mut canvas = Canvas::new(SIDE);
    canvas.begin(0.0, 0.0, 1.0, false);
    canvas.rect(0.0, 0.0, side, side, tone(weather));
    let mut rng = ChaCha8Rng::seed_from_u64(weather as u64);
    let mut place = || (rng.random::<f32>() * side, rng.random::<f32>() * side);
    match weather {
        Weather::Sunny => {
            for ray in 0..5 {
                let angle = std::f32::consts::FRAC_PI_2 * (ray as f32 + 0.5) / 5.0;
                let (x, y) = (angle.cos(), angle.sin());
                canvas.line(
                    &[(side - 17.0 * x, 17.0 * y), (side - 23.0 * x, 23.0 * y)],
                    [255, 224, 90],
                    1.6,
                );
            }
            canvas.circle(side, 0.0, 14.0, [255, 224, 90]);
        }
        Weather::Cloudy => {
            for (x, y) in [
                (14.0, 2.0),
                (46.0, 0.0),
                (80.0, 3.0),
                (30.0, 95.0),
                (66.0, 96.0),
                (0.0, 48.0),
                (96.0, 60.0),
            ] {
                for (shift, radius) in [(-7.0, 5.0), (0.0, 7.5), (8.0, 5.5)] {
                    canvas.fill(&ellipse(x + shift, y, radius, radius * 0.8), [172, 175, 182]);
                }
            }
        }
        Weather::Rainy => {
            for _ in 0..70 {
                let (x, y) = place();
                canvas.line(&[(x, y), (x - 2.2, y + 6.0)], [106, 134, 190], 0.9);
            }
        }
        Weather::Snowy => {
            for _ in 0..80 {
                let (x, y) = place();
                canvas.circle(x, y, 1.7, [196, 208, 224]);
                canvas.circle(x, y, 1.3, [255, 255, 255]);
            }
        }
        Weather::Night => {
            for _ in 0..60 {
                let (x, y) = place();
                canvas.circle(x, y, 0.7, [225, 225, 200]);
            }
            canvas.circle(side - 9.0, 8.0, 7.0, [245, 240, 200]);
            canvas.circle(side - 12.0, 6.0, 6.0, tone(weather));
        }
    }
    canvas.pixmap
}

/// Faint specks, more the more there is to see beyond five things; placed by the things' positions.
fn specks(pixmap: &mut Pixmap, scene: &Scene) {
    let crowd = scene.objects.len().saturating_sub(5);
    if crowd == 0 {
        return;
    }
    let seed = scene.objects.iter().fold(0_u64, |seed, object| {
        seed.rotate_left(7) ^ u64::from(object.x.to_bits()) ^ (u64::from(object.y.to_bits()) << 32)
    });
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let pixels = pixmap.pixels_mut();
    for _ in 0..crowd.min(8) * 40 {
        let pixel = &mut pixels[rng.random_range(0..(SIDE * SIDE) as usize)];
        let shift = rng.random_range(-34..=34_i16);
        let [red, green, blue] = [pixel.red(), pixel.green(), pixel.blue()]
            .map(|channel| (i16::from(channel) + shift).clamp(0, 255) as u8);
        *pixel = PremultipliedColorU8::from_rgba(red, green, blue, 255).expect("opaque");
    }
}
