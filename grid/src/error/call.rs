//! [`CallError`]: why a call failed, whether it may have run, and whether it can be retried.
//!
//! Below the typed layer calls fail with [`CallFailure`]: the same type, with the handler's error not yet decoded.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::codec::CodecError;
use super::fault::{ErrorCode, Fault, RemoteError};
use super::link::LinkError;

/// Why a call failed.
///
/// `E` is the error type of the method. For a method that cannot fail, `E` is `Infallible`. Calls at the byte level use
/// `Infallible` as well, and return a handler's error as [`CallError::Remote`].
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
/// # let counter = CounterClient::in_process(Zero);
/// use grid::{CallError, RemoteError};
///
/// match counter.add(10).await {
///     Ok(sum) => println!("{sum}"),
///     Err(CallError::Handler(error)) => assert_eq!(error, RemoteError::new("too much")),
///     Err(error) if error.is_retryable() => println!("it has not run: {error}"),
///     Err(error) => println!("{}: {error}", error.label()),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError<E = Infallible> {
    /// The handler ran and returned its own error.
    #[error("{0}")]
    Handler(E),
    /// The peer refused the call, or answered with an error other than the method's error type.
    #[error(transparent)]
    Remote(RemoteError),
    /// There is no link to the peer, or it was lost before the answer arrived.
    #[error("disconnected from {peer}: {} ({sent})", reason.explained())]
    #[non_exhaustive]
    Disconnected {
        /// Name of the node that was called.
        peer: Arc<str>,
        /// Whether the request may have reached the peer.
        sent: Sent,
        /// Why there is no link.
        reason: Arc<LinkError>,
    },
    /// This node is shut down or shutting down. The request was not sent.
    #[error("this node is shut down")]
    ShutDown,
    /// The deadline passed, here or at the callee. If the request was sent, the handler may have run; if it was still
    /// running, its future is dropped.
    #[error("no answer from {method} at {peer} within {after:?}{}", unsent(*sent))]
    #[non_exhaustive]
    DeadlineExceeded {
        /// Name of the node that was called.
        peer: Arc<str>,
        /// The method, such as `Files/stat`, or `handler 78` at the byte level.
        method: Arc<str>,
        /// The timeout of the call.
        after: Duration,
        /// [`Sent::No`] if the request was not sent: it has waited behind earlier ones, or the deadline had passed when the
        /// call was made.
        sent: Sent,
    },
    /// The arguments could not be serialised, or exceed the maximum message size or the `request_bytes_max` of the
    /// method. The request was not sent.
    #[error("cannot encode the request: {0}")]
    Encode(CodecError),
    /// The answer could not be decoded as the expected type. The handler has run.
    #[error("cannot decode the answer: {0}")]
    Decode(CodecError),
    /// The answer, or an item of the stream, would have exceeded the memory that the peer, or all peers together, may make
    /// this node hold. The handler has run.
    ///
    /// Messages count until the last slice of them is dropped: see [`Payload`](crate::Payload).
    #[error("no memory for what {peer} has sent: the limit is {max} bytes (`{setting}`)")]
    #[non_exhaustive]
    LimitReached {
        /// Name of the node that was called.
        peer: Arc<str>,
        /// The setting that is the limit, such as `Config::bytes_per_peer_max`.
        setting: &'static str,
        /// Its value, in bytes.
        max: usize,
    },
    /// A [post](crate::Call::post) was refused because too much was posted to the peer before and is not over. The request was
    /// not sent.
    #[error(
        "too many posts to {peer} are not over: the limit is {max} bytes (`Config::posts_bytes_max`)"
    )]
    #[non_exhaustive]
    PostsFull {
        /// Name of the node that was called.
        peer: Arc<str>,
        /// The value of [`Config::posts_bytes_max`](crate::Config::posts_bytes_max).
        max: usize,
    },
    /// The peer does not support a protocol extension that this call needs. The request was not sent.
    #[error("{peer} does not support the protocol extension `{feature}`, which this call needs{}", instead(.feature))]
    #[non_exhaustive]
    Unsupported {
        /// Name of the extension, as in docs/protocol.md.
        feature: &'static str,
        /// Name of the node that was called.
        peer: Arc<str>,
    },
}

impl<E> CallError<E> {
    /// Whether the call can be retried: the handler cannot have run, and another attempt may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Disconnected { sent, .. } => *sent == Sent::No,
            Self::PostsFull { .. } => true,
            Self::Remote(error) => {
                matches!(error.code, ErrorCode::Overloaded | ErrorCode::ShuttingDown)
            }
            Self::Handler(_)
            | Self::ShutDown
            | Self::DeadlineExceeded { .. }
            | Self::Encode(_)
            | Self::Decode(_)
            | Self::LimitReached { .. }
            | Self::Unsupported { .. } => false,
        }
    }

    /// One word for what happened, such as `handler`, `overloaded` or `disconnected`. There are few of them, so they can be
    /// labels of metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Handler(_) => "handler",
            Self::Remote(error) => error.code.label(),
            Self::Disconnected { .. } => "disconnected",
            Self::ShutDown => "shut_down",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::Encode(_) => "encode",
            Self::Decode(_) => "decode",
            Self::LimitReached { .. } => "limit_reached",
            Self::PostsFull { .. } => "posts_full",
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// Whether the handler may have run, completely or in part.
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Handler(_) | Self::Decode(_) | Self::LimitReached { .. } => true,
            Self::Remote(error) => error.code.may_have_run(),
            Self::Disconnected { sent, .. } | Self::DeadlineExceeded { sent, .. } => {
                *sent == Sent::Maybe
            }
            Self::Encode(_)
            | Self::Unsupported { .. }
            | Self::ShutDown
            | Self::PostsFull { .. } => false,
        }
    }
}

/// What to add to the text of a deadline.
fn unsent(sent: Sent) -> &'static str {
    match sent {
        Sent::No => ": the request was not sent",
        Sent::Maybe => "",
    }
}

impl CallError<RemoteError> {
    /// Returns the same error, with that of the handler as [`Remote`](Self::Remote): for code that treats calls of many methods
    /// alike.
    pub fn flatten(self) -> CallError {
        self.or_handler(CallError::Remote)
    }
}

impl<E> CallError<E> {
    /// The same error with another type for that of the handler, which is replaced.
    fn or_handler<F>(self, replace: impl FnOnce(E) -> CallError<F>) -> CallError<F> {
        match self {
            Self::Handler(error) => replace(error),
            Self::Remote(error) => CallError::Remote(error),
            Self::Disconnected { peer, sent, reason } => {
                CallError::Disconnected { peer, sent, reason }
            }
            Self::ShutDown => CallError::ShutDown,
            Self::DeadlineExceeded { peer, method, after, sent } => {
                CallError::DeadlineExceeded { peer, method, after, sent }
            }
            Self::Encode(error) => CallError::Encode(error),
            Self::Decode(error) => CallError::Decode(error),
            Self::LimitReached { peer, setting, max } => {
                CallError::LimitReached { peer, setting, max }
            }
            Self::PostsFull { peer, max } => CallError::PostsFull { peer, max },
            Self::Unsupported { feature, peer } => CallError::Unsupported { feature, peer },
        }
    }
}

/// For handlers that call other nodes. An error that a peer sent is kept unchanged, with its code; any other error is
/// converted to text. If a handler returns it, its own caller does not take the code for one of the node that it has
/// called: see [`RemoteError`].
impl<E: fmt::Display> From<CallError<E>> for RemoteError {
    fn from(error: CallError<E>) -> Self {
        match error {
            CallError::Remote(error) => error,
            other => Self::new(other.to_string()),
        }
    }
}

/// Whether a request may have left this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The request was not handed to the socket, or not completely.
    No,
    /// The request was handed to the socket. The peer may have received it.
    Maybe,
}

/// What a call can do without an extension.
fn instead(feature: &str) -> &'static str {
    match feature {
        "ids32" => {
            ": update the peer, or give the method an id below 256 (`#[handler(id = ...)]`) on both nodes"
        }
        "meta" => ": update the peer, or call without `.metadata`",
        _ => "",
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "the request was not sent",
            Self::Maybe => "the request may have been received",
        })
    }
}

/// A call's failure before its error is decoded: `Handler` holds any error that the peer sent.
pub(crate) type CallFailure = CallError<Fault>;

/// For which methods another attempt can follow a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// For all: the handler cannot have run, and another attempt may succeed.
    Always,
    /// For those that may run twice: the handler may have run, and the cause may pass.
    IfIdempotent,
    /// For none.
    Never,
}

impl CallFailure {
    /// For which methods another attempt can follow. [`Always`](Again::Always) is what `is_retryable` tells users, and an
    /// attempt that ran out of time before it was sent.
    pub(crate) fn again(&self) -> Again {
        match self {
            Self::Disconnected { sent, .. } | Self::DeadlineExceeded { sent, .. } => match sent {
                Sent::No => Again::Always,
                Sent::Maybe => Again::IfIdempotent,
            },
            Self::Handler(Fault { code, .. }) | Self::Remote(RemoteError { code, .. }) => {
                match code {
                    ErrorCode::Overloaded | ErrorCode::ShuttingDown => Again::Always,
                    _ => Again::Never,
                }
            }
            Self::PostsFull { .. } => Again::Always,
            Self::ShutDown
            | Self::Encode(_)
            | Self::Decode(_)
            | Self::LimitReached { .. }
            | Self::Unsupported { .. } => Again::Never,
        }
    }

    /// When the callee wants to be called again, if it has said so.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Handler(fault) => fault.retry_after(),
            Self::Remote(error) => error.retry_after,
            _ => None,
        }
    }

    /// Whether the handler may have run. Unlike [`may_have_run`](Self::may_have_run), it knows the codes that are not decoded
    /// yet.
    pub(crate) fn has_possibly_run(&self) -> bool {
        match self {
            Self::Handler(fault) => fault.code.may_have_run(),
            other => other.may_have_run(),
        }
    }

    /// Whether the callee has refused the call before its handler ran. Another node may serve it.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Handler(Fault { code, .. }) | Self::Remote(RemoteError { code, .. }) => {
                !code.may_have_run()
            }
            _ => false,
        }
    }

    /// If the call was late, states this as its timeout.
    pub(crate) fn late_after(mut self, timeout: Duration) -> Self {
        if let Self::DeadlineExceeded { after, .. } = &mut self {
            *after = timeout;
        }
        self
    }

    /// Like [`label`](Self::label), with the code that the peer has sent.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Handler(Fault { code, .. }) => code.label(),
            other => other.label(),
        }
    }

    /// Adds what the core does not know or does not say: the method and the peer. A handler's own error is not changed.
    pub(crate) fn of_call(self, method: &impl fmt::Display, peer: &str) -> Self {
        match self {
            Self::DeadlineExceeded { peer, after, sent, .. } => {
                Self::DeadlineExceeded { peer, after, sent, method: method.to_string().into() }
            }
            Self::Encode(error) => Self::Encode(error.of_call(method, peer)),
            Self::Decode(error) => Self::Decode(error.of_call(method, peer)),
            Self::Handler(mut fault)
                if !matches!(fault.code, ErrorCode::Handler | ErrorCode::Text) =>
            {
                fault.message = format!("{} ({method} at {peer})", fault.message);
                Self::Handler(fault)
            }
            other => other,
        }
    }

    /// Converts to a typed error; `decode` reads the body of a handler's own error.
    ///
    /// If `decode` fails, returns the code and text as `Remote`, so a caller with an older error type still sees the
    /// cause.
    pub(crate) fn typed<E>(self, decode: impl FnOnce(&Bytes) -> Option<E>) -> CallError<E> {
        self.or_handler(|fault| {
            let is_own = fault.code == ErrorCode::Handler && !fault.body.is_empty();
            match is_own.then(|| decode(&fault.body)).flatten() {
                Some(error) => CallError::Handler(error),
                None => {
                    let retry_after = fault.retry_after();
                    CallError::Remote(RemoteError::received(fault.code, fault.message, retry_after))
                }
            }
        })
    }

    /// Converts to an error of the byte level, where a handler's own error is only text.
    pub(crate) fn untyped(self) -> CallError {
        self.typed(|_| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_may_retry_is_always_repeated() {
        let (peer, method): (Arc<str>, Arc<str>) = ("b".into(), "Disk/stat".into());
        let lost = |sent| CallFailure::Disconnected {
            peer: Arc::clone(&peer),
            sent,
            reason: Arc::new(LinkError::RuntimeGone),
        };
        let late = |sent| CallFailure::DeadlineExceeded {
            peer: Arc::clone(&peer),
            method: Arc::clone(&method),
            after: Duration::ZERO,
            sent,
        };
        let of_code = |code: u16| CallFailure::Handler(Fault::new(ErrorCode::from(code), ""));
        let refused = CallFailure::Remote(RemoteError::overloaded("", None));
        let rest = [lost(Sent::No), lost(Sent::Maybe), refused, CallFailure::ShutDown];
        for failure in (0..20).map(of_code).chain(rest) {
            let is_always = failure.again() == Again::Always;
            assert_eq!(is_always, failure.clone().untyped().is_retryable(), "{failure:?}");
            assert!(!is_always || !failure.untyped().may_have_run());
        }
        assert_eq!(lost(Sent::Maybe).again(), Again::IfIdempotent);
        assert_eq!(late(Sent::Maybe).again(), Again::IfIdempotent);
        assert_eq!(late(Sent::No).again(), Again::Always);
    }
}
