//! GET /api/tap: calls of all nodes when they are over, as server-sent events.

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use grid::CallError;
use grid::admin::TapFilter;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{interval, sleep};

use super::app::Shared;
use super::board::Board;
use super::bounds;
use super::demo;
use super::live::{busy, events};
use super::origin::Kind;
use super::state::{TapItem, Tapped};
use crate::failure::Failure;
use crate::nodes::{Node, administered};

/// Calls that wait to be sent to a page.
const CALLS_MAX: usize = 1024;

/// Calls that are sent to a page at once; the page shows no more than these. Others are counted.
const BATCH_MAX: usize = 100;

/// Time between two batches: a browser that receives each call of a busy grid does nothing else.
const BATCH_EVERY: Duration = Duration::from_millis(250);

/// Calls that a node is asked for in a second: as many as a page shows. The node need not send what would be left out here.
const PER_SECOND_MAX: u32 = (BATCH_MAX as u128 * 1000 / BATCH_EVERY.as_millis()) as u32;

/// How often nodes are looked for that are up again.
const NODES_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    method: Option<String>,
    peer: Option<String>,
    #[serde(default)]
    failed: bool,
    slower_than: Option<String>,
    share: Option<f64>,
}

#[derive(Debug, Default, Serialize)]
struct Batch {
    calls: Vec<Tapped>,
    /// Calls that are not here, because there were too many.
    missed: u64,
    /// A node that refuses, and why.
    refused: Option<String>,
}

/// Follows the calls that fit the filter.
pub(super) async fn tap(State(app): State<Shared>, Query(filter): Query<Filter>) -> Response {
    let filter = match filter.parse() {
        Ok(filter) => filter,
        Err(text) => return (StatusCode::BAD_REQUEST, text).into_response(),
    };
    let Ok(permit) = Arc::clone(&app.taps).try_acquire_owned() else {
        return busy("too many pages tap calls");
    };
    let (calls, tapped) = channel::<TapItem>(CALLS_MAX);
    let mut task = JoinSet::new();
    match &app.origin.kind {
        Kind::Live(board) => drop(task.spawn(follow_all(Arc::clone(board), filter, calls))),
        Kind::Demo => drop(task.spawn(demo::calls(filter, calls))),
        Kind::Replay(_) => {
            return (StatusCode::CONFLICT, "a recording has no calls to tap").into_response();
        }
    }
    // The task ends with the page.
    events(unfold((tapped, task, permit), |(mut tapped, task, permit)| async {
        sleep(BATCH_EVERY).await;
        let batch = batch(&mut tapped);
        let event = match batch.is_empty() {
            true => Event::default().comment(""),
            false => Event::default().json_data(batch).expect("its keys are strings"),
        };
        Some((event, (tapped, task, permit)))
    }))
}

/// The calls since the last batch; if there are too many, the latest ones.
fn batch(tapped: &mut Receiver<TapItem>) -> Batch {
    let mut batch = Batch::default();
    // More may come while these are read.
    for item in iter::from_fn(|| tapped.try_recv().ok()).take(CALLS_MAX) {
        match item {
            Ok(tapped) => {
                batch.missed = batch.missed.saturating_add(tapped.call.missed);
                batch.calls.push(tapped);
            }
            Err(why) => batch.refused = Some(why),
        }
    }
    let left_out = batch.calls.len().saturating_sub(BATCH_MAX);
    batch.calls.drain(..left_out);
    batch.missed = batch.missed.saturating_add(left_out as u64);
    batch
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.missed == 0 && self.refused.is_none()
    }
}

impl Filter {
    fn parse(self) -> Result<TapFilter, String> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let mut filter = TapFilter::default();
        filter.method = given(self.method);
        filter.peer = given(self.peer);
        filter.is_failed = self.failed;
        filter.share = self.share.unwrap_or(1.0);
        filter.per_second_max = PER_SECOND_MAX;
        if !(0.0..=1.0).contains(&filter.share) {
            return Err(format!("the share of the calls is from 0 to 1, not {}", filter.share));
        }
        if let Some(time) = given(self.slower_than) {
            let time = humantime::parse_duration(&time)
                .map_err(|error| format!("`{time}` is not a duration such as 20ms: {error}"))?;
            filter.slower_than_us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        }
        Ok(filter)
    }
}

/// Taps all nodes, and those that come back.
async fn follow_all(board: Arc<Board>, filter: TapFilter, calls: Sender<TapItem>) {
    let mut tasks = JoinSet::new();
    let mut followed: BTreeMap<Arc<str>, AbortHandle> = BTreeMap::new();
    let mut again = interval(NODES_EVERY);
    loop {
        again.tick().await;
        while tasks.try_join_next().is_some() {}
        followed.retain(|_, task| !task.is_finished());
        for node in board.nodes() {
            followed
                .entry(Arc::clone(&node.name))
                .or_insert_with(|| tasks.spawn(follow(node, filter.clone(), calls.clone())));
        }
    }
}

/// Taps a node until it is lost.
async fn follow(node: Arc<Node>, filter: TapFilter, calls: Sender<TapItem>) {
    if let Err(failure) = pass_on(&node, filter, &calls).await {
        // A node that is lost is shown as lost. If there is no room, the next attempt reports it.
        if let Failure::Unknown(_) | Failure::Call(CallError::Remote(_)) = failure {
            let mut why = format!("{} cannot be tapped: {failure}", node.name);
            bounds::text(&mut why);
            let _ = calls.try_send(Err(why));
        }
    }
}

async fn pass_on(node: &Node, filter: TapFilter, calls: &Sender<TapItem>) -> Result<(), Failure> {
    let mut tapped = administered(node.admin.tap(filter).await)?;
    let mut missed = 0_u64;
    while let Some(call) = tapped.next().await {
        let mut call = administered(call)?;
        bounds::call(&mut call);
        call.missed = call.missed.saturating_add(missed);
        missed = call.missed.saturating_add(1);
        if calls.try_send(Ok(Tapped { node: node.name.to_string(), call })).is_ok() {
            missed = 0;
        }
    }
    Ok(())
}
