//! `auditdm audit --metrics 127.0.0.1:9464`: the run's counters over HTTP, for Prometheus.
//!
//! One page under every path. Left out: TLS and passwords; listen on an address that only the collector
//! reaches.

use crate::audit::Audit;
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Longest head of a request.
const LONGEST_HEAD_BYTE: u64 = 16 << 10;

/// Serves the page until it is aborted.
pub(super) async fn serve(address: SocketAddr, audit: Arc<Audit>) -> anyhow::Result<JoinHandle<()>> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: choose another address for --metrics"))?;
    Ok(tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors, most likely: they come back.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let audit = audit.clone();
            tokio::spawn(async move {
                // A collector that goes away comes again.
                let _ = tokio::time::timeout(Duration::from_secs(5), reply(stream, &audit)).await;
            });
        }
    }))
}

async fn reply(stream: TcpStream, audit: &Audit) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = (&mut stream).take(LONGEST_HEAD_BYTE);
    let mut line = Vec::new();
    // Up to the empty line that ends the head.
    while head.read_until(b'\n', &mut line).await? > 2 {
        line.clear();
    }
    let page = audit
        .metrics
        .page(&audit.run_id, &audit.progress, &audit.cast.traffic.budget);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        page.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.shutdown().await
}
