//! Buffers that a caller or handler still has after the library has sent or received them.

use bytes::Bytes;
use grid::{Builder, Capacities};

use crate::protocols;
use crate::support::{A, B, pair};

const ECHO: u8 = 1;
const ECHOES: u8 = 2;
const TWO_WAY: Capacities = Capacities { incoming: 4, outgoing: 4 };

/// Copied into a message, sent in place, and sent in parts.
const LENGTHS: [usize; 4] = [10, 3000, 60_000, 700_000];

fn handlers(builder: Builder) -> Builder {
    builder.single_handler(ECHO, None, |_, payload| async { Ok(payload) }).stream_handler(
        ECHOES,
        None,
        TWO_WAY,
        |_, _, mut input, mut output| async move {
            while let Some(Ok(item)) = input.next().await {
                output.send(item).await?;
            }
            Ok(())
        },
    )
}

/// Bytes that are not the same anywhere, and differ with the seed.
fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251 + seed * 7) as u8).collect()
}

/// One buffer is sent to several nodes at once: one that masks what it sends has dialed, and the other one has not.
#[tokio::test(start_paused = true)]
async fn a_buffer_that_is_sent_is_not_changed() {
    for extensions in protocols() {
        let (_network, a, b) =
            pair(|builder| handlers(builder).extensions(extensions.iter().copied())).await;
        for len in LENGTHS {
            let buffer = Bytes::from(pattern(len, 1));
            let connections =
                [a.connection(B).unwrap(), b.connection(A).unwrap(), a.connection(A).unwrap()];
            let calls = connections
                .each_ref()
                .map(|connection| tokio::spawn(connection.request(ECHO, Some(buffer.slice(..)))));
            for connection in &connections {
                let opening = connection.stream(ECHOES, TWO_WAY, Some(buffer.clone()));
                let (mut input, mut output) = opening.await.unwrap();
                for _ in 0..2 {
                    input.send(buffer.clone()).await.unwrap();
                    assert!(output.next().await.unwrap().unwrap() == buffer, "{len} bytes");
                }
            }
            for call in calls {
                assert!(call.await.unwrap().unwrap().unwrap() == buffer, "{len} bytes");
            }
            assert!(buffer == pattern(len, 1), "{len} bytes were changed");
        }
    }
}

/// Buffers are used again for further messages: not those of which something is kept.
#[tokio::test(start_paused = true)]
async fn what_was_received_is_not_changed_by_further_messages() {
    for extensions in protocols() {
        let (_network, a, b) =
            pair(|builder| handlers(builder).extensions(extensions.iter().copied())).await;
        for connection in [a.connection(B).unwrap(), b.connection(A).unwrap()] {
            let mut kept = Vec::new();
            let (mut input, mut output) = connection.stream(ECHOES, TWO_WAY, None).await.unwrap();
            for seed in 0..12 {
                for len in LENGTHS {
                    let sent = pattern(len, seed);
                    let call = connection.request(ECHO, Some(sent.clone().into()));
                    kept.push((sent.clone(), call.await.unwrap().unwrap()));
                    input.send(sent.clone()).await.unwrap();
                    kept.push((sent, output.next().await.unwrap().unwrap()));
                }
                // Some of the buffers become free.
                kept.retain(|(sent, _)| sent.len() != LENGTHS[seed % 4] || seed % 3 == 0);
            }
            for (sent, received) in kept {
                assert!(received == sent, "{} bytes were changed", sent.len());
            }
        }
    }
}
