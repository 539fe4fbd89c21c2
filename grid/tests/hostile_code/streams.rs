//! Halves of streams that are dropped or not read: the other half and the other node go on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use grid::{
    CallError, Capacities, Incoming, InputError, Manager, Outgoing, RemoteError, SendError,
};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{A, B, Network, pair};

const TWO: Capacities = Capacities { incoming: 2, outgoing: 1 };
const ALL: &[&str] = &["ids32", "meta", "cancel", "credits", "chunks", "names"];
const NONE: &[&str] = &[];

/// Handlers of raw streams: 1 drops its input, 2 fails after one answer that the caller must read first.
async fn raw(extensions: &'static [&'static str]) -> (Network, Manager, Manager) {
    pair(|builder| {
        builder
            .extensions(extensions.iter().copied())
            .stream_handler(1, None, TWO, |_cx, _, input, mut out| async move {
                drop(input);
                sleep(Duration::from_secs(10)).await;
                out.send("done").await?;
                Ok(())
            })
            .stream_handler(2, None, TWO, |_cx, _, _input, mut out| async move {
                out.send("only").await?;
                Err(RemoteError::new("no more"))
            })
            .stream_handler(3, None, TWO, |_cx, _, mut input, mut out| async move {
                drop(input.next().await);
                drop(input);
                sleep(Duration::from_secs(10)).await;
                out.send("done").await?;
                Ok(())
            })
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_caller_does_not_wait_for_a_handler_that_has_dropped_its_input() {
    for extensions in [ALL, NONE] {
        let (_network, a, _b) = raw(extensions).await;
        for (peer, handler) in [(B, 1), (B, 3), (A, 1), (A, 3)] {
            let connection = a.connection(peer).unwrap();
            let (mut input, mut output) = connection.stream(handler, TWO, None).await.unwrap();
            let began = Instant::now();
            for item in 0..100 {
                timeout(Duration::from_secs(5), input.send(vec![item]))
                    .await
                    .unwrap_or_else(|_| panic!("{peer}, {extensions:?}: item {item} waits"))
                    .unwrap();
            }
            drop(input);
            assert!(began.elapsed() < Duration::from_secs(1));
            assert_eq!(output.next().await, Some(Ok(Bytes::from("done"))));
            assert_eq!(output.next().await, None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_does_not_wait_for_a_handler_that_has_returned() {
    for extensions in [ALL, NONE] {
        let (_network, a, _b) = raw(extensions).await;
        for peer in [A, B] {
            let connection = a.connection(peer).unwrap();
            let (mut input, mut output) = connection.stream(2, TWO, None).await.unwrap();
            // With credits, the error of the handler waits until the caller has read the item before it, which it does at the
            // end. With windows, the caller learns of the error at once.
            for item in 0..100 {
                let sent = timeout(Duration::from_secs(5), input.send(vec![item])).await;
                let waits = || panic!("{peer}, {extensions:?}: item {item} waits");
                if let Err(error) = sent.unwrap_or_else(|_| waits()) {
                    assert!(matches!(error, SendError::Closed(_)), "{error}");
                    break;
                }
            }
            assert_eq!(output.next().await, Some(Ok(Bytes::from("only"))));
            let error = output.next().await.unwrap().unwrap_err();
            assert!(error.to_string().contains("no more"), "{error}");
        }
    }
}

#[grid::service]
trait Numbers {
    /// Reads until an item cannot be decoded, then waits.
    #[handler(id = 7, incoming = 2)]
    async fn sum(&self, input: Incoming<u8>) -> Result<u32, RemoteError>;
    /// Never reads its input, and sends for ever.
    #[handler(id = 8, incoming = 2, outgoing = 2)]
    async fn count(&self, input: Incoming<u8>, out: Outgoing<u32>) -> Result<(), RemoteError>;
}

#[derive(Clone, Default)]
struct Node {
    ended: Arc<AtomicUsize>,
    errors: Arc<Mutex<Vec<InputError>>>,
}

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Numbers for Node {
    async fn sum(&self, mut input: Incoming<u8>) -> Result<u32, RemoteError> {
        let mut sum = 0;
        while let Some(item) = input.next().await {
            match item {
                Ok(number) => sum += u32::from(number),
                Err(error) => self.errors.lock().unwrap().push(error),
            }
        }
        sleep(Duration::from_secs(10)).await;
        Ok(sum)
    }

    async fn count(&self, input: Incoming<u8>, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        let _ended = CountDrop(Arc::clone(&self.ended));
        let _unread = input;
        for number in 0.. {
            out.send(number).await?;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_does_not_wait_for_a_handler_that_cannot_decode_its_input() {
    for extensions in [ALL, NONE] {
        let node = Node::default();
        let (_network, a, _b) = pair(|builder| {
            let server = NumbersServer::new(node.clone());
            builder.service(server).extensions(extensions.iter().copied())
        })
        .await;
        let capacities = NumbersClient::SUM.info().capacities();
        let connection = a.connection(B).unwrap();
        let (mut input, mut output) = connection.stream(7, capacities, None).await.unwrap();
        for item in [&b"\x01"[..], b"\x02", b"\xa1x"].into_iter().chain([&b"\x04"[..]; 50]) {
            timeout(Duration::from_secs(5), input.send(item)).await.expect("it waits").unwrap();
        }
        assert_eq!(output.next().await, Some(Ok(Bytes::from_static(b"\x03"))));
        let errors = std::mem::take(&mut *node.errors.lock().unwrap());
        assert!(matches!(*errors, [InputError::Decode(_)]), "{errors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_responses_ends_the_requests() {
    let node = Node::default();
    let (_network, a, _b) = pair(|builder| builder.service(NumbersServer::new(node.clone()))).await;
    for (cancelled, peer) in [A, B].into_iter().enumerate() {
        let client = NumbersClient::new(a.connection(peer).unwrap());
        let (mut input, mut output) = client.count().await.unwrap();
        assert_eq!(output.next().await, Some(Ok(0)));
        let sending = tokio::spawn(async move {
            loop {
                if let Err(error) = input.send(1).await {
                    return error;
                }
            }
        });
        sleep(Duration::from_secs(1)).await;
        assert!(!sending.is_finished(), "the handler does not read");
        drop(output);
        assert!(matches!(sending.await.unwrap(), SendError::Closed(_)));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(node.ended.load(Ordering::Relaxed), cancelled + 1, "the handler is cancelled");
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_requests_leaves_the_responses() {
    let node = Node::default();
    let (_network, a, _b) = pair(|builder| builder.service(NumbersServer::new(node.clone()))).await;
    let client = NumbersClient::new(a.connection(B).unwrap());
    let (input, mut output) = client.count().await.unwrap();
    drop(input);
    for number in 0..10 {
        assert_eq!(output.next().await, Some(Ok(number)));
    }
    let (input, reply) = client.sum().await.unwrap();
    drop(reply);
    sleep(Duration::from_secs(1)).await;
    drop(input);
    let (mut input, reply) = client.sum().await.unwrap();
    input.send(5).await.unwrap();
    drop(input);
    assert_eq!(reply.await, Ok::<_, CallError<RemoteError>>(5));
}
