//! Converts a handler's own error to a [`Fault`] on the callee, and a [`CallFailure`] to a typed error on the caller.

use std::any::Any;
use std::convert::Infallible;
use std::fmt::{self, Debug, Display};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::layout::Layout;
use super::msgpack;
use super::payload::Codec;
use crate::error::{CallError, CallFailure, ErrorCode, Fault, RemoteError};
use crate::net::Body;
use crate::net::log;

/// The error type of a method.
///
/// Every type that is `Serialize + DeserializeOwned + Display + Debug + Send + Sync + 'static` implements it. The error
/// is sent as its text, for peers that support texts only, and as msgpack, from which other peers restore the type. Use
/// [`RemoteError`] where a text is enough.
///
/// If it cannot be encoded, for example because it is nested deeper than a [`Payload`](crate::Payload) may be, only the
/// text is sent. If its msgpack cannot be decoded, the caller receives the text as [`CallError::Remote`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler's error",
    label = "not a handler error",
    note = "implement `std::fmt::Display` and derive `Debug`, `serde::Serialize` and \
        `serde::Deserialize` for it, or use `grid::RemoteError` if text is enough"
)]
pub trait HandlerError:
    Serialize + DeserializeOwned + Display + Debug + Send + Sync + 'static
{
}

#[diagnostic::do_not_recommend]
impl<E: Serialize + DeserializeOwned + Display + Debug + Send + Sync + 'static> HandlerError for E {}

/// Converts one error type to a [`Fault`], and a [`CallFailure`] back to that type.
#[doc(hidden)]
pub struct ErrorCodec<E> {
    pub(super) encode: fn(E) -> Fault,
    pub(super) decode: fn(CallFailure) -> CallError<E>,
}

impl<E> Clone for ErrorCodec<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for ErrorCodec<E> {}

impl<E> Debug for ErrorCodec<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrorCodec")
    }
}

impl<E: HandlerError> ErrorCodec<E> {
    pub(super) const fn typed() -> Self {
        Self { encode: encode::<E>, decode: decode::<E> }
    }
}

impl ErrorCodec<Infallible> {
    pub(super) const fn infallible() -> Self {
        Self { encode: |never| match never {}, decode: |failure| failure.untyped() }
    }
}

fn encode<E: HandlerError>(error: E) -> Fault {
    if let Some(error) = (&error as &dyn Any).downcast_ref::<RemoteError>()
        && error.is_refusal()
    {
        return Fault::overloaded(&*error.message, error.retry_after);
    }
    let message = error.to_string();
    // An error that cannot be serialised is sent as its text alone.
    let body = Codec::<E>::of(Layout::Named).encode(error).unwrap_or_else(|error| {
        let of = std::any::type_name::<E>();
        log!(debug, error = of, reason = %error, "cannot encode an error: only its text is sent");
        None
    });
    Fault {
        code: ErrorCode::Handler,
        message,
        body: body.map_or_else(Bytes::new, Body::into_bytes),
    }
}

fn decode<E: HandlerError>(failure: CallFailure) -> CallError<E> {
    let failure = match failure {
        CallFailure::Handler(fault)
            if fault.code == ErrorCode::Handler && fault.body.is_empty() =>
        {
            // A text without a body is a complete `RemoteError`.
            match remote_error_as::<E>(&fault.message) {
                Some(error) => return CallError::Handler(error),
                None => CallFailure::Handler(fault),
            }
        }
        other => other,
    };
    failure.typed(|body: &Bytes| msgpack::decode(body).ok())
}

/// Returns the text as an `E` if `E` is [`RemoteError`].
fn remote_error_as<E: 'static>(message: &str) -> Option<E> {
    let mut error: Option<E> = None;
    let any: &mut dyn Any = &mut error;
    if let Some(slot) = any.downcast_mut::<Option<RemoteError>>() {
        *slot = Some(RemoteError::new(message));
    }
    error
}
