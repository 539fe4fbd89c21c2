//! Expectations about answers, including those of nodes without extensions, whose errors carry less detail.

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use grid::{CallError, Connection, ErrorCode, RemoteError};
use tokio::time::Instant;

use super::check::{Checked, text};
use crate::peer::handlers::ECHO;

/// How late an event may be. On a busy machine a thread may not run for a second. Must be below the two seconds for
/// which a handler sleeps where the deadline must end the call first.
const LATE_MAX: Duration = Duration::from_millis(1500);

/// How early an event may be. Both ends round to whole milliseconds, so each may lose almost one.
const EARLY_MAX: Duration = Duration::from_millis(3);

/// Returns an error with this text unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+).into());
        }
    };
}
pub(super) use ensure;

/// Checks that two values are equal. The error shows them, shortened.
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

/// Checks that the echo handler returns the payload.
pub(super) async fn echoes(connection: &Connection, payload: Bytes) -> Checked {
    same(&connection.request(ECHO, Some(payload.clone())).await?, &Some(payload))
}

/// Checks that the connection still works and has no call in flight.
///
/// Checks run one by one, so a call in flight is a leaked one.
pub(super) async fn still_good(connection: &Connection) -> Checked {
    let in_flight = connection.stats().in_flight_out;
    ensure!(in_flight == 0, "{in_flight} calls are still in flight");
    same(&connection.request(ECHO, text("still there")).await?, &text("still there"))
}

/// Checks that the result is the handler's own error. Go sends its text without a code.
pub(super) fn handler_error<T>(result: Result<T, CallError>, message: &str) -> Checked {
    let error = remote(result)?;
    ensure!(
        matches!(error.code, ErrorCode::Handler | ErrorCode::Text) && error.message == message,
        "got {error:?}, wanted the handler's error {message:?}"
    );
    Ok(())
}

/// Checks that the result is the error of a panic.
pub(super) fn panicked<T>(result: Result<T, CallError>) -> Checked {
    let error = remote(result)?;
    ensure!(
        matches!(error.code, ErrorCode::Panicked | ErrorCode::Text)
            && error.message.contains("panic"),
        "got {error:?}, wanted a panic"
    );
    Ok(())
}

/// Checks that the result is the error of an unknown handler. The protocol has a message for this, so the error has a
/// code from Go as well.
pub(super) fn unknown<T>(result: Result<T, CallError>) -> Checked {
    let error = remote(result)?;
    ensure!(
        error.code == ErrorCode::UnknownHandler && error.message.starts_with("Invalid Handler"),
        "got {error:?}, wanted an unknown handler"
    );
    Ok(())
}

/// Checks that the call failed at its deadline, `after` its start.
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

/// Checks the time that a call took.
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
