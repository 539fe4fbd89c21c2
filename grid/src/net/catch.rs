//! Panics as results: of handlers, and of the user's code that runs in a link's own task.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// What a panic threw.
pub(in crate::net) type Panic = Box<dyn Any + Send>;

/// Runs a future; its panic is an error, with its text.
///
/// # Errors
/// The text of the panic.
pub(in crate::net) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(format!("panicked: {}", text(&panic)))),
    })
    .await
}

/// The text of a panic, for logs.
pub(in crate::net) fn text(panic: &Panic) -> &str {
    let whole = panic.downcast_ref::<String>().map(String::as_str);
    panic.downcast_ref::<&str>().copied().or(whole).unwrap_or("a panic without a text")
}
