//! Catches the panics of the user's code where it runs inside a link's own task.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Writes a line to the log: `log!(warn, peer, "a text")`.
///
/// The subscriber is the user's, and so are some of the values: their panic must neither end a task of this crate nor hide the
/// outcome of a call.
macro_rules! log {
    ($level:ident, $($line:tt)*) => {
        $crate::net::ask_subscriber(|| ::tracing::$level!($($line)*))
    };
}
pub(crate) use log;

/// The value that a panic carries.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Runs user code and logs its panic. `what` names the code.
pub(crate) fn catch(what: &str, run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        log!(error, panic = text(&panic), "{what} panicked");
        discard(panic);
    }
}

/// Runs code of the subscriber, and ignores its panic.
pub(crate) fn ask_subscriber(run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        discard(panic);
    }
}

/// Drops the value of a panic. Its `Drop` can panic as well.
pub(in crate::net) fn discard(panic: Panic) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        // Dropping this value could panic again, so it is leaked.
        std::mem::forget(second);
    }
}

/// Runs a future and returns the text of its panic as an error.
pub(in crate::net) async fn catch_future<T>(future: impl Future<Output = T>) -> Result<T, String> {
    caught(future).await.map_err(|panic| {
        let message = text(&panic).to_owned();
        discard(panic);
        message
    })
}

/// Runs a future and returns its panic as an error.
pub(crate) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, Panic> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// The text of a panic, for logs.
pub(in crate::net) fn text(panic: &Panic) -> &str {
    let whole = panic.downcast_ref::<String>().map(String::as_str);
    panic.downcast_ref::<&str>().copied().or(whole).unwrap_or("a panic without a text")
}
