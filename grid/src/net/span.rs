//! [`LinkSpan`]: the span in which the drivers of a connection are polled.
//!
//! Not `tracing::Instrument`: the subscriber is the user's, and its panic would end the driver without a reason.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::Arc;

use tracing::Span;

use crate::net::catch::log_line;

/// See the module. Clones are one span, and tell the subscriber nothing.
#[derive(Clone)]
pub(super) struct LinkSpan(Arc<Quiet>);

struct Quiet(Span);

impl LinkSpan {
    pub(super) fn new(create: impl FnOnce() -> Span) -> Self {
        let mut span = Span::none();
        log_line(|| span = create());
        Self(Arc::new(Quiet(span)))
    }

    /// Polls a future, which must not panic, in this span.
    pub(super) async fn enclose<F: Future>(self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let mut entered = None;
            log_line(|| entered = Some(self.0.0.enter()));
            let polled = future.as_mut().poll(cx);
            log_line(|| drop(entered));
            polled
        })
        .await
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let span = mem::replace(&mut self.0, Span::none());
        log_line(|| drop(span));
    }
}
