//! [`Origin`]: where what the console shows is from, which is running nodes, a file, or the demo.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::board::Board;
use super::collect::collect;
use super::demo;
use super::recording::Recording;
use super::services::ServiceRow;
use super::state::State;
use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::administered;

/// How long a recording waits for nodes that neither answer nor fail.
const SETTLED_WITHIN: Duration = Duration::from_secs(8);

/// Where what is shown is from, and the state of each second as JSON.
pub(crate) struct Origin {
    pub(super) states: watch::Receiver<Arc<str>>,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Live(Arc<Board>),
    Replay(Vec<ServiceRow>),
    Demo,
}

impl Origin {
    /// Follows the grid of the node. Fails if that one cannot be reached, or does not let operators look into it.
    pub(crate) async fn live(global: &Global, allows_calls: bool) -> Result<Self, Failure> {
        let board = begin(global, allows_calls).await?;
        let states = {
            let board = Arc::clone(&board);
            every_second(move |_| board.tick())
        };
        Ok(Self { states, kind: Kind::Live(board) })
    }

    /// Shows a recording.
    pub(crate) fn replay(file: &Path) -> Result<Self, Failure> {
        let Recording { state, services, .. } = Recording::read(file)?;
        Ok(Self { states: watch::channel(json(&state)).1, kind: Kind::Replay(services) })
    }

    /// Shows made-up nodes.
    pub(crate) fn demo() -> Self {
        Self { states: every_second(demo::state), kind: Kind::Demo }
    }

    pub(super) fn services(&self) -> Vec<ServiceRow> {
        match &self.kind {
            Kind::Live(board) => board.services(),
            Kind::Replay(services) => services.clone(),
            Kind::Demo => demo::services(),
        }
    }
}

/// Writes the present state of the grid to a file, without these secrets.
pub(crate) async fn record(
    global: &Global,
    file: &Path,
    secrets: &[String],
) -> Result<(), Failure> {
    let board = begin(global, false).await?;
    let settled = async {
        while !board.is_complete() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    // Those that have not settled are in the file as they are.
    let _ = timeout(SETTLED_WITHIN, settled).await;
    board.look_for_findings();
    Recording::new(board.tick(), board.services()).write(file, secrets)
}

async fn begin(global: &Global, allows_calls: bool) -> Result<Arc<Board>, Failure> {
    let first = global.node().await?;
    let status = administered(first.admin.node().await)?;
    let board = Arc::new(Board::new(status.name.clone(), allows_calls));
    tokio::spawn(collect(global.clone(), Arc::clone(&board), status.hosts));
    Ok(board)
}

/// The state of each second, numbered from 0 on.
fn every_second(mut state: impl FnMut(u64) -> State + Send + 'static) -> watch::Receiver<Arc<str>> {
    let (states, latest) = watch::channel(json(&state(0)));
    tokio::spawn(async move {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        seconds.tick().await;
        for number in 1.. {
            seconds.tick().await;
            if states.send(json(&state(number))).is_err() {
                break;
            }
        }
    });
    latest
}

fn json(state: &State) -> Arc<str> {
    serde_json::to_string(state).expect("a state has string keys and plain numbers").into()
}
