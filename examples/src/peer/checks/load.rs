//! Many calls at once.

use bytes::Bytes;
use grid::Connection;
use tokio::task::JoinSet;

use super::check::{Check, Checked};
use super::expect::{echoes, still_good};
use super::streams::{self, numbers, open_echo};

const TASKS: usize = 64;
const REQUESTS: usize = 10_000;

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check::new(format!("{TASKS} streams at once"), many_streams),
        Check::new(format!("{REQUESTS} requests from {TASKS} tasks"), many_requests),
    ]
}

async fn many_streams(peer: Connection) -> Checked {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let prefix = format!("stream {task}:");
        let opening = open_echo(&peer, Some(Bytes::from(prefix.clone())));
        tasks.spawn(async move { streams::echoes(opening, &prefix, numbers(50)).await });
    }
    all(tasks).await?;
    still_good(&peer).await
}

async fn many_requests(peer: Connection) -> Checked {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let peer = peer.clone();
        tasks.spawn(async move {
            for number in (task..REQUESTS).step_by(TASKS) {
                echoes(&peer, format!("request {number}").into()).await?;
            }
            Ok(())
        });
    }
    all(tasks).await?;
    still_good(&peer).await
}

/// Waits for all tasks. The first failure aborts the remaining ones.
async fn all(mut tasks: JoinSet<Checked>) -> Checked {
    while let Some(outcome) = tasks.join_next().await {
        outcome??;
    }
    Ok(())
}
