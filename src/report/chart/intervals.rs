//! Shares with their intervals, a line for each label, one mark for each series.

use super::{Chart, Svg, ticks};

/// A share of counted things, and where it may lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interval {
    share: f64,
    low: f64,
    high: f64,
}

impl Interval {
    /// None without counts.
    pub(crate) fn of(count: i64, of: i64, low: Option<f64>, high: Option<f64>) -> Option<Self> {
        Some(Self {
            share: (of > 0).then(|| count as f64 / of as f64)?,
            low: low?,
            high: high?,
        })
    }
}

/// What is compared in every line, and its colour and shape: 0 for the target, 1 for the reference.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) style: usize,
}

impl Series {
    pub(crate) fn new(name: &str, style: usize) -> Self {
        Self {
            name: name.to_owned(),
            style,
        }
    }
}

/// What stands in one line of the chart.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) label: String,
    /// What stands at the end, e.g. how many pairs.
    pub(crate) note: String,
    pub(crate) series: Vec<Option<Interval>>,
}

/// Where things stand, in pixels.
struct Layout {
    width: f64,
    left: f64,
    right: f64,
    row: f64,
    /// Labels stand above their marks instead of beside them.
    stacked: bool,
    about: f64,
}

const WIDE: Layout = Layout {
    width: 860.0,
    left: 236.0,
    right: 78.0,
    row: 34.0,
    stacked: false,
    about: 6.0,
};

const NARROW: Layout = Layout {
    width: 360.0,
    left: 14.0,
    right: 18.0,
    row: 52.0,
    stacked: true,
    about: 4.0,
};

const TOP: f64 = 34.0;
const BOTTOM: f64 = 28.0;

/// Draws them, from 0 to the highest bound.
pub(crate) fn intervals(title: &str, series: &[Series], lines: &[Line]) -> Chart {
    Chart {
        wide: draw(title, series, lines, &WIDE),
        narrow: draw(title, series, lines, &NARROW),
    }
}

fn draw(title: &str, series: &[Series], lines: &[Line], layout: &Layout) -> Svg {
    let height = TOP + layout.row * lines.len() as f64 + BOTTOM;
    let mut svg = Svg::new(title, layout.width, height);
    let all = lines.iter().flat_map(|line| line.series.iter().flatten());
    let highest = all.map(|each| each.high).fold(0.2, f64::max);
    let top = (highest * 10.0).ceil() / 10.0;
    let x = |share: f64| layout.left + (layout.width - layout.left - layout.right) * share / top;
    for tick in ticks(0.0, top, layout.about) {
        svg.line("grid", (x(tick), TOP - 4.0), (x(tick), height - BOTTOM));
        svg.label(
            "tick middle",
            (x(tick), height - 9.0),
            &format!("{:.0} %", tick * 100.0),
            8,
        );
    }
    legend(&mut svg, series, layout);
    for (at, line) in lines.iter().enumerate() {
        let y = TOP + layout.row * (at as f64 + 0.5);
        let middle = if layout.stacked { y + 11.0 } else { y };
        if layout.stacked {
            svg.label("label", (layout.left, y - 8.0), &line.label, 34);
            svg.label("note end", (layout.width - 4.0, y - 8.0), &line.note, 12);
        } else {
            svg.label("label end", (layout.left - 16.0, y + 4.5), &line.label, 30);
            svg.label("note end", (layout.width - 4.0, y + 4.5), &line.note, 12);
        }
        svg.line("base", (x(0.0), middle), (x(top), middle));
        for (series_at, Series { name, style }) in series.iter().enumerate() {
            let Some(Some(interval)) = line.series.get(series_at) else {
                continue;
            };
            let spread = if series.len() > 1 { 12.0 } else { 0.0 };
            let y = middle + spread * (series_at as f64 - (series.len() as f64 - 1.0) / 2.0);
            svg.line(
                &format!("whisker series-{style}"),
                (x(interval.low), y),
                (x(interval.high), y),
            );
            let title = format!(
                "{}, {name}: {:.1} % ({:.0}–{:.0} %)",
                line.label,
                interval.share * 100.0,
                interval.low * 100.0,
                interval.high * 100.0
            );
            svg.mark(*style, (x(interval.share), y), &title);
        }
    }
    svg
}

fn legend(svg: &mut Svg, series: &[Series], layout: &Layout) {
    let mut at = layout.left + 6.0;
    let longest = if layout.stacked { 22 } else { 28 };
    for Series { name, style } in series {
        svg.mark(*style, (at, 12.0), name);
        svg.label("legend", (at + 11.0, 16.5), name, longest);
        at += 34.0 + 7.4 * name.chars().count().min(longest) as f64;
    }
}
