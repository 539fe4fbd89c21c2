//! Output is written in few records and few system calls: a batch of small messages must not become a record each.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use grid::{Dial, Dialing, HandlerId, Io};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::network::{Route, World, hosts, names, start};

/// Counts what is written to a stream.
#[derive(Clone, Default)]
struct Counts {
    calls: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

impl Counts {
    fn note(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.calls.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(*bytes, Ordering::Relaxed);
        }
    }
}

struct Counted<S> {
    stream: S,
    counts: Counts,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.counts.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.counts.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

struct CountedRoute {
    route: Route,
    counts: Counts,
}

impl Dial for CountedRoute {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        let (stream, counts) = (self.route.open(), self.counts.clone());
        Box::pin(async move { Ok(Box::new(Counted { stream, counts }) as Box<dyn Io>) })
    }
}

const SMALL: usize = 100;

#[tokio::test(start_paused = true)]
async fn a_batch_is_one_write_and_few_records() {
    let world = World::new("writes");
    let (_, host) = hosts();
    let (client, server) = (world.client(), world.server(host));
    let counts = Counts::default();
    let counted = counts.clone();
    let (dialing, _node) = start(
        |node, route| node.tls_over(client, CountedRoute { route, counts: counted }),
        |node| {
            let node = node.tls(server);
            node.single_handler(HandlerId::from(7), None, async |_, payload| Ok(payload))
        },
    );
    let connection = dialing.connection(names().1).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    let taken =
        || (counts.calls.swap(0, Ordering::Relaxed), counts.bytes.swap(0, Ordering::Relaxed));
    taken();

    let payload = Bytes::from(vec![7; SMALL]);
    let calls = (0..50).map(|_| connection.request(HandlerId::from(7), Some(payload.clone())));
    futures_util::future::try_join_all(calls).await.unwrap();
    let (writes, bytes) = taken();
    println!("50 small calls: {writes} writes, {bytes} bytes");
    assert!(writes <= 5, "{writes} writes for 50 calls that were made at once");
    assert!(bytes < 50 * (SMALL + 60), "{bytes} bytes: as much as a record for each call");

    let payload = Bytes::from(vec![7; 1 << 20]);
    connection.request(HandlerId::from(7), Some(payload)).await.unwrap();
    let (writes, bytes) = taken();
    println!("1 MiB: {writes} writes, {bytes} bytes");
    // Parts of 32 KiB are written one by one, so that small messages can overtake them; each is three records.
    assert!(writes <= 100, "{writes} writes for a MiB");
    let overhead = bytes.saturating_sub(1 << 20);
    assert!(overhead < 8 * 1024, "{overhead} bytes besides the payload");
}
