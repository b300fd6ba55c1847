//! What is logged to standard error: words for people, or one JSON object a line for machines.
//!
//! `tracing-subscriber` has a JSON format of its own behind a feature that would have Delta Lake's kernel built anew.

use super::otel::{self, Exporter};
use chrono::{SecondsFormat, Utc};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use std::fmt::Debug;
use std::io::Write;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// What is logged, and how.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// What is logged to standard error, e.g. `info` or `auditdm=debug`.
    #[arg(
        long,
        global = true,
        default_value = "warn",
        value_name = "FILTER",
        env = "AUDITDM_LOG",
        hide_env = true
    )]
    log: String,
    /// How it is logged; `json` is one object a line.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        value_name = "FORMAT",
        env = "AUDITDM_LOG_FORMAT",
        hide_env = true
    )]
    log_format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Options {
    /// From now on events are logged, until what is returned is dropped.
    pub(super) fn start(&self) -> Exporter {
        let filter = EnvFilter::try_new(&self.log).unwrap_or_else(|_| EnvFilter::new("warn"));
        let (spans, exporter) = otel::layer();
        let lines = match self.log_format {
            Format::Text => tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .boxed(),
            Format::Json => Json(std::io::stderr).boxed(),
        };
        let lines = lines.with_filter(filter);
        tracing_subscriber::registry().with(spans).with(lines).init();
        exporter
    }
}

/// Writes every event as a line: `timestamp`, `level`, `target`, `message`, and the fields of the event and of the
/// spans around it by their names.
struct Json<W>(W);

/// A span's fields, kept with it.
struct Fields(Map<String, Value>);

impl<S, W, Out> Layer<S> for Json<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn() -> Out + 'static,
    Out: Write,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields(Map::new());
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields(Map::new());
        let mut text = |name: &str, value: String| line.0.insert(name.to_owned(), value.into());
        text(
            "timestamp",
            Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
        );
        text("level", event.metadata().level().to_string());
        text("target", event.metadata().target().to_owned());
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            if let Some(Fields(fields)) = span.extensions().get() {
                line.0.extend(fields.clone());
            }
        }
        event.record(&mut line);
        // One write a line, so that lines of several threads do not mix. A reader that is gone is no reason to stop.
        let _ = (self.0)().write_all(format!("{}\n", Value::Object(line.0)).as_bytes());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0
            .insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_fields_of_its_event_and_its_spans() {
        let lines = Lines::default();
        let written = lines.clone();
        let subscriber = tracing_subscriber::registry().with(Json(move || written.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("run", run_id = "r1", status = tracing::field::Empty);
            let _inside = span.enter();
            span.record("status", "done");
            tracing::warn!(rows = 3, share = 0.5, new = true, error = %"it's \"late\"\n", "committed");
            tracing::info!("plain");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        let expected = serde_json::json!({
            "level": "WARN", "target": module_path!(), "run_id": "r1", "status": "done",
            "rows": 3, "share": 0.5, "new": true, "error": "it's \"late\"\n", "message": "committed",
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&lines[0][name], value, "{name}");
        }
        assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!(lines[1]["message"], "plain");
    }
}
