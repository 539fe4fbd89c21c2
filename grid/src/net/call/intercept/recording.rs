//! [`Recording`]: a call until it is over, for recorders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::call::{Intercepted, Of};
use super::observe::{Observe, StreamEnd};
use super::outcome::{Outcome, Success};
use super::record::{Begun, Call, End, Finished, Record};
use super::{Chain, Next};
use crate::error::CallFailure;
use crate::net::call::context::Context;
use crate::net::call::method::MethodName;
use crate::net::catch::catch;
use crate::net::link::peer::Peer;
use crate::proto::Body;

/// A call that is not over. Dropping it is an end as well.
pub(crate) struct Recording {
    of: Call,
    begun: Begun,
    to: To,
    is_over: AtomicBool,
}

enum To {
    /// The recorders of the node.
    All(Chain),
    /// An interceptor's own.
    One(Box<dyn Record>),
}

impl Recording {
    pub(in crate::net) fn served(
        context: Context,
        request_bytes: usize,
        (is_stream, weight): (bool, u32),
        chain: Chain,
    ) -> Self {
        let (at, deadline) = (Instant::now(), context.deadline());
        let begun = Begun { at, deadline, request_bytes, is_stream, weight };
        Self::new(Call::Served(context), begun, To::All(chain))
    }

    pub(in crate::net) fn made(
        peer: Arc<Peer>,
        method: MethodName,
        begun: Begun,
        chain: Chain,
    ) -> Self {
        Self::new(Call::Made { peer, method }, begun, To::All(chain))
    }

    /// A recording of one call for an interceptor.
    pub(crate) fn of(call: &Intercepted, record: impl Record) -> Self {
        let of = match &call.of {
            Of::Served { context, .. } => Call::Served(context.clone()),
            Of::Made { peer, method, .. } => Call::Made { peer: Arc::clone(peer), method: *method },
        };
        let begun = Begun {
            at: Instant::now(),
            deadline: call.deadline(),
            request_bytes: call.request_bytes(),
            is_stream: call.is_stream(),
            weight: 1,
        };
        Self::new(of, begun, To::One(Box::new(record)))
    }

    fn new(of: Call, begun: Begun, to: To) -> Self {
        Self { of, begun, to, is_over: AtomicBool::new(false) }
    }

    /// What the handler knows about the call.
    pub(in crate::net) fn context(&self) -> Option<&Context> {
        match &self.of {
            Call::Served(context) => Some(context),
            Call::Made { .. } => None,
        }
    }

    /// Passes an intercepted call on, and reports its end.
    pub(crate) async fn follow(self, mut call: Intercepted, next: Next) -> Outcome {
        let recording = Arc::new(self);
        let is_opened = call.is_stream() && !call.is_served();
        if is_opened {
            // The outcome says only whether it is open.
            call.observe(Arc::clone(&recording));
        }
        let outcome = next.run(call).await;
        recording.outcome(&outcome.0);
        outcome
    }

    /// The call has ended so. Later ends change nothing.
    pub(in crate::net) fn over(&self, end: End<'_>) {
        if self.is_over.swap(true, Ordering::Relaxed) {
            return;
        }
        let call =
            Finished { call: &self.of, begun: &self.begun, end, took: self.begun.at.elapsed() };
        match &self.to {
            To::One(record) => catch("an interceptor", || record.record(&call)),
            To::All(chain) => {
                let method = call.method();
                for recorder in chain.records() {
                    catch("a recorder of calls", || recorder.record(&call, &method));
                }
            }
        }
    }

    /// The call has this outcome. Not for the opening of a stream, which is not over yet.
    pub(in crate::net) fn outcome(&self, outcome: &Result<Success, CallFailure>) {
        match outcome {
            Ok(Success::Answer(answer)) => self.over(End::Ok(answer.as_ref().map_or(0, Body::len))),
            Ok(Success::Served) => self.over(End::Ok(0)),
            Ok(Success::Opened(_)) => {}
            Err(failure) => self.over(End::Failed(failure)),
        }
    }

    fn dropped(&self) {
        let is_late = self.begun.deadline.is_some_and(|at| at <= Instant::now());
        self.over(if is_late { End::Late } else { End::Dropped });
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if !*self.is_over.get_mut() {
            self.dropped();
        }
    }
}

/// Waits for the end of a stream that this node has opened.
impl Observe for Arc<Recording> {
    fn ended(&self, end: StreamEnd<'_>) {
        match end {
            StreamEnd::Complete => self.over(End::Ok(0)),
            StreamEnd::Failed(error) => self.over(End::Broken(error)),
            StreamEnd::Dropped => self.dropped(),
        }
    }
}
