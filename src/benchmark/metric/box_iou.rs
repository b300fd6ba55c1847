//! Boxes: decoding what models write, intersection over union, and accuracy at one half.
//!
//! A box is `[x1, y1, x2, y2]`, continuous, without "+ 1". PaliGemma writes `<locY1><locX1><locY2><locX2>`, chat models
//! a list of four numbers. The first box counts; none, or one without area, misses.

use super::Variant;
use regex::Regex;
use std::sync::LazyLock;

/// `[x1, y1, x2, y2]`.
pub type Corners = [f64; 4];

/// From here on a box is found.
pub const FOUND: f64 = 0.5;

/// How location tokens become a box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Locations {
    /// PaliGemma's evaluation: bins / 1023 of the unit square; the answer begins with the tokens.
    #[default]
    Unit1023,
    /// PaliGemma's demo: bins / 1024, rounded to whole pixels; text may stand before the tokens.
    Pixel1024,
}

impl Variant for Locations {
    const ALL: &'static [(&'static str, Self)] =
        &[("unit_1023", Self::Unit1023), ("pixel_1024", Self::Pixel1024)];
}

/// How four numbers in a text become a box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TextBox {
    /// lmms-eval: shares of the image in square brackets.
    #[default]
    Lmms,
    /// VLMEvalKit: shares, thousandths or pixels by size, in any brackets; corners are put in order.
    VlmEvalKit,
}

impl Variant for TextBox {
    const ALL: &'static [(&'static str, Self)] =
        &[("lmms_rec", Self::Lmms), ("vlmevalkit", Self::VlmEvalKit)];
}

static LOCATIONS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"<loc(\d{4})><loc(\d{4})><loc(\d{4})><loc(\d{4})>"));
static BRACKETS: LazyLock<Regex> = LazyLock::new(|| {
    let number = r"(-?\d+(?:\.\d+)?)";
    pattern(&format!(
        r"\[\s*{number},\s*{number},\s*{number},\s*{number}\s*\]"
    ))
});
static LIST: LazyLock<Regex> = LazyLock::new(|| {
    let (number, gap) = (format!("({NUMBER})"), r"(?:\s*,\s*|\s+)");
    pattern(&format!(
        r"\[\s*{number}{gap}{number}{gap}{number}{gap}{number}\s*\]"
    ))
});
static ANY_NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(NUMBER));
const NUMBER: &str = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?";

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

impl Locations {
    /// The intersection over union of the box that an answer names and the true one in pixels.
    #[must_use]
    pub fn iou(self, prediction: &str, truth: Corners, width: f64, height: f64) -> f64 {
        match self {
            Self::Unit1023 => {
                let unit = [
                    truth[0] / width,
                    truth[1] / height,
                    truth[2] / width,
                    truth[3] / height,
                ];
                let bins = bins(prediction, true).filter(|bins| bins.iter().all(|bin| *bin <= 1023.0));
                bins.map_or(0.0, |bins| iou(bins.map(|bin| bin / 1023.0), unit))
            }
            Self::Pixel1024 => bins(prediction, false).map_or(0.0, |[x1, y1, x2, y2]| {
                let pixel = |bin: f64, size: f64| (bin / 1024.0 * size).round_ties_even();
                iou(
                    [
                        pixel(x1, width),
                        pixel(y1, height),
                        pixel(x2, width),
                        pixel(y2, height),
                    ],
                    truth,
                )
            }),
        }
    }
}

/// The bins of the first four location tokens, as x1, y1, x2, y2.
fn bins(prediction: &str, at_start: bool) -> Option<Corners> {
    let found = LOCATIONS.captures(prediction)?;
    if at_start && found.get(0)?.start() > 0 {
        return None;
    }
    let bin = |n: usize| found[n].parse::<f64>().ok();
    Some([bin(2)?, bin(1)?, bin(4)?, bin(3)?])
}

impl TextBox {
    /// The intersection over union of the box that an answer names and the true one in pixels.
    #[must_use]
    pub fn iou(self, prediction: &str, truth: Corners, width: f64, height: f64) -> f64 {
        match self {
            Self::Lmms => {
                let unit = [
                    truth[0] / width,
                    truth[1] / height,
                    truth[2] / width,
                    truth[3] / height,
                ];
                let found = BRACKETS.captures(prediction).and_then(|found| corners(&found));
                found.map_or(0.0, |found| iou(found, unit))
            }
            Self::VlmEvalKit => {
                let found = LIST.captures_iter(prediction).find_map(|found| corners(&found));
                let found = found.or_else(|| {
                    let mut numbers = ANY_NUMBER
                        .find_iter(prediction)
                        .map(|found| found.as_str().parse().ok());
                    let mut next = || numbers.next().flatten();
                    Some([next()?, next()?, next()?, next()?])
                });
                found.map_or(0.0, |found| iou(absolute(found, width, height), truth))
            }
        }
    }
}

fn corners(found: &regex::Captures) -> Option<Corners> {
    let number = |n: usize| found[n].parse::<f64>().ok().filter(|number| number.is_finite());
    Some([number(1)?, number(2)?, number(3)?, number(4)?])
}

/// Shares or thousandths of the image as pixels, inside it, corners in order.
fn absolute(found: Corners, width: f64, height: f64) -> Corners {
    let largest = found
        .iter()
        .fold(0.0_f64, |largest, side| largest.max(side.abs()));
    let unit = match largest {
        size if size <= 1.5 => 1.0,
        size if size <= 1000.0 => 1000.0,
        _ => 0.0,
    };
    let place = |side: f64, size: f64| {
        let pixel = if unit > 0.0 { side / unit * size } else { side };
        pixel.clamp(0.0, size)
    };
    let (x1, x2) = (place(found[0], width), place(found[2], width));
    let (y1, y2) = (place(found[1], height), place(found[3], height));
    [x1.min(x2), y1.min(y2), x1.max(x2), y1.max(y2)]
}

/// Intersection over union; 0 for boxes without area or numbers that are none.
#[must_use]
pub fn iou(a: Corners, b: Corners) -> f64 {
    let area = |r: Corners| (r[2] - r[0]).max(0.0) * (r[3] - r[1]).max(0.0);
    let overlap = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    let union = area(a) + area(b) - overlap;
    let share = overlap / union;
    if share.is_finite() { share } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_misses() {
        let truth = [0.0, 0.0, 10.0, 10.0];
        for text in [
            "",
            "<loc9999><loc0000><loc9999><loc9999>",
            "[nan, 0, 1, 1]",
            "[1e999, 0, 1, 1]",
            "<loc0001>",
        ] {
            for (_, rule) in Locations::ALL {
                let share = rule.iou(text, truth, 0.0, 0.0);
                assert!((0.0..=1.0).contains(&share), "{text}: {share}");
            }
            let found =
                Locations::Unit1023.iou(text, truth, 10.0, 10.0) + TextBox::Lmms.iou(text, truth, 10.0, 10.0);
            assert!(found < 1e-12, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn symmetric_and_bounded(a in [-9.0..9.0_f64, -9.0..9.0, -9.0..9.0, -9.0..9.0],
                                 b in [-9.0..9.0_f64, -9.0..9.0, -9.0..9.0, -9.0..9.0]) {
            proptest::prop_assert!((iou(a, b) - iou(b, a)).abs() < 1e-12);
            proptest::prop_assert!((0.0..=1.0 + 1e-12).contains(&iou(a, b)));
        }
    }
}
