//! The last items and the error of a stream, and streams beside one whose reader has stopped.

use std::time::Duration;

use bytes::Bytes;
use grid::{Builder, CallError, Capacities, Manager, RemoteError};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::protocols;
use crate::support::{A, B, Network, pair};

/// Sends its items, and ends.
const SOURCE: u8 = 1;
/// The same, and fails.
const FAILING: u8 = 2;
/// Reads its input when the test says so, and returns it in one item.
const LATE_SINK: u8 = 3;
/// Returns the items that it is sent.
const ECHOES: u8 = 4;
const ECHO: u8 = 5;

const CAPACITIES: Capacities = Capacities { incoming: 8, outgoing: 8 };
/// As many as are buffered without a reader.
const BUFFERED: u8 = 8;

/// Short, so that all are merged into one message; and long, so that each is sent in parts.
const LENGTHS: [usize; 3] = [1, 1000, 100_000];

fn items(len: usize) -> Vec<Bytes> {
    (0..BUFFERED).map(|number| vec![number; len].into()).collect()
}

fn handlers(builder: Builder, may_read: &watch::Receiver<bool>) -> Builder {
    let may_read = may_read.clone();
    let len = |payload: Option<Bytes>| LENGTHS[usize::from(payload.unwrap()[0])];
    builder
        .single_handler(ECHO, None, |_, payload| async { Ok(payload) })
        .stream_handler(SOURCE, None, CAPACITIES, move |_, payload, _, mut output| async move {
            for item in items(len(payload)) {
                output.send(item).await?;
            }
            Ok(())
        })
        .stream_handler(FAILING, None, CAPACITIES, move |_, payload, _, mut output| async move {
            for item in items(len(payload)) {
                output.send(item).await?;
            }
            Err(RemoteError::new("after the last item"))
        })
        .stream_handler(LATE_SINK, None, CAPACITIES, move |_, _, mut input, mut output| {
            let mut may_read = may_read.clone();
            async move {
                let _ = may_read.wait_for(|may_read| *may_read).await;
                let mut all = Vec::new();
                while let Some(item) = input.next().await {
                    all.extend(item.map_err(|error| RemoteError::new(error.to_string()))?);
                }
                output.send(all).await?;
                Ok(())
            }
        })
        .stream_handler(ECHOES, None, CAPACITIES, |_, _, mut input, mut output| async move {
            while let Some(Ok(item)) = input.next().await {
                output.send(item).await?;
            }
            Ok(())
        })
}

async fn nodes(extensions: &[&'static str]) -> (Network, [Manager; 2], watch::Sender<bool>) {
    let (read, may_read) = watch::channel(false);
    let (network, a, b) =
        pair(|builder| handlers(builder, &may_read).extensions(extensions.iter().copied())).await;
    (network, [a, b], read)
}

/// Pairs of caller and callee.
const ROUTES: [(usize, &str); 3] = [(0, B), (1, A), (0, A)];

#[tokio::test(start_paused = true)]
async fn the_last_items_of_a_stream_arrive_before_its_end() {
    for extensions in protocols() {
        let (_network, nodes, _read) = nodes(&extensions).await;
        for (caller, callee) in ROUTES {
            let connection = nodes[caller].connection(callee).unwrap();
            for (index, len) in LENGTHS.into_iter().enumerate() {
                let payload = Some(vec![index as u8].into());
                let opening = connection.stream(SOURCE, CAPACITIES, payload);
                let (_input, mut output) = opening.await.unwrap();
                // Short items are all buffered by now, and the handler has returned; with long ones it still waits for its
                // window.
                sleep(Duration::from_secs(1)).await;
                for (number, item) in items(len).into_iter().enumerate() {
                    let received = output.next().await;
                    assert!(received == Some(Ok(item)), "item {number} of {len} bytes");
                }
                assert_eq!(output.next().await, None);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_items_of_an_input_arrive_before_its_end() {
    for extensions in protocols() {
        let (_network, nodes, read) = nodes(&extensions).await;
        for (caller, callee) in ROUTES {
            let connection = nodes[caller].connection(callee).unwrap();
            for len in LENGTHS {
                read.send_replace(false);
                let opening = connection.stream(LATE_SINK, CAPACITIES, None);
                let (mut input, mut output) = opening.await.unwrap();
                let sending = tokio::spawn(async move {
                    for item in items(len) {
                        input.send(item).await.unwrap();
                    }
                });
                // What fits into the stream has been sent, and its sender is gone, long before anything is read.
                sleep(Duration::from_secs(1)).await;
                assert!(sending.is_finished() || len > 1000);
                read.send_replace(true);
                let all = output.next().await.expect("an item").unwrap();
                assert!(all == items(len).concat(), "{} bytes", all.len());
                assert_eq!(output.next().await, None);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_stream_arrives_after_its_last_item() {
    for extensions in protocols() {
        let (_network, nodes, _read) = nodes(&extensions).await;
        for (caller, callee) in ROUTES {
            let connection = nodes[caller].connection(callee).unwrap();
            for (index, len) in LENGTHS.into_iter().enumerate() {
                let payload = Some(vec![index as u8].into());
                let opening = connection.stream(FAILING, CAPACITIES, payload);
                let (_input, mut output) = opening.await.unwrap();
                sleep(Duration::from_secs(1)).await;
                for item in items(len) {
                    assert!(output.next().await == Some(Ok(item)));
                }
                let error = timeout(Duration::from_secs(1), output.next()).await;
                match error.expect("the error is lost, and the end as well") {
                    Some(Err(CallError::Remote(error))) => {
                        assert_eq!(error.message, "after the last item");
                    }
                    other => panic!("{other:?}"),
                }
                assert_eq!(output.next().await, None);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_does_not_hold_up_others() {
    for extensions in protocols() {
        let (_network, nodes, _read) = nodes(&extensions).await;
        for (caller, callee) in ROUTES {
            let connection = nodes[caller].connection(callee).unwrap();
            // Nobody reads its input at the callee, and nobody its output at the caller.
            let (mut full, _late) = connection.stream(LATE_SINK, CAPACITIES, None).await.unwrap();
            let (mut echoed, _unread) = connection.stream(ECHOES, CAPACITIES, None).await.unwrap();
            for stream in [&mut full, &mut echoed] {
                while let Ok(sent) =
                    timeout(Duration::from_secs(1), stream.send(vec![7; 40_000])).await
                {
                    sent.unwrap();
                }
            }
            let others = async {
                let (mut input, mut output) =
                    connection.stream(ECHOES, CAPACITIES, None).await.unwrap();
                for _ in 0..100 {
                    input.send(vec![1; 1000]).await.unwrap();
                    assert_eq!(output.next().await.unwrap().unwrap().len(), 1000);
                    connection.request(ECHO, Some("x".into())).await.unwrap();
                }
                // Large items and requests have queues of their own.
                input.send(vec![1; 500_000]).await.unwrap();
                assert_eq!(output.next().await.unwrap().unwrap().len(), 500_000);
                let large = connection.request(ECHO, Some(vec![1; 500_000].into()));
                assert_eq!(large.await.unwrap().unwrap().len(), 500_000);
            };
            timeout(Duration::from_secs(1), others).await.expect("they wait for the other stream");
        }
    }
}
