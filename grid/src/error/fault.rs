//! Errors on the wire: error codes, and a handler's failure in the form in which it is sent (docs/protocol.md, part 2,
//! "Errors").

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The kind of a [`RemoteError`].
///
/// ```
/// # #[grid::service]
/// # trait Counter {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError>;
/// #     async fn up_to(&self, n: u64, out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError>;
/// #     async fn sum(&self, numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError>;
/// # }
/// # struct Zero;
/// # impl Counter for Zero {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError> {
/// #         if n > 9 { Err(grid::RemoteError::new("too much")) } else { Ok(n) }
/// #     }
/// #     async fn up_to(&self, n: u64, mut out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError> {
/// #         for number in 1..=n { out.send(number).await?; }
/// #         Ok(())
/// #     }
/// #     async fn sum(&self, mut numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError> {
/// #         let mut sum = 0;
/// #         while let Some(number) = numbers.next().await { sum += number?; }
/// #         Ok(sum)
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use grid::{CallError, ErrorCode, Mock};
///
/// // A node that does not have the method.
/// let counter = CounterClient::new(Mock::new().connection());
/// let error = counter.add(1).await.unwrap_err();
/// assert!(matches!(&error, CallError::Remote(error) if error.code == ErrorCode::UnknownHandler));
/// assert!(!error.may_have_run());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u16", into = "u16")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The handler's own error.
    Handler,
    /// The peer has no handler with this id and subroute.
    UnknownHandler,
    /// The handler panicked. The panic message is logged at the callee, and not sent.
    Panicked,
    /// The callee could not decode the request, or it is larger than the method allows. The handler did not run.
    BadRequest,
    /// The deadline passed at the callee.
    DeadlineExceeded,
    /// A limit of the callee was reached; the handler did not run. The callee may have said when to try again:
    /// [`RemoteError::retry_after`].
    Overloaded,
    /// The permission hook of the callee ([`Builder::permit`](crate::Builder::permit)) has refused the call; the handler did not
    /// run.
    NotPermitted,
    /// The callee is shutting down; the handler did not run.
    ShuttingDown,
    /// The peer sent an error text without a code, as Go nodes do.
    Text,
    /// A code that this version does not know.
    Other(u16),
}

/// The number of [`ErrorCode::Text`] when it is serialised. It is never sent in `meta`.
const TEXT_CODE: u16 = u16::MAX;

impl ErrorCode {
    /// Whether the handler may have run before this error occurred.
    pub(crate) fn may_have_run(self) -> bool {
        !matches!(
            self,
            Self::UnknownHandler
                | Self::BadRequest
                | Self::Overloaded
                | Self::NotPermitted
                | Self::ShuttingDown
        )
    }

    /// One word for it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            // Nodes of the base protocol send no code.
            Self::Handler | Self::Text => "handler",
            Self::UnknownHandler => "unknown_handler",
            Self::Panicked => "panicked",
            Self::BadRequest => "bad_request",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Overloaded => "overloaded",
            Self::NotPermitted => "not_permitted",
            Self::ShuttingDown => "shutting_down",
            Self::Other(_) => "other",
        }
    }
}

impl From<u16> for ErrorCode {
    fn from(code: u16) -> Self {
        match code {
            0 => Self::Handler,
            1 => Self::UnknownHandler,
            2 => Self::Panicked,
            3 => Self::BadRequest,
            4 => Self::DeadlineExceeded,
            5 => Self::Overloaded,
            6 => Self::NotPermitted,
            7 => Self::ShuttingDown,
            TEXT_CODE => Self::Text,
            other => Self::Other(other),
        }
    }
}

impl From<ErrorCode> for u16 {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Handler => 0,
            ErrorCode::UnknownHandler => 1,
            ErrorCode::Panicked => 2,
            ErrorCode::BadRequest => 3,
            ErrorCode::DeadlineExceeded => 4,
            ErrorCode::Overloaded => 5,
            ErrorCode::NotPermitted => 6,
            ErrorCode::ShuttingDown => 7,
            ErrorCode::Text => TEXT_CODE,
            ErrorCode::Other(other) => other,
        }
    }
}

/// A failure in the form in which it is sent: code, readable text, and the typed error as msgpack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// For [`ErrorCode::Handler`], the error as msgpack; for [`ErrorCode::Overloaded`], when to try again. Empty for other
    /// codes.
    pub(crate) body: Bytes,
}

impl Fault {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), body: Bytes::new() }
    }

    /// The handler has not run, because a limit was reached. The time is rounded up to milliseconds: a call that comes too
    /// early is refused again.
    pub(crate) fn overloaded(message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        let mut body = Vec::new();
        if let Some(after) = retry_after {
            let ms = after.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(u64::MAX);
            rmp::encode::write_uint(&mut body, ms).expect("a `Vec` takes all that is written");
        }
        Self { body: body.into(), ..Self::new(ErrorCode::Overloaded, message) }
    }

    /// When to try again, if the callee has said so. A body that is something else says nothing.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        if self.code != ErrorCode::Overloaded {
            return None;
        }
        let ms: u64 = rmp::decode::read_int(&mut &*self.body).ok()?;
        Some(Duration::from_millis(ms))
    }

    /// Memory of its text and body.
    pub(crate) fn bytes(&self) -> usize {
        self.message.capacity() + self.body.len()
    }
}

impl Fault {
    /// Converts an error that a handler has returned.
    ///
    /// The codes other than `Handler` and `Text` are statements of a node about a call that it was asked to serve, for
    /// example that the handler did not run. If a handler returns such an error, it has received it from another node:
    /// then its own caller must not take it for a statement about the call that it has made. The exception is
    /// [`RemoteError::overloaded`], which only the handler itself can have made.
    pub(crate) fn of_handler(error: RemoteError) -> Self {
        let RemoteError { code, message, retry_after, is_refusal } = error;
        match code {
            ErrorCode::Overloaded if is_refusal => Self::overloaded(message, retry_after),
            ErrorCode::Handler | ErrorCode::Text => Self::new(code, message),
            other => {
                let text = format!("the handler passed on an error ({other}): {message}");
                Self::new(ErrorCode::Handler, text)
            }
        }
    }
}

impl fmt::Display for ErrorCode {
    /// Writes what has happened, such as `unknown handler`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handler => "error of the handler",
            Self::UnknownHandler => "unknown handler",
            Self::Panicked => "the handler panicked",
            Self::BadRequest => "bad request",
            Self::DeadlineExceeded => "deadline exceeded",
            Self::Overloaded => "overloaded",
            Self::NotPermitted => "not permitted",
            Self::ShuttingDown => "shutting down",
            Self::Text => "error text",
            Self::Other(code) => return write!(f, "error code {code}"),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An error received as code and text.
///
/// A handler may return one that it has received from another node. The code then arrives as
/// [`ErrorCode::Handler`], unless it is [`ErrorCode::Text`], and the former code becomes part of the text: the other codes
/// are only ever set by the node that was called, so `UnknownHandler` always means that the handler of *this* call did not
/// run. An error returned by a method whose error type is `RemoteError` keeps its code, inside
/// [`CallError::Handler`](crate::CallError::Handler).
///
/// Methods that need no error type of their own can use it as well:
///
/// ```
/// # use grid::RemoteError;
/// fn check(volume: &str) -> Result<(), RemoteError> {
///     if volume.is_empty() {
///         return Err(RemoteError::new("the volume has no name"));
///     }
///     Ok(())
/// }
/// # assert_eq!(check("").unwrap_err().to_string(), "the volume has no name");
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct RemoteError {
    /// The kind of error.
    pub code: ErrorCode,
    /// The text that the peer sent. If it is a statement of the peer about the call, such as
    /// [`ErrorCode::UnknownHandler`], the method and the peer follow in parentheses.
    pub message: String,
    /// When to try again, if the peer has said so with [`ErrorCode::Overloaded`]; in milliseconds on the wire.
    ///
    /// It is part of the answer to a call only: an error inside a value that is sent loses it.
    // Not serialised, so that values with a `RemoteError` in them keep the form that older nodes know.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
    /// A handler refuses its call with it, see [`overloaded`](Self::overloaded). Nothing that was received has it.
    #[serde(skip)]
    is_refusal: bool,
}

impl RemoteError {
    /// Creates a handler's error that consists of a text only.
    pub fn new(message: impl Into<String>) -> Self {
        Self::received(ErrorCode::Handler, message.into(), None)
    }

    /// Refuses a call because a limit is reached: the handler of a method whose error type is `RemoteError` returns it
    /// before it has done anything. The caller receives it as [`CallError::Remote`](crate::CallError::Remote) with
    /// [`ErrorCode::Overloaded`], and may call again, also where the method must not run twice.
    ///
    /// A [`Retry`](crate::Retry) of the caller waits at least for `retry_after`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use grid::RemoteError;
    /// # struct Pool; impl Pool { fn take(&self) -> Option<u32> { None } }
    /// fn worker(pool: &Pool) -> Result<u32, RemoteError> {
    ///     let busy = || RemoteError::overloaded("all workers are busy", Duration::from_millis(50));
    ///     pool.take().ok_or_else(busy)
    /// }
    /// # assert_eq!(worker(&Pool).unwrap_err().retry_after, Some(Duration::from_millis(50)));
    /// ```
    pub fn overloaded(
        message: impl Into<String>,
        retry_after: impl Into<Option<Duration>>,
    ) -> Self {
        let error = Self::received(ErrorCode::Overloaded, message.into(), retry_after.into());
        Self { is_refusal: true, ..error }
    }

    /// What a peer has sent.
    pub(super) fn received(
        code: ErrorCode,
        message: String,
        retry_after: Option<Duration>,
    ) -> Self {
        Self { code, message, retry_after, is_refusal: false }
    }

    /// The error as the caller of the handler receives it.
    pub(crate) fn into_received(self) -> Self {
        Self { is_refusal: false, ..self }
    }

    /// Whether a handler refuses its call with it.
    pub(crate) fn is_refusal(&self) -> bool {
        self.is_refusal
    }
}

/// Compares what its receiver sees.
impl PartialEq for RemoteError {
    fn eq(&self, other: &Self) -> bool {
        let parts = |error: &Self| (error.code, error.retry_after);
        parts(self) == parts(other) && self.message == other.message
    }
}

impl Eq for RemoteError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_body(body: &'static [u8]) -> Fault {
        Fault { body: Bytes::from_static(body), ..Fault::new(ErrorCode::Overloaded, "busy") }
    }

    #[test]
    fn when_to_try_again_is_a_number_of_milliseconds() {
        let after = |time| Fault::overloaded("busy", time).body;
        assert_eq!(after(None), b""[..]);
        assert_eq!(after(Some(Duration::ZERO)), b"\x00"[..]);
        assert_eq!(after(Some(Duration::from_millis(100))), b"\x64"[..]);
        assert_eq!(after(Some(Duration::from_secs(2))), b"\xcd\x07\xd0"[..]);
        assert_eq!(after(Some(Duration::from_nanos(1))), b"\x01"[..], "rounded up");
        assert_eq!(after(Some(Duration::MAX)), b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"[..]);
    }

    #[test]
    fn every_width_is_read_and_anything_else_is_no_time() {
        for body in
            [&b"\x07"[..], b"\xcc\x07", b"\xcd\x00\x07", b"\xd0\x07", b"\xd3\0\0\0\0\0\0\0\x07"]
        {
            assert_eq!(of_body(body).retry_after(), Some(Duration::from_millis(7)), "{body:?}");
        }
        for body in [&b""[..], b"\xff", b"\xcd\x07", b"\xa11", b"\xc0", b"\xcb\0\0\0\0\0\0\0\0"] {
            assert_eq!(of_body(body).retry_after(), None, "{body:?}");
        }
        let other = Fault { code: ErrorCode::Handler, ..of_body(b"\x07") };
        assert_eq!(other.retry_after(), None, "a handler's own error");
    }

    #[test]
    fn only_a_handlers_own_refusal_keeps_its_code() {
        let own = RemoteError::overloaded("busy", Duration::from_millis(7));
        assert_eq!(Fault::of_handler(own.clone()), of_body(b"\x07"));
        let received = RemoteError::received(own.code, own.message.clone(), own.retry_after);
        assert_eq!(received, own, "both look the same");
        let passed_on = Fault::of_handler(received);
        assert_eq!(passed_on.code, ErrorCode::Handler);
        assert_eq!(passed_on.message, "the handler passed on an error (overloaded): busy");
    }
}
