//! A report as one HTML file.
//!
//! Template, style and script are files of their own (`page.html`, `page.css`, `page.js`). The template escapes what it is
//! given; what it is given unescaped is made here: charts, whose texts are escaped as they are drawn, and JSON without
//! `<`. The policy allows exactly this style and this script by their hashes, and pictures that the page itself carries.

use super::Report;
use super::chart::{Chart, Curve, Interval, Line, Series, curves, intervals};
use super::text::shown;
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const TEMPLATE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

pub(super) fn render(report: &Report) -> Result<String> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.expect("the delimiters are the usual ones"));
    environment.add_filter("count", count);
    environment.add_filter("percent", percent);
    environment.add_filter("decimals", decimals);
    environment.add_filter("shown", |text: Option<String>| text.map(|text| shown(&text)));
    let charts: BTreeMap<String, Value> = charts(report)
        .into_iter()
        .map(|(name, chart)| (name, Value::from_safe_string(chart.inline())))
        .collect();
    let policy = format!(
        "default-src 'none'; img-src data:; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    environment
        .add_template("page.html", TEMPLATE)
        .and_then(|()| {
            environment.get_template("page.html")?.render(context! {
                report => Serde(report),
                charts,
                policy,
                left_out => Serde(&report.gallery.left_out),
                version => env!("CARGO_PKG_VERSION"),
                style => Value::from_safe_string(STYLE.to_owned()),
                script => Value::from_safe_string(SCRIPT.to_owned()),
                examples => Value::from_safe_string(report.gallery.examples()),
                pictures => Value::from_safe_string(report.gallery.pictures()),
            })
        })
        .map_err(|error| Error::File {
            action: "render",
            path: "page.html".into(),
            source: std::io::Error::other(error.to_string()),
        })
}

/// How a policy names what it allows.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// The charts by name, in the page's order.
pub(super) fn charts(report: &Report) -> Vec<(String, Chart)> {
    let both = [
        Series::new(&name(report.run.target.as_ref()), 0),
        Series::new(&name(report.run.references.as_ref()), 1),
    ];
    let weaknesses = report
        .categories
        .iter()
        .filter(|line| line.valid > 0)
        .map(|line| Line {
            label: shown(&line.label).replace('_', " "),
            note: format!("n = {}", line.valid),
            series: vec![
                Interval::of(line.target_wrong, line.valid, line.target_low, line.target_high),
                Interval::of(
                    line.reference_wrong,
                    line.reference_known,
                    line.reference_low,
                    line.reference_high,
                ),
            ],
        });
    let strategies = report.strategies.iter().map(|line| Line {
        label: shown(&line.label),
        note: format!("n = {}", line.probes),
        series: vec![
            Interval::of(line.failures, line.probes, line.low, line.high),
            Interval::of(line.only_target, line.probes, line.only_low, line.only_high),
        ],
    });
    let agreement = report.agreement.iter().map(|line| Line {
        label: format!("{} and {}", name(line.model.as_ref()), name(line.other.as_ref())),
        note: format!("n = {}", line.pairs),
        series: vec![Interval::of(
            line.same,
            line.pairs,
            line.agreement_low,
            line.agreement_high,
        )],
    });
    let found = [
        Series::new("target wrong", 0),
        Series::new("only the target wrong", 2),
    ];
    let mut charts = Vec::new();
    let mut add = |name: &str, title: &str, series: &[Series], lines: Vec<Line>| {
        if lines.iter().any(|line| line.series.iter().any(Option::is_some)) {
            charts.push((name.to_owned(), intervals(title, series, &lines)));
        }
    };
    add(
        "weaknesses",
        "Share of verified pairs that are wrong, by category",
        &both,
        weaknesses.collect(),
    );
    add(
        "strategies",
        "Share of probes that find a failure, by strategy",
        &found,
        strategies.collect(),
    );
    add(
        "agreement",
        "Share of pairs with the same answer",
        &[Series::new("same answer", 3)],
        agreement.collect(),
    );
    if let Some(slices) = &report.slices {
        let lines = slices.lines.iter().map(|line| Line {
            label: shown(&line.slice),
            note: format!("n = {}", line.valid),
            series: vec![Interval::of(
                line.failures,
                line.valid,
                line.failure_rate_low,
                line.failure_rate_high,
            )],
        });
        add(
            "slices",
            "Share of verified pairs that are wrong, by slice",
            &both[..1],
            lines.collect(),
        );
    }
    let mut metrics: BTreeMap<&str, Vec<Curve>> = BTreeMap::new();
    for point in &report.curves {
        let lines = metrics.entry(&point.metric).or_default();
        if lines.last().is_none_or(|line| line.label != point.label) {
            lines.push(Curve {
                label: point.label.clone(),
                points: Vec::new(),
            });
        }
        if let Some(line) = lines.last_mut() {
            line.points.push((point.step as f64, point.value));
        }
    }
    charts.extend(metrics.into_iter().map(|(metric, lines)| {
        let plain = metric
            .chars()
            .take(60)
            .map(|each| if each.is_alphanumeric() { each } else { '_' });
        (
            format!("training-{}", plain.collect::<String>()),
            curves(&shown(metric), &lines),
        )
    }));
    charts
}

fn name(model: Option<&String>) -> String {
    model.map_or_else(|| "(no model)".to_owned(), |name| shown(name))
}

/// `12 345`, with narrow spaces.
fn count(value: Option<i64>) -> String {
    let Some(value) = value else {
        return "–".to_owned();
    };
    let digits = value.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digits.as_bytes()[at - 1].is_ascii_digit() {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count's share of another as `47.0 %`.
fn percent(count: Option<f64>, of: Option<f64>) -> String {
    match (count, of.unwrap_or(1.0)) {
        (Some(count), of) if of > 0.0 => format!("{:.1}\u{202f}%", count / of * 100.0),
        _ => "–".to_owned(),
    }
}

fn decimals(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(count(Some(1_234_567)), "1\u{202f}234\u{202f}567");
        assert_eq!(count(Some(-1234)), "-1\u{202f}234");
        assert_eq!(
            (count(Some(-123)), count(None)),
            ("-123".to_owned(), "–".to_owned())
        );
        assert_eq!(percent(Some(47.0), Some(100.0)), "47.0\u{202f}%");
        assert_eq!(percent(Some(0.5), None), "50.0\u{202f}%");
        assert_eq!(percent(Some(1.0), Some(0.0)), "–");
    }

    #[test]
    fn style_and_script_can_be_embedded() {
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("</"), "an end tag would end the element");
            assert!(
                !text.contains('\r'),
                "the hash is of the text as browsers normalise it"
            );
        }
    }
}
