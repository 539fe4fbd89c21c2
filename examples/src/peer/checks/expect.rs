//! Expectations, and what a node without extensions answers where ours says more.

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use grid::{CallError, Connection, ErrorCode, RemoteError};
use tokio::time::Instant;

use super::check::{Checked, text};
use crate::peer::handlers::ECHO;

/// How much later than it should be something may happen: on a busy machine a thread may not run for a second. Below the
/// two seconds that a handler sleeps where the deadline is what must end the call.
const LATE_MAX: Duration = Duration::from_millis(1500);

/// Both ends count whole milliseconds, and what is left of one may be missing at each.
const EARLY_MAX: Duration = Duration::from_millis(3);

/// Fails with a text unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+).into());
        }
    };
}
pub(super) use ensure;

/// The two must be equal; small values are shown.
pub(super) fn same<T: PartialEq + Debug>(got: &T, want: &T) -> Checked {
    ensure!(got == want, "got {}, wanted {}", shown(got), shown(want));
    Ok(())
}

fn shown(value: &impl Debug) -> String {
    const CHARS_MAX: usize = 100;
    let whole = format!("{value:?}");
    match whole.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}… ({} characters)", &whole[..end], whole.len()),
        None => whole,
    }
}

/// The answer to a request of the echo handler must be its payload.
pub(super) async fn echoes(connection: &Connection, payload: Bytes) -> Checked {
    same(&connection.request(ECHO, Some(payload.clone())).await?, &Some(payload))
}

/// The connection must still be good for calls, and have none in flight that nobody waits for.
///
/// Checks run one by one, so any that is left is one too many.
pub(super) async fn still_good(connection: &Connection) -> Checked {
    let in_flight = connection.stats().in_flight_out;
    ensure!(in_flight == 0, "{in_flight} calls are left behind");
    same(&connection.request(ECHO, text("still there")).await?, &text("still there"))
}

/// It must have ended with the handler's own error. Go sends its text without a code.
pub(super) fn handler_error<T>(result: Result<T, CallError>, message: &str) -> Checked {
    let error = remote(result)?;
    ensure!(
        matches!(error.code, ErrorCode::Handler | ErrorCode::Text) && error.message == message,
        "got {error:?}, wanted the handler's error {message:?}"
    );
    Ok(())
}

/// It must have ended because the handler panicked.
pub(super) fn panicked<T>(result: Result<T, CallError>) -> Checked {
    let error = remote(result)?;
    ensure!(
        matches!(error.code, ErrorCode::Panicked | ErrorCode::Text)
            && error.message.contains("panic"),
        "got {error:?}, wanted a panic"
    );
    Ok(())
}

/// It must have been refused: there is no such handler. This error has a message of its own, and so a code from Go too.
pub(super) fn unknown<T>(result: Result<T, CallError>) -> Checked {
    let error = remote(result)?;
    ensure!(
        error.code == ErrorCode::UnknownHandler && error.message.starts_with("Invalid Handler"),
        "got {error:?}, wanted an unknown handler"
    );
    Ok(())
}

/// It must have run into its deadline `after`, just now.
pub(super) fn deadline_passed<T>(
    result: Result<T, CallError>,
    start: Instant,
    after: Duration,
) -> Checked {
    match result {
        Err(CallError::DeadlineExceeded { .. }) => took(start, after),
        Err(error) => Err(format!("wanted the deadline to pass, got the error: {error}").into()),
        Ok(_) => Err("wanted the deadline to pass, got an answer".into()),
    }
}

/// It must have taken this long.
pub(super) fn took(start: Instant, time: Duration) -> Checked {
    let took = start.elapsed();
    ensure!(
        took + EARLY_MAX >= time && took <= time + LATE_MAX,
        "it took {took:?} and should have taken {time:?}"
    );
    Ok(())
}

fn remote<T>(result: Result<T, CallError>) -> Checked<RemoteError> {
    match result {
        Err(CallError::Remote(error)) => Ok(error),
        Err(error) => Err(format!("wanted an error of the callee, got: {error}").into()),
        Ok(_) => Err("wanted an error, got an answer".into()),
    }
}
