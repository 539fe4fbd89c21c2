//! Futures of handlers that panic in their `Drop`, or call back into the link there: when they return, when they are
//! cancelled, and when their link is lost.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use grid::{CallError, Capacities, Connection, ErrorCode, RemoteError};
use tokio::time::sleep;

use crate::support::{A, B, Network, pair};

const ONE: Capacities = Capacities { incoming: 1, outgoing: 1 };

/// Something that a handler holds, with a bug in its `Drop`.
struct Held(Shared, bool);

type Shared = Arc<(OnceLock<Connection>, AtomicUsize)>;

impl Drop for Held {
    fn drop(&mut self) {
        let (connection, dropped) = &*self.0;
        dropped.fetch_add(1, Ordering::Relaxed);
        if let Some(connection) = connection.get() {
            let _ = (connection.stats(), connection.state());
            drop(connection.request(1, None));
        }
        assert!(!self.1 || std::thread::panicking(), "a bug of the handler");
    }
}

const RETURNS: u8 = 1;
const WAITS: u8 = 2;
const STREAMS: u8 = 3;
const OTHER: u8 = 4;

async fn nodes(panics: bool) -> (Network, [grid::Manager; 2], Shared) {
    let shared = Shared::default();
    let (network, a, b) = pair(|builder| {
        let held = || {
            let shared = Arc::clone(&shared);
            move || Held(Arc::clone(&shared), panics)
        };
        let (returns, waits, streams) = (held(), held(), held());
        builder
            .single_handler(RETURNS, None, move |_cx, payload| {
                let _held = returns();
                async move {
                    let _held = _held;
                    Ok(payload)
                }
            })
            .single_handler(WAITS, None, move |_cx, _| {
                let _held = waits();
                async move {
                    let _held = _held;
                    pending().await
                }
            })
            .stream_handler(STREAMS, None, ONE, move |_cx, _, input, out| {
                let _held = streams();
                async move {
                    let _held = (_held, input, out);
                    pending().await
                }
            })
            .single_handler(OTHER, None, |_cx, payload| async {
                sleep(Duration::from_secs(5)).await;
                Ok(payload)
            })
    })
    .await;
    shared.0.set(b.connection(A).unwrap()).unwrap();
    (network, [a, b], shared)
}

#[tokio::test(start_paused = true)]
async fn they_end_their_own_call_only() {
    for panics in [false, true] {
        let (_network, [a, _b], shared) = nodes(panics).await;
        for peer in [B, A] {
            let connection = a.connection(peer).unwrap();
            shared.1.store(0, Ordering::Relaxed);
            let other = tokio::spawn(connection.request(OTHER, Some("x".into())));
            let returned = connection.request(RETURNS, None).await;
            if panics {
                let Err(CallError::Remote(RemoteError { code, .. })) = returned else {
                    panic!("{returned:?}")
                };
                assert_eq!(code, ErrorCode::Panicked);
            } else {
                assert_eq!(returned, Ok(None));
            }
            let call = connection.request(WAITS, None).timeout(Duration::from_secs(1));
            assert!(matches!(call.await, Err(CallError::DeadlineExceeded { .. })));
            let stream = connection.stream(STREAMS, ONE, None).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            drop(stream);
            assert_eq!(other.await.unwrap(), Ok(Some("x".into())));
            assert_eq!(shared.1.load(Ordering::Relaxed), 3, "all were dropped");
            assert_eq!((connection.stats().connects, connection.stats().in_flight_out), (1, 0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_is_connected_again_although_they_panic() {
    let (network, [a, b], shared) = nodes(true).await;
    let connection = a.connection(B).unwrap();
    let calls: Vec<_> = (0..3).map(|_| tokio::spawn(connection.request(WAITS, None))).collect();
    let _stream = connection.stream(STREAMS, ONE, None).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    network.cut();
    for call in calls {
        assert!(matches!(call.await.unwrap(), Err(CallError::Disconnected { .. })));
    }
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(shared.1.load(Ordering::Relaxed), 4, "all were dropped");
    assert_eq!(b.stats().connections[0].in_flight_in, 0);
    assert_eq!(connection.request(OTHER, None).await, Ok(None));
}
