//! The subscriber of the log: the library logs in its own tasks, about calls and about links.

use std::time::Duration;

use grid::{Builder, CallError, Denied, ErrorCode, RemoteError};
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use super::connecting::third;
use crate::gate::LIMIT;
use crate::hostile::Hostile;
use crate::hostile_log::LogPlace;
use crate::neighbours::Links;
use crate::row::Row;
use crate::support::A;

/// Panics, in its first poll and in a later one.
const PANICS: u8 = 1;
const PANICS_LATER: u8 = 2;
const NOT_PERMITTED: u8 = 3;
const UNKNOWN: u8 = 4;

/// Calls that a node logs something about.
fn logged_calls(builder: Builder, _: &Hostile) -> Builder {
    builder
        .single_handler(PANICS, None, |_, payload| async move {
            assert!(payload.is_none(), "logged");
            Ok(None)
        })
        .single_handler(PANICS_LATER, None, |_, _| async {
            tokio::task::yield_now().await;
            panic!("logged")
        })
        .single_handler(NOT_PERMITTED, None, |_, _| async { Ok(None) })
        .permit(|call| match call.method() {
            "handler 3" => Err(Denied::new("logged")),
            _ => Ok(()),
        })
}

/// Makes them. Each has the outcome that it would have without a log.
async fn make_logged_calls(links: Links, hostile: Hostile) {
    // Until it is known as quick, and polled in the task of the link.
    for connection in links.all() {
        for _ in 0..64 {
            connection.request(PANICS, None).await.unwrap();
        }
    }
    hostile.arm();
    for connection in links.all() {
        for (handler, code) in [
            (PANICS, ErrorCode::Panicked),
            (PANICS_LATER, ErrorCode::Panicked),
            (NOT_PERMITTED, ErrorCode::NotPermitted),
            (UNKNOWN, ErrorCode::UnknownHandler),
        ] {
            let ended = connection.request(handler, Some("x".into())).await.unwrap_err();
            let CallError::Remote(RemoteError { code: received, .. }) = ended else {
                panic!("{handler}: {ended:?}")
            };
            assert_eq!(received, code, "handler {handler}");
        }
    }
}

#[test]
fn lines_about_calls() {
    Row::new(logged_calls, make_logged_calls).in_the_log(LogPlace::Lines).run();
}

/// A third node comes, is refused, is accepted, and goes, and strangers call.
async fn make_logged_links(links: Links, hostile: Hostile) {
    hostile.arm();
    let node = hostile.node(A);
    let name = third(true);
    let members = node.members();
    // What is left of it does not keep the node alive.
    drop(node);
    let serve = |name: &str, hosts: &[&str]| {
        let node = hostile.network().node(name, hosts).build().unwrap();
        hostile.network().attach(&node);
        node
    };
    // It refuses A, which it does not know.
    let refusing = serve(name, &[name]);
    members.add(name).unwrap();
    hostile.has_run().await;
    let accepting = serve(name, &[A, name]);
    drop(refusing);
    assert!(links.there.state().is_connected());
    let third = hostile.node(A).connection(name).unwrap();
    third.wait_connected(LIMIT).await.unwrap();
    // A link that has carried a call is dialed again at once.
    third.request(UNKNOWN, None).await.unwrap_err();
    let again = serve(name, &[A, name]);
    accepting.shutdown(Duration::ZERO).await;
    while third.stats().connects < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    let (mut stranger, far) = tokio::io::duplex(1 << 16);
    stranger.write_all(b"GET /else HTTP/1.1\r\n\r\n").await.unwrap();
    hostile.node(A).accept(far).await.unwrap_err();
    members.remove(name, Duration::ZERO).await.unwrap();
    drop(again);
}

#[test]
fn lines_about_links() {
    let row = Row::new(|builder, _| builder, make_logged_links);
    row.has_pauses().in_the_log(LogPlace::Lines).run();
}

#[test]
fn spans_of_links() {
    let row = Row::new(logged_calls, make_logged_calls).others_may_wait();
    row.in_the_log(LogPlace::Spans).run();
}

/// The link of a third node ends, and with it its span.
async fn end_link(_: Links, hostile: Hostile) {
    let name = third(true);
    let serve = || {
        let node = hostile.network().node(name, &[A, name]).build().unwrap();
        hostile.network().attach(&node);
        node
    };
    let serving = serve();
    hostile.node(A).members().add(name).unwrap();
    let third = hostile.node(A).connection(name).unwrap();
    third.wait_connected(LIMIT).await.unwrap();
    let again = serve();
    // Both ends have a span.
    hostile.arm_once();
    serving.shutdown(Duration::ZERO).await;
    hostile.has_run().await;
    if hostile.ends_node() {
        return;
    }
    // The task that had the span goes on.
    while third.stats().connects < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    third.request(UNKNOWN, None).await.unwrap_err();
    drop(again);
}

#[test]
fn spans_of_links_that_end() {
    let row = Row::new(|builder, _| builder, end_link);
    row.has_pauses().in_the_log(LogPlace::SpanEnds).run();
}
