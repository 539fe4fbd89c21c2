//! Calls at the byte level, between two nodes and from a node to itself.

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use grid::{Builder, CallError, Capacities, Config, ErrorCode, RemoteError, Sent};
use support::{A, B, pair};
use tokio::sync::Barrier;
use tokio::time::{Instant, sleep};

const ECHO: u8 = 78;
const COUNT: u8 = 10;

fn handlers(builder: Builder) -> Builder {
    builder
        .single_handler(ECHO, None, |_cx, payload| async move {
            match payload.as_deref() {
                Some(b"fail") => Err(RemoteError::new("boom: fail")),
                Some(b"panic") => panic!("asked to"),
                Some(b"slow") => {
                    sleep(Duration::from_secs(5)).await;
                    Ok(payload)
                }
                _ => Ok(payload),
            }
        })
        .stream_handler(
            COUNT,
            None,
            Capacities { incoming: 0, outgoing: 3 },
            |_cx, payload, _in, mut out| async move {
                let text = String::from_utf8_lossy(&payload.unwrap_or_default()).into_owned();
                let count: u32 = text.parse().map_err(|_| RemoteError::new("bad count"))?;
                for number in 0..count {
                    out.send(number.to_string()).await?;
                }
                Ok(())
            },
        )
}

fn bytes(text: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(text.as_bytes()))
}

#[tokio::test(start_paused = true)]
async fn both_nodes_call_each_other_and_themselves() {
    let (_network, a, b) = pair(handlers).await;
    for (from, to) in [(&a, B), (&b, A), (&a, A), (&b, B)] {
        let connection = from.connection(to).unwrap();
        for payload in [None, bytes(""), bytes("x"), Some(Bytes::from(vec![7; 1 << 20]))] {
            assert_eq!(
                connection.request(ECHO, payload.clone()).await.unwrap(),
                payload,
                "{} to {to}",
                from.name()
            );
        }
    }
}

/// Their handlers wait for each other. Those of another node do so in vain, as it accepts two of the requests at a time.
#[tokio::test(start_paused = true)]
async fn large_requests_of_a_node_to_itself_do_not_wait_for_each_other() {
    const CALLS: usize = 5;
    const MIB: usize = 1 << 20;
    let config = Config::default().message_bytes_max(2 * MIB).bytes_per_peer_max(8 * MIB);
    let all = Arc::new(Barrier::new(CALLS));
    let (_network, a, _b) = pair(|builder| {
        let all = Arc::clone(&all);
        builder.config(config.clone()).single_handler(1, None, move |_, _| {
            let all = Arc::clone(&all);
            async move {
                all.wait().await;
                Ok(None)
            }
        })
    })
    .await;
    let payload = Bytes::from(vec![7; MIB]);
    for (to, answered, waiting) in [(A, CALLS, 0), (B, 0, CALLS - 2)] {
        let connection = a.connection(to).unwrap();
        let call = || connection.request(1, Some(payload.clone())).timeout(Duration::from_secs(1));
        let outcomes = join_all((0..CALLS).map(|_| call())).await;
        let not_sent = outcomes.iter().filter(|outcome| {
            matches!(outcome, Err(CallError::DeadlineExceeded { sent: Sent::No, .. }))
        });
        let counts = (outcomes.iter().filter(|outcome| outcome.is_ok()).count(), not_sent.count());
        assert_eq!(counts, (answered, waiting), "to {to}: {outcomes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn both_ends_know_the_names() {
    let names = |builder: Builder| {
        builder.single_handler(1, None, |cx, _| async move {
            Ok(bytes(&format!("{} serves {}", cx.local(), cx.peer())))
        })
    };
    let (_network, a, _b) = pair(names).await;
    let others: Vec<_> = a.connections().map(|connection| connection.peer().to_owned()).collect();
    assert_eq!(others, [B]);
    for connection in a.connections() {
        assert_eq!(
            connection.request(1, None).await.unwrap(),
            bytes("http://b:1 serves http://a:1")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn errors_and_panics_do_not_affect_other_calls() {
    let (_network, a, _b) = pair(handlers).await;
    let b = a.connection(B).unwrap();
    let CallError::Remote(error) = b.request(ECHO, bytes("fail")).await.unwrap_err() else {
        panic!("remote")
    };
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::Handler, "boom: fail"));
    let CallError::Remote(error) = b.request(ECHO, bytes("panic")).await.unwrap_err() else {
        panic!("remote")
    };
    assert_eq!(error.code, ErrorCode::Panicked);
    assert!(error.message.contains("panic") && !error.message.contains("asked to"), "{error}");
    let CallError::Remote(error) = b.request(40, None).await.unwrap_err() else { panic!("remote") };
    assert_eq!(error.code, ErrorCode::UnknownHandler);
    assert_eq!(
        error.message,
        format!("Invalid Handler: id 40 is not registered on this node (handler 40 at {B})")
    );
    assert_eq!(b.request(ECHO, bytes("still there")).await.unwrap(), bytes("still there"));
}

#[tokio::test(start_paused = true)]
async fn deadlines_are_exact_to_the_millisecond() {
    let (_network, a, _b) = pair(handlers).await;
    let b = a.connection(B).unwrap();
    let start = Instant::now();
    let late =
        b.request(ECHO, bytes("slow")).timeout(Duration::from_millis(200)).await.unwrap_err();
    assert!(
        matches!(late, CallError::DeadlineExceeded { after, .. } if after == Duration::from_millis(200)),
        "{late}"
    );
    assert!(
        start.elapsed() - Duration::from_millis(200) <= Duration::from_millis(1),
        "{:?}",
        start.elapsed()
    );
    let start = Instant::now();
    assert_eq!(b.request(ECHO, bytes("slow")).await.unwrap(), bytes("slow"));
    assert!(
        start.elapsed() - Duration::from_secs(5) <= Duration::from_millis(1),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_zero_timeout_is_not_sent_and_one_with_the_longest_timeout_is() {
    let (_network, a, _b) = pair(handlers).await;
    let b = a.connection(B).unwrap();
    let error = b.request(ECHO, None).deadline(Instant::now()).await.unwrap_err();
    assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error}");
    assert_eq!(b.stats().calls_out, 0);
    assert_eq!(b.request(ECHO, bytes("x")).timeout(Duration::MAX).await.unwrap(), bytes("x"));
}

#[tokio::test(start_paused = true)]
async fn streams_of_any_length() {
    let (_network, a, _b) = pair(handlers).await;
    let capacities = Capacities { incoming: 0, outgoing: 3 };
    for to in [A, B] {
        let connection = a.connection(to).unwrap();
        for count in [0, 1, 3, 4, 1000] {
            let (_, items) =
                connection.stream(COUNT, capacities, bytes(&count.to_string())).await.unwrap();
            let items: Vec<_> = items
                .map(|item| String::from_utf8(item.unwrap().to_vec()).unwrap())
                .collect()
                .await;
            assert_eq!(items, (0..count).map(|number: u32| number.to_string()).collect::<Vec<_>>());
        }
        let (_, mut items) = connection.stream(COUNT, capacities, bytes("x")).await.unwrap();
        let error = items.next().await.expect("an error").unwrap_err();
        assert_eq!(error.to_string(), "bad count");
        assert!(items.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_link_a_call_fails_at_once_or_waits_for_one() {
    let network = support::Network::default();
    let a = network.node(A, &[A, B]).build().unwrap();
    network.attach(&a);
    let to_b = a.connection(B).unwrap();
    let start = Instant::now();
    let error = to_b.request(ECHO, None).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Disconnected { sent: Sent::No, peer, .. } if &**peer == B),
        "{error}"
    );
    assert!(error.is_retryable() && !error.may_have_run());
    assert_eq!(start.elapsed(), Duration::ZERO);
    let late = to_b
        .request(ECHO, None)
        .wait_connected()
        .timeout(Duration::from_secs(3))
        .await
        .unwrap_err();
    assert!(matches!(late, CallError::Disconnected { sent: Sent::No, .. }), "{late}");
    assert!(late.to_string().contains("no route to") && !late.may_have_run(), "{late}");
    assert_eq!(start.elapsed().as_secs(), 3);
    let waiting = tokio::spawn(to_b.request(ECHO, bytes("hi")).wait_connected());
    sleep(Duration::from_secs(1)).await;
    let b = handlers(network.node(B, &[A, B])).build().unwrap();
    network.attach(&b);
    assert_eq!(waiting.await.unwrap().unwrap(), bytes("hi"));
}
