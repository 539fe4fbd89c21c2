//! [`collect`]: follows all nodes of a grid, for as long as the console runs.
//!
//! Each node has a task. It connects, reads what has happened, and follows the reports and events of the node; when that fails,
//! or the node is silent, the node is lost, and the task connects again.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use grid::admin::StreamStatus;
use grid::{CallError, ErrorCode};
use tokio::task::{AbortHandle, JoinSet, spawn_blocking};
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};

use super::board::Board;
use super::bounds::STREAMS_MAX;
use super::host::Now;
use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::{Node, administered};
use crate::snapshot::{NodeReport, status};

/// Time between two reports of a node.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// A node without a report for so long is lost: three of them are late. A killed node is noticed earlier, by its connection.
const SILENT_MAX: Duration = Duration::from_secs(4);

/// How long to wait before a lost node is connected to again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How often the findings are renewed: services are compared, which takes longer than all the rest.
const FINDINGS_EVERY: Duration = Duration::from_secs(3);

/// Events of the past that are asked for, all that a node keeps.
const EVENTS: u32 = 256;

/// Nodes that are shown. Each has a task, a connection, and what it has reported: of a usual node some 100 KB, of a hostile one
/// 12 MB at most, and its share of 128 MiB of descriptions of services.
const NODES_MAX: usize = 200;

/// Follows the nodes of the grid, from `first` on. Never ends.
pub(super) async fn collect(global: Global, board: Arc<Board>, first: Vec<String>) {
    let mut hosts = first;
    let mut tasks = JoinSet::new();
    let mut followed = BTreeMap::new();
    let mut seconds = interval(REPORT_EVERY);
    let mut findings = interval(FINDINGS_EVERY);
    loop {
        // Those that are shown stay when there are too many.
        hosts.sort_by_key(|host| !followed.contains_key(host));
        hosts.truncate(NODES_MAX);
        followed.retain(|host, task: &mut AbortHandle| {
            let is_listed = hosts.contains(host);
            if !is_listed {
                task.abort();
            }
            is_listed
        });
        while tasks.try_join_next().is_some() {}
        for host in board.set_hosts(&hosts) {
            let task = tasks.spawn(follow(global.clone(), Arc::clone(&board), host.clone()));
            followed.insert(host, task);
        }
        tokio::select! {
            _ = seconds.tick() => {}
            _ = findings.tick() => {
                let board = Arc::clone(&board);
                // A panic in there is a missed look.
                let _ = spawn_blocking(move || board.look_for_findings()).await;
            }
        }
        let listed = board.listed();
        // While no node is up, the nodes are those that were there before.
        if !listed.is_empty() {
            hosts = listed;
        }
    }
}

/// Follows one node. Never ends.
async fn follow(global: Global, board: Arc<Board>, host: String) {
    loop {
        let Err(failure) = watch(&global, &board, &host).await;
        board.lost(&host, failure.to_string());
        sleep(AGAIN_AFTER).await;
    }
}

/// Follows one node, until it is lost.
async fn watch(global: &Global, board: &Board, host: &str) -> Result<Infallible, Failure> {
    let node = Arc::new(Node::new(global.connect_to(host).await?));
    let report = in_time(NodeReport::by(&node, board.size())).await?;
    let every_ms = REPORT_EVERY.as_millis() as u32;
    let opened = async {
        let reports = administered(node.admin.activity(every_ms).await)?;
        // Those of the past have been read, but for some that have happened since. They are sent twice, and kept once.
        Ok((reports, administered(node.admin.events(EVENTS).await)?))
    };
    let (mut reports, mut events) = in_time(opened).await?;
    board.reached(host, Arc::clone(&node), report);
    let mut is_silent = Instant::now() + SILENT_MAX;
    loop {
        tokio::select! {
            report = reports.next() => {
                let activity = administered(report.ok_or_else(ended)?)?;
                let now = in_time(now(&node)).await?;
                board.report(host, activity, now);
                is_silent = Instant::now() + SILENT_MAX;
            }
            event = events.next() => board.event(host, administered(event.ok_or_else(ended)?)?),
            () = sleep_until(is_silent) => return Err(silent()),
        }
    }
}

async fn now(node: &Node) -> Result<Now, Failure> {
    let (status, ahead_ms) = status(node).await?;
    let links = administered(node.admin.links().await)?;
    Ok(Now { status, ahead_ms, links, streams: streams(node).await? })
}

/// The streams that matter most. A node of an earlier version cannot list them, and is not lost for that.
async fn streams(node: &Node) -> Result<Vec<StreamStatus>, Failure> {
    let listed = node.admin.streams(STREAMS_MAX as u32).await;
    match listed.map_err(CallError::flatten) {
        Ok(streams) => Ok(streams),
        Err(CallError::Remote(error)) if error.code == ErrorCode::UnknownHandler => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// A node that does not answer is lost, although its connection may be up.
async fn in_time<T>(answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(SILENT_MAX, answer).await.unwrap_or_else(|_| Err(silent()))
}

fn silent() -> Failure {
    let text = format!("the node has not answered for {SILENT_MAX:?}");
    io::Error::new(io::ErrorKind::TimedOut, text).into()
}

fn ended() -> Failure {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the node has closed the stream of its reports")
        .into()
}
