//! The caller's side: calling a typed method over a connection returns a [`Call`] or an [`Opening`], which are futures.
//!
//! Both are `Unpin + Send + 'static`, so they work with `spawn`, `JoinSet`, `join_all` and `select!`, also as `&mut call`.
//! The state machine behind them is not generic; only the last step, decoding, depends on the types.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use bytes::Bytes;
use futures_core::FusedFuture;

use super::args::ArgTuple;
use super::method::{ClientStreamMethod, Method, ServerStreamMethod, TwoWayMethod};
use super::stream::{Reply, Requests, Responses};
use crate::error::CallFailure;
use crate::net::{Body, CallOptions, RawCall, RawOpening, RawReceiver, RawSender, call_options};
use crate::{CallError, CodecError, Connection};

/// A single request: set its options, then `.await` it.
///
/// Nothing is sent until it is polled; dropping it cancels the request.
///
/// ```
/// # use std::time::Duration;
/// # #[grid::service]
/// # trait Clock { async fn now(&self) -> u64; }
/// # struct Fixed;
/// # impl Clock for Fixed { async fn now(&self) -> u64 { 42 } }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), grid::CallError> {
/// # let clock = ClockClient::in_process(Fixed);
/// let now = clock.now().timeout(Duration::from_millis(200)).await?;
/// # assert_eq!(now, 42); Ok(()) }
/// ```
///
/// # Errors
///
/// The future returns any variant of [`CallError`]; `Handler` holds the method's own error.
///
/// # Cancel safety
///
/// Dropping the future cancels the request: the answer is lost, and the callee drops the handler's future if it supports
/// the extension `cancel`. `select!` on `&mut call` loses nothing.
///
/// # Panics
///
/// When polled again after it has completed.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<T, E> {
    raw: RawCall,
    decode: fn(Option<Bytes>) -> Result<T, CodecError>,
    error: fn(CallFailure) -> CallError<E>,
}

impl<T, E> Call<T, E> {
    call_options!();

    fn options_mut(&mut self) -> &mut CallOptions {
        self.raw.options_mut()
    }

    /// Whether its waker is called only when the outcome is there.
    pub(super) fn wakes_once(&self) -> bool {
        self.raw.wakes_once()
    }
}

impl<T, E> Future for Call<T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.raw.poll_raw(cx)) {
            Ok(payload) => (self.decode)(payload).map_err(|error| self.raw.undecodable(error)),
            Err(failure) => Err((self.error)(failure)),
        })
    }
}

impl<T, E> FusedFuture for Call<T, E> {
    fn is_terminated(&self) -> bool {
        self.raw.is_terminated()
    }
}

impl<T, E> fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("raw", &self.raw).finish_non_exhaustive()
    }
}

/// A stream that is being opened: set its options, then `.await` it, which returns the handles `H` once it is open.
///
/// `H` is [`Responses`], or [`Requests`] and [`Reply`], or [`Requests`] and [`Responses`]. The options apply to the whole
/// stream, so a timeout also ends a stream that still transfers items.
///
/// # Errors
///
/// The future returns any variant of [`CallError`] except `Handler` and `Decode`, which the handles return.
///
/// # Cancel safety
///
/// Dropping the future cancels the call. `select!` on `&mut opening` loses nothing.
///
/// # Panics
///
/// When polled again after it has completed.
#[must_use = "a stream is not opened until this is awaited"]
pub struct Opening<H: 'static, E: 'static> {
    raw: RawOpening,
    method: &'static dyn Opens<H, E>,
}

/// A streaming method without the type of its arguments, for [`Opening`].
trait Opens<H, E>: Send + Sync {
    fn handles(&self, sender: RawSender, receiver: RawReceiver) -> H;
    fn error(&self, failure: CallFailure) -> CallError<E>;
}

impl<H, E> Opening<H, E> {
    call_options!();

    fn options_mut(&mut self) -> &mut CallOptions {
        self.raw.options_mut()
    }
}

impl<H, E> Future for Opening<H, E> {
    type Output = Result<H, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.raw.poll_raw(cx)) {
            Ok((sender, receiver)) => Ok(self.method.handles(sender, receiver)),
            Err(failure) => Err(self.method.error(failure)),
        })
    }
}

impl<H, E> FusedFuture for Opening<H, E> {
    fn is_terminated(&self) -> bool {
        self.raw.is_terminated()
    }
}

impl<H, E> fmt::Debug for Opening<H, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("raw", &self.raw).finish_non_exhaustive()
    }
}

impl<A: ArgTuple, O, E> Method<A, O, E> {
    /// Calls the method over this connection, like the client's method of the same name.
    pub fn call(&self, connection: &Connection, args: A) -> Call<O, E> {
        self.start(connection, self.encode(args))
    }

    /// The arguments in encoded form.
    pub(super) fn encode(&self, args: A) -> Result<Option<Body>, CodecError> {
        args.__encode(&self.args).and_then(|request| self.info.check_request(request))
    }

    pub(super) fn start(
        &self,
        connection: &Connection,
        request: Result<Option<Body>, CodecError>,
    ) -> Call<O, E> {
        let info = &self.info;
        let raw = connection.call(info.id(), request, info.timeout()).named(info.into());
        Call { raw, decode: self.output.decode, error: self.error.decode }
    }
}

macro_rules! opens {
    ($Method:ident<A, $([$I:ident],)? O, E>, $Handles:ty, |$method:ident, $sender:ident, $receiver:ident| $handles:expr) => {
        impl<A: ArgTuple, $($I: 'static,)? O: 'static, E: 'static> $Method<A, $($I,)? O, E> {
            /// Opens the stream over this connection, like the client's method of the same name.
            pub fn open(&'static self, connection: &Connection, args: A) -> Opening<$Handles, E> {
                let info = &self.info;
                let request = args.__encode(&self.args).and_then(|request| info.check_request(request));
                let raw = connection.open(info.id(), info.capacities(), request, info.timeout());
                let raw = raw.named(info.into());
                Opening { raw, method: self }
            }
        }

        impl<A: ArgTuple, $($I,)? O, E> Opens<$Handles, E> for $Method<A, $($I,)? O, E> {
            fn handles(&self, $sender: RawSender, $receiver: RawReceiver) -> $Handles {
                let $method = self;
                $handles
            }

            fn error(&self, failure: CallFailure) -> CallError<E> {
                (self.error.decode)(failure)
            }
        }
    };
}

opens!(ServerStreamMethod<A, O, E>, Responses<O, E>, |method, sender, receiver| {
    drop(sender);
    Responses::new(receiver, method.output, method.error)
});
opens!(ClientStreamMethod<A, [I], O, E>, (Requests<I>, Reply<O, E>), |method, sender, receiver| {
    (Requests::new(sender, method.input), Reply::new(receiver, method.output, method.error))
});
opens!(TwoWayMethod<A, [I], O, E>, (Requests<I>, Responses<O, E>), |method, sender, receiver| {
    (Requests::new(sender, method.input), Responses::new(receiver, method.output, method.error))
});

/// Calls can be moved and sent between tasks, whatever their type parameters are.
const _: () = {
    const fn anywhere<T: Unpin + Send + 'static>() {}
    anywhere::<Call<*const u8, *const u8>>();
    anywhere::<Opening<*const u8, *const u8>>();
};
