//! [`CaughtSpan`]: a span in which futures are polled, without the panics of its subscriber.
//!
//! Not `tracing::Instrument`: the subscriber is the user's, and its panic would end the driver of a connection without a reason,
//! or lose the answer of a handler.

use std::future::poll_fn;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;

use tracing::Span;

use crate::net::catch::ask_subscriber;

/// See the module. Clones are one span, and tell the subscriber nothing.
#[derive(Clone)]
pub(crate) struct CaughtSpan(Arc<CloseCaught>);

struct CloseCaught(Span);

impl CaughtSpan {
    pub(crate) fn new(create: impl FnOnce() -> Span) -> Self {
        let mut span = Span::none();
        ask_subscriber(|| span = create());
        Self(Arc::new(CloseCaught(span)))
    }

    /// Polls a future in this span.
    pub(crate) async fn enclose<F: Future>(self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let mut entered = None;
            ask_subscriber(|| entered = Some(self.0.0.enter()));
            // The span is left before a panic goes on: one in its subscriber would be the second, and abort the process.
            let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
            ask_subscriber(|| drop(entered));
            polled.unwrap_or_else(|panic| resume_unwind(panic))
        })
        .await
    }
}

impl Drop for CloseCaught {
    fn drop(&mut self) {
        let span = mem::replace(&mut self.0, Span::none());
        ask_subscriber(|| drop(span));
    }
}
