//! Answers that are too long for memory: lines of JSON, made as the caller reads them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::control::{Export, Fault};

/// How long a caller may take to read what stands ready; cut off after.
const READ_IN: Duration = Duration::from_secs(30);

/// Entries of the audit log as lines of JSON.
pub(super) struct Lines(pub Export);

/// A piece of an answer; none is the end. Where nobody says that it is the end, the answer breaks off.
type Piece = Result<Option<Bytes>, Fault>;

/// Bytes from whoever makes them. One piece waits.
struct Pieces(Receiver<Piece>);

impl IntoResponse for Lines {
    fn into_response(self) -> Response {
        let (sender, pieces) = channel(1);
        tokio::spawn(make(self.0, sender));
        let mut response = Response::new(Body::new(Pieces(pieces)));
        let kind = HeaderValue::from_static("application/x-ndjson");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// Ends with the export, with its caller, or with the first error: then the answer breaks off, so
/// that nobody takes it for whole.
async fn make(mut export: Export, pieces: Sender<Piece>) {
    loop {
        let piece = match export.next().await {
            Ok(None) => Ok(None),
            Ok(Some(entries)) if entries.is_empty() && !pieces.is_closed() => continue,
            Ok(Some(entries)) => lines(&entries).map(Some).map_err(|_| Fault::Broken),
            Err(fault) => Err(fault),
        };
        let last = !matches!(piece, Ok(Some(_)));
        if let Err(fault) = &piece {
            tracing::error!(error = %fault, "an export broke off");
        }
        let sent = tokio::time::timeout(READ_IN, pieces.send(piece)).await;
        if last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

fn lines<T: serde::Serialize>(entries: &[T]) -> Result<Bytes, serde_json::Error> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    Ok(lines.into())
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let piece = ready!(self.get_mut().0.poll_recv(cx)).unwrap_or(Err(Fault::Broken));
        Poll::Ready(piece.transpose().map(|piece| piece.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Collected};

    #[tokio::test]
    async fn only_an_answer_that_is_whole_ends() {
        for whole in [true, false] {
            let (sender, pieces) = channel(2);
            sender.send(Ok(Some(Bytes::from_static(b"{}\n")))).await.expect("room");
            if whole {
                sender.send(Ok(None)).await.expect("room");
            }
            drop(sender);
            let read = Pieces(pieces).collect().await.map(Collected::to_bytes);
            assert_eq!(read.ok(), whole.then(|| Bytes::from_static(b"{}\n")));
        }
    }
}
