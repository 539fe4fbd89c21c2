//! Starts the handlers of received calls.
//!
//! The handler of a single request is polled for the first time in the driver's task: most handlers finish in that
//! poll, and their answers are sent in one batch. A handler is spawned if it has to wait. It is spawned at once if its
//! first poll takes long, if it may block, if its method is not known yet, or if its request is large (pace.rs).
//!
//! If a handler blocks the driver anyway, a new driver takes over the link: see `drive/slot.rs`.

use std::sync::Arc;
use std::task::Waker;

use tokio::time::Instant;

use super::pace::Verdict;
use super::registry::{Entry, RawHandler, Registry};
use super::task::{Handler, Kind, Later, Work, flatten};
use super::workers::Workers;
use crate::error::Fault;
use crate::net::call::caller::Caller;
use crate::net::call::context::Context;
use crate::net::call::ends::ends;
use crate::net::call::serving::watch;
use crate::proto::{Body, Event, Key, RouteIndex, Side};

/// The outcome of a handler that finished in its first poll.
pub(in crate::net) type Reply = (Key, Result<Option<Body>, Fault>);

/// A handler that was started.
#[derive(Debug)]
pub(in crate::net) enum Started {
    Finished(Reply),
    /// It must be spawned.
    Later(Later),
}

/// Starts the handler of an [`Event::Serve`]: polls it once here, or returns it to be spawned (see the module).
/// `is_last`: this is the last free worker.
pub(in crate::net) fn serve(
    caller: &Arc<Caller>,
    registry: &Registry,
    workers: &Workers,
    event: Event,
    is_last: bool,
) -> Option<Started> {
    let Event::Serve { key, route, payload, handover, deadline, meta } = event else { return None };
    let entry = registry.entry(route)?;
    let peer = &caller.peer;
    let context = Context::new(Arc::clone(caller), key, route, deadline, meta);
    let later = |work, handover| Some(Started::Later(Later { key, route, work, handover }));
    match &entry.handler {
        RawHandler::Single { run, inline } => {
            let large = payload.as_ref().is_some_and(|payload| payload.len() > peer.large_bytes);
            if !inline && (large || runs_apart(entry, workers, is_last)) {
                let run = Arc::clone(run);
                let start = Box::new(move || watch(context, |context| run(context, payload)));
                let kind = if large { Kind::Large } else { Kind::Small };
                return later(Work::Single(Handler::new(start, kind)), handover);
            }
            let began = entry.pace.is_due().then(Instant::now);
            let mut handler = Handler::begun(|| watch(context, |context| run(context, payload)));
            // No waker is needed: the handler is polled again as soon as its task starts.
            let polled = handler.poll_once(&mut std::task::Context::from_waker(Waker::noop()));
            if let Some(began) = began {
                let took = began.elapsed();
                entry.pace.note_first(took);
                registry.first_poll(route, took);
                peer.lints.polled(route, took);
            }
            match polled {
                Some(outcome) => {
                    if let Some(handover) = handover {
                        handover.complete();
                    }
                    Some(Started::Finished((key, flatten(peer, route, outcome))))
                }
                None => later(Work::Single(handler), handover),
            }
        }
        RawHandler::Stream { run, .. } => {
            let (sender, receiver) = ends(Arc::clone(peer), Side::Callee, key, None, None);
            let run = Arc::clone(run);
            let start =
                Box::new(move || watch(context, |context| run(context, payload, receiver, sender)));
            later(Work::Stream(Handler::new(start, Kind::Stream)), handover)
        }
    }
}

/// Whether a handler should not be polled in the driver.
fn runs_apart(entry: &Entry, workers: &Workers, is_last: bool) -> bool {
    match entry.pace.verdict() {
        Verdict::Quick => is_last,
        Verdict::Heavy | Verdict::Blocks => true,
        Verdict::Unknown => workers.are_several(),
    }
}

/// Records that a handler of this route has blocked its thread.
pub(in crate::net) fn note_block(registry: &Registry, route: RouteIndex) {
    if let Some(pace) = registry.pace(route) {
        pace.note_block();
    }
}
