//! Charts as SVG, drawn for a page (whose style sheet colours them) or as a file with a style of its own.
//!
//! A chart is drawn twice, wide and narrow, because text that shrinks with a drawing cannot be read on a phone; the page
//! shows one of them. Every mark says its figures in its title, and the page has each chart's table beside it.

mod curves;
mod intervals;

use super::text::escaped;
use std::fmt::Write;

pub(super) use curves::{Curve, curves};
pub(super) use intervals::{Interval, Line, Series, intervals};

/// A drawing in two widths.
#[derive(Debug)]
pub(super) struct Chart {
    wide: Svg,
    narrow: Svg,
}

/// The elements of a drawing and its size.
#[derive(Debug)]
struct Svg {
    title: String,
    width: f64,
    height: f64,
    elements: String,
}

impl Chart {
    /// Both drawings for the page.
    pub(super) fn inline(&self) -> String {
        format!(
            "{}{}",
            self.wide.text("chart wide", ""),
            self.narrow.text("chart narrow", "")
        )
    }

    /// The wide drawing as a file.
    pub(super) fn file(&self) -> String {
        let style = format!("<style>{}</style>", include_str!("chart/file.css"));
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n",
            self.wide.text("chart", &style)
        )
    }
}

impl Svg {
    fn new(title: &str, width: f64, height: f64) -> Self {
        Self {
            title: escaped(title),
            width,
            height,
            elements: String::new(),
        }
    }

    fn text(&self, class: &str, style: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" role=\"img\" aria-label=\"{title}\" \
             viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">{style}{elements}</svg>",
            title = self.title,
            width = self.width,
            height = self.height,
            elements = self.elements
        )
    }

    fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let _ = write!(
            self.elements,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    /// A text of others, cut to what fits.
    fn label(&mut self, class: &str, (x, y): (f64, f64), text: &str, longest: usize) {
        let cut = if text.chars().count() > longest {
            text.chars()
                .take(longest.saturating_sub(1))
                .chain(['…'])
                .collect()
        } else {
            text.to_owned()
        };
        let _ = write!(
            self.elements,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escaped(&cut)
        );
    }

    /// A mark of one of the series, told apart by shape as well as by colour.
    fn mark(&mut self, style: usize, (x, y): (f64, f64), title: &str) {
        let title = escaped(title);
        let _ = if style == 0 {
            write!(
                self.elements,
                "<circle class=\"mark series-0\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5.5\"><title>{title}</title></circle>"
            )
        } else {
            write!(
                self.elements,
                "<path class=\"mark series-{style}\" d=\"M{x:.1} {:.1}l6 6l-6 6l-6 -6z\"><title>{title}</title></path>",
                y - 6.0
            )
        };
    }

    fn path(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>, title: &str) {
        let mut path = String::new();
        for (at, (x, y)) in points.enumerate() {
            let _ = write!(path, "{}{x:.1} {y:.1}", if at == 0 { 'M' } else { 'L' });
        }
        let title = escaped(title);
        let _ = write!(
            self.elements,
            "<path class=\"{class}\" d=\"{path}\"><title>{title}</title></path>"
        );
    }
}

/// Round numbers that span an interval, about so many.
fn ticks(low: f64, high: f64, about: f64) -> Vec<f64> {
    let span = (high - low).max(f64::MIN_POSITIVE);
    let rough = span / about;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = step.into_iter().find(|step| *step >= rough).unwrap_or(rough);
    let first = (low / step).ceil();
    let last = (high / step + 1e-9).floor();
    let count = (last - first).clamp(0.0, 50.0) as usize;
    (0..=count).map(|at| (first + at as f64) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            ticks(0.0, 1.0, 5.0),
            [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(|tick: f64| (tick / 0.2).round() * 0.2)
        );
        assert_eq!(ticks(13.0, 88.0, 4.0), [20.0, 40.0, 60.0, 80.0]);
        assert!(ticks(5.0, 5.0, 4.0).len() <= 51);
    }

    #[test]
    fn text_of_others_is_only_text() {
        let lines = [Line {
            label: "<script>alert(1)</script>&".to_owned(),
            note: "n = \"1\"".to_owned(),
            series: vec![Interval::of(1, 2, Some(0.1), Some(0.9)), None],
        }];
        let chart = intervals(
            "a \"chart\" <b>",
            &[Series::new("target", 0), Series::new("<i>", 1)],
            &lines,
        );
        for text in [chart.inline(), chart.file()] {
            assert!(
                !text.contains("<script") && !text.contains("<b>") && !text.contains("<i>"),
                "{text}"
            );
            assert!(text.contains("&lt;script&gt;alert"), "{text}");
        }
        let file = chart.file();
        assert!(file.contains("<circle") && file.contains("10–90 %"), "{file}");
    }
}
