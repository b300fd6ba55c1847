//! Antialiased resizing of 8-bit pixels, number for number as the image processors of transformers do it.
//!
//! In: RGB rows. Out: RGB rows of another size. Separable: columns first, rows second, with 8 bits in between; the
//! kernel widens when shrinking; weights are integers of at most 15 bits. That is what torchvision computes, the
//! processors' default. Pillow takes 22 bits, and since version 13 the cheaper order, so that strong overshoots differ by
//! up to five levels.

/// The kernel; in files one of Pillow's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub(crate) enum Filter {
    /// Triangle.
    Bilinear,
    /// Keys' cubic with a = −0.5.
    Bicubic,
    /// A windowed sinc of three lobes: what painters take; no processor here does.
    Lanczos,
}

impl TryFrom<u8> for Filter {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            2 => Ok(Self::Bilinear),
            3 => Ok(Self::Bicubic),
            other => Err(format!(
                "resample {other} is not supported; supported: 2 (bilinear), 3 (bicubic)"
            )),
        }
    }
}

impl From<Filter> for u8 {
    fn from(filter: Filter) -> Self {
        match filter {
            Filter::Bilinear => 2,
            Filter::Bicubic => 3,
            Filter::Lanczos => 1,
        }
    }
}

impl Filter {
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn at(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Self::Lanczos if x < 3.0 => sinc(x) * sinc(x / 3.0),
            Self::Bicubic | Self::Lanczos => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { x.sin() / x }
}

/// The inputs that one output is made of.
struct Tap {
    first: usize,
    weights: Vec<i32>,
}

struct Taps {
    taps: Vec<Tap>,
    precision: u32,
}

impl Taps {
    fn new(from: usize, to: usize, filter: Filter) -> Self {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let exact: Vec<(usize, Vec<f64>)> = (0..to)
            .map(|output| {
                let centre = scale * (output as f64 + 0.5);
                let first = (centre - support + 0.5).max(0.0) as usize;
                let end = ((centre + support + 0.5) as usize).min(from);
                let weights: Vec<f64> = (first..end)
                    .map(|input| filter.at((input as f64 - centre + 0.5) / stretch))
                    .collect();
                let sum: f64 = weights.iter().sum();
                (first, weights.into_iter().map(|weight| weight / sum).collect())
            })
            .collect();
        let largest = exact
            .iter()
            .flat_map(|(_, weights)| weights)
            .copied()
            .fold(0.0, f64::max);
        // As many bits as keep the largest weight within 16, sign included.
        let fits = |bits: u32| ((0.5 + largest * f64::from(1u32 << (bits + 1))) as i64) < 1 << 15;
        let precision = (0..22).take_while(|&bits| fits(bits)).count() as u32;
        let unit = f64::from(1u32 << precision);
        let taps = exact
            .into_iter()
            .map(|(first, weights)| Tap {
                first,
                weights: weights
                    .into_iter()
                    .map(|weight| (weight * unit).round() as i32)
                    .collect(),
            })
            .collect();
        Self { taps, precision }
    }

    /// The inputs of an output, with their weights.
    fn weights(&self, output: usize) -> impl Iterator<Item = (usize, f32)> {
        let (tap, unit) = (&self.taps[output], (1u32 << self.precision) as f32);
        (tap.first..).zip(tap.weights.iter().map(move |&weight| weight as f32 / unit))
    }

    /// `pixel(input, channel)` summed by the tap's weights, for all three channels.
    fn apply(&self, tap: &Tap, pixel: impl Fn(usize) -> usize, bytes: &[u8]) -> [u8; 3] {
        let mut sums = [1i32 << self.precision >> 1; 3];
        for (input, weight) in (tap.first..).zip(&tap.weights) {
            let place = pixel(input);
            for (sum, &byte) in sums.iter_mut().zip(&bytes[place..place + 3]) {
                *sum += i32::from(byte) * weight;
            }
        }
        sums.map(|sum| (sum >> self.precision).clamp(0, 255) as u8)
    }
}

/// RGB `bytes` of `(width, height)` to another `(width, height)`; no side may be 0.
pub(crate) fn resize(bytes: &[u8], from: (usize, usize), to: (usize, usize), filter: Filter) -> Vec<u8> {
    assert!(
        bytes.len() == from.0 * from.1 * 3 && from.0 * from.1 * to.0 * to.1 > 0,
        "whole RGB rows"
    );
    if from == to {
        return bytes.to_vec();
    }
    let columns = Taps::new(from.0, to.0, filter);
    let mut narrow = Vec::with_capacity(to.0 * from.1 * 3);
    for row in 0..from.1 {
        for tap in &columns.taps {
            narrow.extend(columns.apply(tap, |column| (row * from.0 + column) * 3, bytes));
        }
    }
    let rows = Taps::new(from.1, to.1, filter);
    let mut resized = Vec::with_capacity(to.0 * to.1 * 3);
    for tap in &rows.taps {
        for column in 0..to.0 {
            resized.extend(rows.apply(tap, |row| (row * to.0 + column) * 3, &narrow));
        }
    }
    resized
}

/// The adjoint of [`resize`] as a linear map: what a gradient at one channel of the resized pixels is at those before.
pub(crate) fn pull_back(
    gradient: &[f32],
    from: (usize, usize),
    to: (usize, usize),
    filter: Filter,
) -> Vec<f32> {
    assert!(gradient.len() == to.0 * to.1, "one channel of whole rows");
    if from == to {
        return gradient.to_vec();
    }
    let rows = Taps::new(from.1, to.1, filter);
    let mut narrow = vec![0.0; to.0 * from.1];
    for (output, line) in gradient.chunks_exact(to.0).enumerate() {
        for (input, weight) in rows.weights(output) {
            let sums = &mut narrow[input * to.0..(input + 1) * to.0];
            sums.iter_mut()
                .zip(line)
                .for_each(|(sum, value)| *sum += weight * value);
        }
    }
    let columns = Taps::new(from.0, to.0, filter);
    let mut whole = vec![0.0; from.0 * from.1];
    for (sums, line) in whole.chunks_exact_mut(from.0).zip(narrow.chunks_exact(to.0)) {
        for (output, value) in line.iter().enumerate() {
            for (input, weight) in columns.weights(output) {
                sums[input] += weight * value;
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_areas_stay_flat_at_every_size() {
        for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
            for (from, to) in [
                ((7, 5), (3, 9)),
                ((1, 1), (4, 4)),
                ((500, 3), (2, 2)),
                ((4, 6), (4, 6)),
            ] {
                let flat = [200, 3, 255].repeat(from.0 * from.1);
                assert_eq!(
                    resize(&flat, from, to, filter),
                    [200, 3, 255].repeat(to.0 * to.1),
                    "{from:?} {to:?}"
                );
            }
        }
    }

    #[test]
    fn shrinking_looks_at_every_pixel() {
        // One white column of eight vanishes or dominates without antialiasing.
        let row: Vec<u8> = (0..8).flat_map(|x| [if x == 3 { 255 } else { 0 }; 3]).collect();
        let halves = resize(&row, (8, 1), (2, 1), Filter::Bilinear);
        assert!(
            halves[0] > 40 && halves[3] > 0 && halves[3] < halves[0],
            "{halves:?}"
        );
    }

    #[test]
    fn the_gradient_is_pulled_back_to_the_pixels_that_an_output_is_made_of() {
        for filter in [Filter::Bilinear, Filter::Bicubic] {
            for (from, to) in [((9, 7), (4, 3)), ((4, 5), (8, 9)), ((6, 6), (6, 6))] {
                let gradient: Vec<f32> = (0..to.0 * to.1).map(|at| (at * 7 % 5) as f32 - 1.5).collect();
                let pulled = pull_back(&gradient, from, to, filter);
                let along = |bytes: &[u8]| -> f32 {
                    let resized = resize(bytes, from, to, filter);
                    let values = resized.iter().step_by(3).zip(&gradient);
                    values.map(|(&byte, weight)| f32::from(byte) * weight).sum()
                };
                let grey = vec![100u8; from.0 * from.1 * 3];
                for pixel in 0..from.0 * from.1 {
                    let mut brighter = grey.clone();
                    brighter[pixel * 3] = 200;
                    let slope = (along(&brighter) - along(&grey)) / 100.0;
                    // Bytes are rounded twice on their way.
                    assert!((slope - pulled[pixel]).abs() < 0.15, "{slope} {}", pulled[pixel]);
                }
            }
        }
    }
}
