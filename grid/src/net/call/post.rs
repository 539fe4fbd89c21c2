//! Posts: single requests that are made without waiting for the answer.
//!
//! The link keeps the entry of a post until it is over, and nothing else does (`proto/caller/post.rs`). If interceptors,
//! recorders or a policy must see the outcome, the call is an ordinary one, polled once here, so that it is made or refused
//! now, and then by a task.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::raw::RawCall;
use super::serving::exempt;
use super::start::{Progress, Start};
use crate::error::{CallError, CallFailure};
use crate::net::link::peer::Peer;
use crate::proto::PostShare;

impl RawCall {
    /// Sends the request without waiting for its answer: it is queued now, or refused now. See
    /// [`Call::post`](crate::Call::post), which says what is guaranteed.
    ///
    /// # Errors
    /// Any variant of [`CallError`] except `Decode` and `LimitReached`. The request was not sent, unless an interceptor says
    /// otherwise.
    ///
    /// # Panics
    /// If the call was polled until it was ready.
    pub fn post(self) -> Result<(), CallError> {
        self.post_raw().map_err(CallFailure::untyped)
    }

    pub(crate) fn post_raw(self) -> Result<(), CallFailure> {
        let mut start = self.into_start();
        match start.state {
            Progress::New { .. } if !start.is_watched() => {
                let posted = post(&mut start);
                posted.map_err(|failure| start.explain(failure))
            }
            Progress::Planned(_) | Progress::New { .. } => post_in_task(start),
            Progress::Over => panic!("a call was posted after it had returned its result"),
            // One that was polled goes on as it has begun: its request may have been sent, so it is not refused any more.
            _ => {
                detach(&runtime_of(&start), Self::of(start), None);
                Ok(())
            }
        }
    }
}

fn post(start: &mut Start) -> Result<(), CallFailure> {
    let now = Instant::now();
    let spec = start.take_spec(now)?;
    start.target.peer.link(|link| link.post(now.into_std(), &spec))
}

/// That of the node, as a post can be made outside of any.
fn runtime_of(start: &Start) -> Handle {
    start.target.peer.runtime().unwrap_or_else(Handle::current)
}

/// Lets a task wait for the outcome, which interceptors and recorders see.
fn detach(runtime: &Handle, mut call: RawCall, room: Option<Room>) {
    runtime.spawn(async move {
        let _room = room;
        let _ = poll_fn(|cx| call.poll_raw(cx)).await;
    });
}

fn post_in_task(start: Start) -> Result<(), CallFailure> {
    let room = Room::take(&start).map_err(|failure| start.explain(failure))?;
    let runtime = runtime_of(&start);
    let _entered = runtime.enter();
    let mut call = RawCall::of(start);
    // The task is polled as soon as it starts, with its own waker. A post is meant to outlive the handler that makes it.
    match exempt(|| call.poll_raw(&mut Context::from_waker(Waker::noop()))) {
        Poll::Ready(outcome) => outcome.map(drop),
        Poll::Pending => {
            detach(&runtime, call, Some(room));
            Ok(())
        }
    }
}

/// The room of a post that a task waits for.
struct Room {
    peer: Arc<Peer>,
    share: PostShare,
}

impl Room {
    fn take(start: &Start) -> Result<Self, CallFailure> {
        let (payload_len, _) = start.size();
        let meta_len = start.options.meta.as_ref().map_or(0, |meta| meta.bytes());
        let peer = Arc::clone(&start.target.peer);
        let share = peer.link(|link| link.take_post_room(payload_len + meta_len))?;
        Ok(Self { peer, share })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.peer.link(|link| link.give_back_post_room(self.share));
    }
}
