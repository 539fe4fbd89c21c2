//! [`Outcome`]: how an intercepted call ended.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::error::{CallError, CallFailure, ErrorCode, Fault};
use crate::net::call::ends::{RawReceiver, RawSender};
use crate::proto::Body;

/// How a call ended, for interceptors: its answer, or its error. The answer is in encoded form.
///
/// ```
/// use grid::ErrorCode;
/// use grid::intercept::{Intercepted, Next, Outcome};
///
/// async fn read_only(call: Intercepted, next: Next) -> Outcome {
///     match call.method() {
///         "put" | "remove" => Outcome::refuse(ErrorCode::NotPermitted, "this node is read-only"),
///         _ => next.run(call).await,
///     }
/// }
///
/// let builder = grid::Manager::builder("http://node1:9000").intercept(read_only);
/// # let _ = builder;
/// ```
#[must_use = "the caller receives the outcome that an interceptor returns"]
pub struct Outcome(pub(in crate::net) Result<Success, CallFailure>);

pub(in crate::net) enum Success {
    /// The answer to a single request.
    Answer(Option<Body>),
    /// A stream that this node has opened.
    Opened(Box<(RawSender, RawReceiver)>),
    /// A stream that this node has served.
    Served,
}

impl Outcome {
    /// Ends the call with this error: the caller receives [`CallError::Remote`] with the code and the text.
    ///
    /// [`ErrorCode::Overloaded`] and [`ErrorCode::NotPermitted`] say that the handler has not run.
    pub fn refuse(code: ErrorCode, text: impl Into<String>) -> Self {
        Self::failed(CallFailure::Handler(Fault::new(code, text)))
    }

    /// Ends the call with [`ErrorCode::Overloaded`]: its handler has not run, and the caller may try again after this time,
    /// which it receives as [`RemoteError::retry_after`](crate::RemoteError::retry_after).
    pub fn overloaded(text: impl Into<String>, retry_after: impl Into<Option<Duration>>) -> Self {
        Self::failed(CallFailure::Handler(Fault::overloaded(text, retry_after.into())))
    }

    /// Answers a single request with an encoded value: what the handler at the byte level would return. `None` is an answer
    /// without a payload, and ends a stream.
    pub fn answer(payload: Option<Bytes>) -> Self {
        Self(Ok(Success::Answer(payload.map(Body::from))))
    }

    pub(in crate::net) fn failed(failure: CallFailure) -> Self {
        Self(Err(failure))
    }

    /// Whether the handler has answered, the stream was served without an error, or the stream is open.
    pub fn is_ok(&self) -> bool {
        self.0.is_ok()
    }

    /// Bytes of the answer, in encoded form; 0 for streams and errors.
    pub fn answer_bytes(&self) -> usize {
        match &self.0 {
            Ok(Success::Answer(Some(answer))) => answer.len(),
            _ => 0,
        }
    }

    /// The error. A handler's own error is [`CallError::Remote`] with its text.
    pub fn error(&self) -> Option<CallError> {
        Some(self.0.as_ref().err()?.clone().untyped())
    }

    /// One word for what happened, such as `ok`, `handler` or `deadline_exceeded`. There are few of them, so they can be
    /// labels of metrics.
    pub fn label(&self) -> &'static str {
        match &self.0 {
            Ok(_) => "ok",
            Err(failure) => failure.outcome(),
        }
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outcome").field(&self.label()).finish()
    }
}
