//! Streams that end early: with an error, a refusal, a cancellation, or at the deadline.

use std::time::Duration;

use grid::Connection;
use tokio::time::Instant;

use super::check::{Check, Checked, text};
use super::expect::{deadline_passed, ensure, handler_error, same, still_good, unknown};
use super::streams::{open_count, open_echo};
use crate::peer::handlers::{
    COUNT, COUNT_CAPACITIES, ECHO, ECHO_CAPACITIES, ECHO_STREAM, SUBROUTE,
};

/// An id that is not served.
const NOBODY: u8 = 41;

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check::new("server stream error", server_stream_error),
        Check::new("stream error", stream_error),
        Check::new("unknown stream handler", |peer| async move {
            unknown(peer.stream(NOBODY, ECHO_CAPACITIES, None).await)
        }),
        Check::new("unknown stream subroute", |peer| async move {
            let peer = peer.subroute("no/such");
            unknown(peer.stream(ECHO_STREAM, ECHO_CAPACITIES, None).await)
        }),
        Check::new("unknown stream handler under a subroute", |peer| async move {
            unknown(peer.subroute(SUBROUTE).stream(COUNT, COUNT_CAPACITIES, text("1")).await)
        }),
        Check::new("stream to a single handler", |peer| async move {
            unknown(peer.stream(ECHO, ECHO_CAPACITIES, None).await)
        }),
        Check::new("cancelled stream", cancelled_stream),
        Check::new("cancelled server stream", cancelled_server_stream),
        Check::new("stream deadline", stream_deadline),
        Check::new("server stream deadline", server_stream_deadline),
    ]
}

async fn server_stream_error(peer: Connection) -> Checked {
    let mut items = open_count(&peer, "many").await?;
    handler_error(items.next().await.ok_or("ended without its error")?, "bad count")?;
    ensure!(items.next().await.is_none(), "received a message after the error");
    Ok(())
}

async fn stream_error(peer: Connection) -> Checked {
    let (mut input, mut output) = open_echo(&peer, text("pre:")).await?;
    input.send("one").await?;
    same(&output.next().await.ok_or("ended early")??, &"pre:one".into())?;
    input.send("fail").await?;
    handler_error(output.next().await.ok_or("ended without its error")?, "stream boom")?;
    ensure!(output.next().await.is_none(), "received a message after the error");
    ensure!(input.send("two").await.is_err(), "sent into a stream that has ended");
    drop((input, output));
    still_good(&peer).await
}

async fn cancelled_stream(peer: Connection) -> Checked {
    let (mut input, mut output) = open_echo(&peer, text("pre:")).await?;
    for _ in 0..3 {
        input.send("one").await?;
        same(&output.next().await.ok_or("ended early")??, &"pre:one".into())?;
    }
    // While messages are in flight in both directions.
    input.send("two").await?;
    drop(output);
    ensure!(input.send("three").await.is_err(), "sent into a stream that was cancelled");
    still_good(&peer).await
}

async fn cancelled_server_stream(peer: Connection) -> Checked {
    let mut items = open_count(&peer, "1000000").await?;
    for _ in 0..3 {
        items.next().await.ok_or("ended early")??;
    }
    drop(items);
    still_good(&peer).await
}

const DEADLINE: Duration = Duration::from_millis(200);

async fn stream_deadline(peer: Connection) -> Checked {
    let start = Instant::now();
    let (mut input, mut output) = open_echo(&peer, text("pre:")).timeout(DEADLINE).await?;
    input.send("one").await?;
    same(&output.next().await.ok_or("ended early")??, &"pre:one".into())?;
    let end = output.next().await.ok_or("ended without an error")?;
    deadline_passed(end, start, DEADLINE)?;
    ensure!(input.send("two").await.is_err(), "sent after the deadline");
    drop((input, output));
    still_good(&peer).await
}

async fn server_stream_deadline(peer: Connection) -> Checked {
    let start = Instant::now();
    let opening = peer.stream(COUNT, COUNT_CAPACITIES, text("1000000")).timeout(DEADLINE);
    let (_, mut items) = opening.await?;
    let end = loop {
        match items.next().await.ok_or("ended without an error")? {
            // Paced, so that the stream does not end before its deadline.
            Ok(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => break Err::<(), _>(error),
        }
    };
    deadline_passed(end, start, DEADLINE)?;
    drop(items);
    still_good(&peer).await
}
