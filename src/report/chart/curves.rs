//! A metric over training steps, a line for each run and phase.

use super::{Chart, Svg, ticks};

/// A line: what it is, and its points by step.
#[derive(Debug)]
pub(crate) struct Curve {
    pub(crate) label: String,
    pub(crate) points: Vec<(f64, f64)>,
}

const HEIGHT: f64 = 240.0;
const LEFT: f64 = 58.0;
const TOP: f64 = 14.0;
const LEGEND: f64 = 20.0;

/// Draws them on one pair of axes.
pub(crate) fn curves(metric: &str, curves: &[Curve]) -> Chart {
    Chart {
        wide: draw(metric, curves, 860.0),
        narrow: draw(metric, curves, 360.0),
    }
}

fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    match (low, high) {
        (low, high) if low > high => (0.0, 1.0),
        // A flat line stands in the middle.
        (low, high) if (high - low).abs() < f64::EPSILON => (low - 0.5, high + 0.5),
        both => both,
    }
}

fn draw(metric: &str, curves: &[Curve], width: f64) -> Svg {
    let height = TOP + HEIGHT + 32.0 + LEGEND * curves.len() as f64;
    let mut svg = Svg::new(&format!("{metric} over training steps"), width, height);
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let (first, last) = span(points().map(|point| point.0));
    let (low, high) = span(points().map(|point| point.1));
    let x = |step: f64| LEFT + (width - LEFT - 16.0) * (step - first) / (last - first);
    let y = |value: f64| TOP + HEIGHT * (high - value) / (high - low);
    for tick in ticks(low, high, 5.0) {
        svg.line("grid", (LEFT, y(tick)), (width - 16.0, y(tick)));
        svg.label("tick end", (LEFT - 8.0, y(tick) + 4.0), &number(tick), 9);
    }
    for tick in ticks(first, last, width / 140.0) {
        svg.label("tick middle", (x(tick), TOP + HEIGHT + 20.0), &number(tick), 10);
    }
    for (at, curve) in curves.iter().enumerate() {
        let class = format!("curve series-{}", at % 4);
        let points = curve.points.iter().filter(|(_, value)| value.is_finite());
        svg.path(
            &class,
            points.map(|(step, value)| (x(*step), y(*value))),
            &curve.label,
        );
        let below = TOP + HEIGHT + 44.0 + LEGEND * at as f64;
        svg.line(&class, (LEFT, below - 4.0), (LEFT + 22.0, below - 4.0));
        svg.label(
            "legend",
            (LEFT + 30.0, below),
            &curve.label,
            (width / 9.0) as usize,
        );
    }
    svg
}

/// As few digits as tell ticks apart.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.1}M", value / 1e6),
        size if size >= 1e4 => format!("{:.0}k", value / 1e3),
        size if size >= 100.0 || value.fract().abs() < 1e-9 => format!("{value:.0}"),
        size if size >= 0.01 => format!("{value:.2}"),
        _ => format!("{value:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_values_stay_inside() {
        let points = vec![(0.0, f64::NAN), (1.0, 2.0), (2.0, f64::INFINITY), (3.0, 2.0)];
        let chart = curves(
            "loss",
            &[Curve {
                label: "a".to_owned(),
                points,
            }],
        );
        let text = chart.inline();
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        assert!(curves("none", &[]).file().contains("</svg>"));
    }
}
