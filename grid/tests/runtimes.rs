//! Nodes whose runtime ends, and nodes that nobody uses any more.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "support/listener.rs"]
mod listener;
#[path = "support/script.rs"]
mod script;
mod support;

use std::sync::Mutex;
use std::time::Duration;

use futures_util::SinkExt as _;

use grid::{CallError, LinkError, Manager, Refused, Sent, State};
use listener::scripted_listener;
use script::{Connect, Scripted};
use support::{A, B, sides};
use tokio::runtime::{Builder, Runtime};
use tokio_tungstenite::tungstenite::Message;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn is_gone<T: std::fmt::Debug>(result: &Result<T, CallError>) -> bool {
    match result {
        Err(CallError::Disconnected { reason, sent: Sent::No, .. }) => {
            matches!(&**reason, LinkError::RuntimeGone)
        }
        _ => false,
    }
}

#[test]
fn calls_of_a_node_whose_runtime_has_ended_fail_at_once() {
    let first = runtime();
    let manager = first
        .block_on(async { Manager::builder(A).hosts([A, B]).token(grid::NoAuth).build().unwrap() });
    let second = runtime();
    let connection = manager.connection(B).unwrap();
    let waiting = second.spawn(connection.request(7, None).wait_connected());
    second.block_on(tokio::task::yield_now());
    drop(first);
    second.block_on(async {
        assert!(is_gone(&waiting.await.unwrap()), "it waited when the runtime ended");
        for peer in [A, B] {
            let connection = manager.connection(peer).unwrap();
            for wait in [false, true] {
                let call = connection.request(7, None).timeout(Duration::from_secs(3600));
                let result = if wait { call.wait_connected().await } else { call.await };
                assert!(is_gone(&result), "{peer}: {result:?}");
            }
            let error = connection.wait_connected(Duration::from_secs(3600)).await.unwrap_err();
            let State::Error(reason) = &error.state else { panic!("{error}") };
            assert!(matches!(&**reason, LinkError::RuntimeGone), "{error}");
        }
        manager.shutdown(Duration::from_secs(3600)).await;
        assert_eq!(connection.state(), State::Shutdown);
    });
}

#[tokio::test(start_paused = true)]
async fn a_task_that_serves_does_not_keep_the_node_alive() {
    let (dialer, listener) = sides();
    let (incoming, route) = scripted_listener();
    let manager = Manager::builder(listener).hosts([A, B]).token(grid::NoAuth).build().unwrap();
    let serving = tokio::spawn(manager.serve(incoming));
    let peer = Manager::builder(dialer)
        .hosts([A, B])
        .token(grid::NoAuth)
        .dial_with(route)
        .build()
        .unwrap();
    let connection = peer.connection(listener).unwrap();
    connection.wait_connected(Duration::from_secs(1)).await.unwrap();
    drop(manager);
    serving.await.unwrap().unwrap();
    connection.states().wait_for(|state| !state.is_connected()).await.unwrap();
    let text = connection.state().to_string();
    assert!(text.contains("this node is shut down"), "{text}");
}

/// The form that older code has. The task owns a clone.
#[tokio::test(start_paused = true)]
async fn a_task_with_a_clone_can_still_serve() {
    let (incoming, _route) = scripted_listener();
    let manager = Manager::builder(A).build().unwrap();
    let serving = tokio::spawn({
        let manager = manager.clone();
        async move { manager.serve(incoming).await }
    });
    manager.shutdown(Duration::ZERO).await;
    serving.await.unwrap().unwrap();
}

/// A handler that blocks its thread can keep the link's task from taking a new connection. Later ones replace the one
/// that waits for it, and neither they nor the listener wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn connections_to_a_blocked_link_do_not_pile_up() {
    let (dialer, listener) = sides();
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let blocked = Mutex::new(blocked);
    let block = move |_, _| {
        begun.send(()).unwrap();
        // Ends when the sender is dropped.
        let _ = blocked.lock().unwrap().recv();
        async { Ok(None) }
    };
    let manager = Manager::builder(listener)
        .hosts([A, B])
        .token(grid::NoAuth)
        .single_handler(7, None, block)
        .build()
        .unwrap();
    let (mut sockets, mut accepted) = (Vec::new(), Vec::new());
    for dial in 1..=20 {
        let (near, far) = tokio::io::duplex(1 << 16);
        let node = manager.clone();
        accepted.push(tokio::spawn(async move { node.accept(far).await }));
        let mut socket = Scripted::upgrade(near).await;
        socket.connect(&Connect::new(dialer, listener, 1, dial)).await.unwrap();
        if dial == 1 {
            let mut request = b"\x97\x01\x00\xcd\xea\x60\x07\x0e\x03\xc4\x00".to_vec();
            let checksum = twox_hash::XxHash3_64::oneshot(&request) as u32;
            request.extend_from_slice(&checksum.to_le_bytes());
            socket.0.send(Message::Binary(request.into())).await.unwrap();
            begins.recv().await.unwrap();
        }
        sockets.push(socket);
    }
    for accepting in accepted {
        let accepting = tokio::time::timeout(Duration::from_secs(20), accepting);
        let accepted = accepting.await.expect("accepting does not wait for the link").unwrap();
        // The next dial may already have been accepted.
        let is_replaced = |refused: Refused| matches!(*refused.reason, LinkError::Replaced { .. });
        assert!(accepted.err().is_none_or(is_replaced));
    }
    let last = sockets.pop();
    for mut socket in sockets.drain(1..) {
        let frame = socket.closed().await.expect("a reason");
        assert_eq!(u16::from(frame.code), 1001, "{}", frame.reason);
    }
    drop(release);
    let connection = manager.connection(dialer).unwrap();
    connection.wait_connected(Duration::from_secs(20)).await.unwrap();
    drop(last);
}
