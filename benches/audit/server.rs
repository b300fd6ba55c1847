//! A scripted server of chat completions, with as little work a request as it can: it shares the machine with
//! what is measured.
//!
//! The address says what it does: `http://127.0.0.1:PORT/50/yes/v1` answers "yes" after 50 ms, and `/0/id/v1`
//! with another text for each request; in texts `_` stands for a space, `*` for a question mark and
//! `~` for a new line.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

static SERVED: AtomicU64 = AtomicU64::new(0);

/// Answers on a free port, which it prints, until the process ends.
pub(crate) async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A client that leaves in the middle is its own business.
        tokio::spawn(async move { drop(talk(stream).await) });
    }
}

async fn talk(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        let mut filled = 0;
        let end = loop {
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                read => filled += read,
            }
            if let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let mut path = head.split(' ').nth(1).unwrap_or_default().split('/').skip(1);
        let latency_ms = path.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let text = path
            .next()
            .unwrap_or("yes")
            .replace('_', " ")
            .replace('*', "?")
            .replace('~', "\\n");
        let lower = head.to_lowercase();
        let length = lower
            .split("content-length:")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        let mut left: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        left = left.saturating_sub(filled - end);
        while left > 0 {
            let most = left.min(buffer.len());
            match stream.read(&mut buffer[..most]).await? {
                0 => return Ok(()),
                read => left -= read,
            }
        }
        tokio::time::sleep(Duration::from_millis(latency_ms)).await;
        let number = SERVED.fetch_add(1, Ordering::Relaxed);
        let text = if text == "id" { number.to_string() } else { text };
        let body = format!(
            r#"{{"id":"{number}","object":"chat.completion","created":0,"model":"scripted","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":300,"completion_tokens":2,"total_tokens":302}}}}"#
        );
        let reply = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(reply.as_bytes()).await?;
    }
}
