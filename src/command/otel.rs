//! Spans to an OpenTelemetry collector (OTLP over HTTP), in builds with the feature `otel` and where
//! `OTEL_EXPORTER_OTLP_ENDPOINT` names one. The standard's other variables hold too (`OTEL_SERVICE_NAME`, headers,
//! timeouts).

use std::env::var_os;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// Sends what is left when the program ends.
#[derive(Default)]
pub(super) struct Exporter {
    #[cfg(feature = "otel")]
    running: Option<(
        opentelemetry_sdk::trace::SdkTracerProvider,
        tokio::runtime::Runtime,
    )>,
}

/// The layer that takes spans, if anybody wants them.
#[cfg(not(feature = "otel"))]
pub(super) fn layer<S>() -> (Option<impl Layer<S>>, Exporter)
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    if var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
        eprintln!(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and this build exports nothing: build with `--features otel`"
        );
    }
    (None::<tracing_subscriber::layer::Identity>, Exporter::default())
}

#[cfg(feature = "otel")]
pub(super) use export::layer;

#[cfg(feature = "otel")]
mod export {
    use super::{Exporter, Layer, LookupSpan, var_os};
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
    use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::filter::{LevelFilter, Targets};

    /// The layer that takes spans, if anybody wants them.
    pub(crate) fn layer<S>() -> (Option<impl Layer<S>>, Exporter)
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        if var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
            return (None, Exporter::default());
        }
        match start() {
            Ok((provider, runtime)) => {
                // Its own crate's spans only: the exporter's requests would otherwise be spans as well.
                let spans = Targets::new().with_target("auditdm", LevelFilter::INFO);
                let tracer = provider.tracer("auditdm");
                let layer = tracing_opentelemetry::layer()
                    .with_tracer(tracer)
                    .with_filter(spans);
                let running = Some((provider, runtime));
                (Some(layer), Exporter { running })
            }
            Err(error) => {
                eprintln!("no spans are exported: {error}");
                (None, Exporter::default())
            }
        }
    }

    fn start() -> Result<(SdkTracerProvider, tokio::runtime::Runtime), Box<dyn std::error::Error>> {
        // The exporter has a thread without a runtime; its requests need one.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let client = Client {
            client: reqwest::Client::new(),
            runtime: runtime.handle().clone(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .build()?;
        let mut resource = Resource::builder();
        if var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("auditdm");
        }
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_batch_exporter(exporter)
            .build();
        Ok((provider, runtime))
    }

    #[derive(Debug)]
    struct Client {
        client: reqwest::Client,
        runtime: tokio::runtime::Handle,
    }

    #[async_trait::async_trait]
    impl HttpClient for Client {
        async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
            let client = self.client.clone();
            let sent = self.runtime.spawn(async move {
                let reply = client.execute(request.try_into()?).await?;
                let status = reply.status();
                let mut response = Response::new(reply.bytes().await?);
                *response.status_mut() = status;
                Ok(response)
            });
            sent.await?
        }
    }
}

#[cfg(feature = "otel")]
impl Drop for Exporter {
    fn drop(&mut self) {
        if let Some((provider, runtime)) = self.running.take() {
            if let Err(error) = provider.shutdown() {
                eprintln!("not all spans were exported: {error}");
            }
            runtime.shutdown_background();
        }
    }
}
