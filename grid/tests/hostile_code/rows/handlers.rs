//! Handlers of every shape, and what runs around them at the callee.

use grid::{CallError, Capacities, ErrorCode, RemoteError};

use crate::hostile::{Hostile, OnDrop};
use crate::row::row;

const TARGET: u8 = 1;
const ONE: Capacities = Capacities { incoming: 1, outgoing: 1 };

/// What the caller of a handler that panics receives, and that of another one.
#[track_caller]
fn check<T: std::fmt::Debug>(hostile: &Hostile, ended: Result<T, CallError>) {
    match ended {
        Ok(_) => assert!(!hostile.panics()),
        Err(CallError::Remote(RemoteError { code, message, .. })) => {
            assert!(hostile.panics(), "{message}");
            assert_eq!(code, ErrorCode::Panicked);
            assert!(message.contains("panicked"), "{message}");
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn handlers_before_their_future() {
    row(
        |builder, hostile| {
            let hostile = hostile.clone();
            builder.single_handler(TARGET, None, move |_, payload| {
                hostile.run();
                async move { Ok(payload) }
            })
        },
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                check(&hostile, connection.request(TARGET, None).await);
            }
        },
    );
}

#[test]
fn futures_of_handlers() {
    row(
        |builder, hostile| {
            let hostile = hostile.clone();
            builder.single_handler(TARGET, None, move |_, payload| {
                let hostile = hostile.clone();
                async move {
                    hostile.run();
                    tokio::task::yield_now().await;
                    hostile.run();
                    Ok(payload)
                }
            })
        },
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                check(&hostile, connection.request(TARGET, None).await);
            }
        },
    );
}

#[test]
fn futures_of_handlers_of_streams() {
    row(
        |builder, hostile| {
            let hostile = hostile.clone();
            builder.stream_handler(TARGET, None, ONE, move |_, _, _input, mut output| {
                let hostile = hostile.clone();
                async move {
                    output.send("item").await?;
                    hostile.run();
                    Ok(())
                }
            })
        },
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                let (_input, mut output) = connection.stream(TARGET, ONE, None).await.unwrap();
                assert_eq!(output.next().await, Some(Ok("item".into())));
                check(&hostile, output.next().await.transpose());
            }
        },
    );
}

#[test]
fn the_drop_of_what_a_handler_holds() {
    row(
        |builder, hostile| {
            let hostile = hostile.clone();
            builder.single_handler(TARGET, None, move |_, payload| {
                let held = OnDrop(hostile.clone());
                async move {
                    let _held = held;
                    Ok(payload)
                }
            })
        },
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                check(&hostile, connection.request(TARGET, None).await);
            }
        },
    );
}
