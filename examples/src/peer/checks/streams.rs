//! Streams that run to their end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use grid::{CallError, Connection, RawOpening, RawReceiver};

use super::check::{Check, Checked, pattern, text};
use super::expect::{ensure, same};
use crate::peer::handlers::{
    COUNT, COUNT_CAPACITIES, COUNT_ITEM_BYTES, ECHO_CAPACITIES, ECHO_STREAM, SUBROUTE,
};

/// Deadline of most streams in the checks.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Pause of a slow consumer after each message.
const SLOW: Duration = Duration::from_millis(5);

/// How many messages may be between a sender and a slow consumer: both capacities, the queue between a node's handler
/// and its link, and the messages that sender, handler and consumer are holding.
const UNDER_WAY_MAX: usize = (ECHO_CAPACITIES.incoming + 2 * ECHO_CAPACITIES.outgoing) as usize + 4;

pub(super) fn checks() -> Vec<Check> {
    let mut checks: Vec<_> = [0, 1, 1000]
        .map(|count| {
            Check::new(format!("stream echo of {count} messages"), move |peer| async move {
                echoes(open_echo(&peer, text("pre:")).timeout(TIMEOUT), "pre:", numbers(count))
                    .await
            })
        })
        .into();
    checks.extend([
        Check::new("stream echo with an absent prefix", |peer| async move {
            echoes(open_echo(&peer, None).timeout(TIMEOUT), "", numbers(20)).await
        }),
        Check::new("stream echo with an empty prefix", |peer| async move {
            echoes(open_echo(&peer, text("")).timeout(TIMEOUT), "", numbers(20)).await
        }),
        Check::new("stream echo of empty messages", |peer| async move {
            echoes(open_echo(&peer, None).timeout(TIMEOUT), "", vec![Bytes::new(); 20]).await
        }),
        Check::new("stream echo of 100 KiB messages", |peer| async move {
            let items = (0..20).map(|extra| pattern(100 * 1024 + extra)).collect();
            echoes(open_echo(&peer, text("pre:")).timeout(TIMEOUT), "pre:", items).await
        }),
        Check::new("stream echo under a subroute", |peer| async move {
            let peer = peer.subroute(SUBROUTE);
            echoes(open_echo(&peer, text("sub:")).timeout(TIMEOUT), "sub:", numbers(20)).await
        }),
        Check::new("stream echo without a deadline", |peer| async move {
            echoes(open_echo(&peer, text("pre:")), "pre:", numbers(20)).await
        }),
        Check::new("stream echo with a slow consumer", slow_consumer),
        Check::new("server stream of 0 messages", |peer| async move {
            same(&count(&peer, "0", Duration::ZERO).await?, &0)
        }),
        Check::new("server stream of 1000 messages", |peer| async move {
            same(&count(&peer, "1000", Duration::ZERO).await?, &1000)
        }),
        Check::new("server stream with a slow consumer", |peer| async move {
            same(&count(&peer, "30", SLOW).await?, &30)
        }),
    ]);
    checks
}

/// Opens a stream to the echo handler.
pub(super) fn open_echo(peer: &Connection, prefix: Option<Bytes>) -> RawOpening {
    peer.stream(ECHO_STREAM, ECHO_CAPACITIES, prefix)
}

/// Opens a stream of the counting handler. It can only be read.
pub(super) async fn open_count(
    peer: &Connection,
    count: &'static str,
) -> Result<RawReceiver, CallError> {
    Ok(peer.stream(COUNT, COUNT_CAPACITIES, text(count)).timeout(TIMEOUT).await?.1)
}

/// Sends the items and checks that each comes back with `prefix`, in order, and that the stream then ends.
pub(super) async fn echoes(opening: RawOpening, prefix: &str, items: Vec<Bytes>) -> Checked {
    let (mut input, mut output) = opening.await?;
    let send = async {
        for item in &items {
            input.send(item.clone()).await?;
        }
        input.close();
        Ok(())
    };
    let receive = async {
        let mut count = 0;
        while let Some(answer) = output.next().await {
            let answer = answer?;
            let item = items.get(count).ok_or("more answers than messages")?;
            ensure!(
                answer.strip_prefix(prefix.as_bytes()) == Some(item),
                "answer {count} of {} bytes is not {prefix:?} and the {} bytes that were sent",
                answer.len(),
                item.len()
            );
            count += 1;
        }
        same(&count, &items.len())
    };
    let (sent, received): (Result<(), grid::SendError>, Checked) = tokio::join!(send, receive);
    // An error of the stream says more than the failure to send.
    received?;
    Ok(sent?)
}

pub(super) fn numbers(count: usize) -> Vec<Bytes> {
    (0..count).map(|number| number.to_string().into()).collect()
}

async fn slow_consumer(peer: Connection) -> Checked {
    let (mut input, mut output) = open_echo(&peer, None).timeout(TIMEOUT).await?;
    let items = numbers(100);
    let sent = AtomicUsize::new(0);
    let send = async {
        for item in &items {
            input.send(item.clone()).await?;
            sent.fetch_add(1, Ordering::Relaxed);
        }
        input.close();
        Ok(())
    };
    let receive = async {
        let mut taken = 0;
        while let Some(answer) = output.next().await {
            same(&Some(&answer?), &items.get(taken))?;
            taken += 1;
            tokio::time::sleep(SLOW).await;
            let under_way = sent.load(Ordering::Relaxed) - taken;
            ensure!(
                under_way <= UNDER_WAY_MAX,
                "{under_way} messages are under way, and the capacities allow {UNDER_WAY_MAX}"
            );
        }
        same(&taken, &items.len())
    };
    let (sent, received): (Result<(), grid::SendError>, Checked) = tokio::join!(send, receive);
    received?;
    Ok(sent?)
}

/// Reads a stream of the counting handler to its end and returns the number of messages.
async fn count(peer: &Connection, payload: &'static str, pause: Duration) -> Checked<usize> {
    let mut items = open_count(peer, payload).await?;
    let mut count = 0;
    while let Some(item) = items.next().await {
        same(&item?.len(), &COUNT_ITEM_BYTES)?;
        count += 1;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    Ok(count)
}
