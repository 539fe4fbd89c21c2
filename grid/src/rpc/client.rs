//! The caller's side: calling a typed method over a connection returns a [`Call`] or an [`Opening`], which are futures.
//!
//! Both are `Unpin + Send + 'static`, so they work with `spawn`, `JoinSet`, `join_all` and `select!`, also as `&mut call`.
//! The state machine behind them is not generic; only the last step, decoding, depends on the types.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use bytes::Bytes;
use futures_core::FusedFuture;

use super::args::ArgTuple;
use super::kind::{MayRunTwice, Once};
use super::method::{ClientStreamMethod, Method, ServerStreamMethod, TwoWayMethod};
use super::stream::{Reply, Requests, Responses};
use crate::error::CallFailure;
use crate::net::{Body, CallOptions, RawCall, RawOpening, RawReceiver, RawSender, call_options};
use crate::{CallError, CodecError, Connection, Hedge, Retry};

/// A single request: set its options, then `.await` it.
///
/// Nothing is sent until it is polled; dropping it cancels the request.
///
/// `K` is [`Idempotent`](crate::Idempotent) for methods with `#[handler(idempotent)]`, and [`Once`] for all others.
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
pub struct Call<T, E, K = Once> {
    raw: RawCall,
    decode: fn(Option<Bytes>) -> Result<T, CodecError>,
    error: fn(CallFailure) -> CallError<E>,
    kind: PhantomData<fn() -> K>,
}

impl<T, E, K> Call<T, E, K> {
    call_options!();

    /// Makes the request again after a failure, as far as the policy permits, and in place of the policy of the client.
    ///
    /// Calls of all methods are repeated if they cannot have run; those of methods with `#[handler(idempotent)]` also if they
    /// may have. The arguments are encoded once. See [`Retry`] for what is repeated and when.
    ///
    /// Without effect after the first poll, like all options.
    pub fn retry(mut self, policy: &Retry) -> Self {
        self.raw = self.raw.retry(policy);
        self
    }

    /// Makes the same request at another node if there is no answer after the time of the policy, or if the first node fails
    /// in a way that is [repeated](Retry), or refuses the call. The first success is the answer, and the other request is cancelled.
    ///
    /// An error of the handler is an answer as well. If both nodes fail, the error is that of the later one, unless only the
    /// earlier one may have run. With a [`retry`](Self::retry) policy, the next attempt is made at both nodes in the same way.
    ///
    /// The request is sent as it was made, with the metadata of its own client; interceptors and the subroute are those of
    /// `other`.
    ///
    /// Exists only for methods with `#[handler(idempotent)]`, because both handlers may run.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use grid::{CallError, Hedge};
    /// #[grid::service]
    /// trait Files {
    ///     #[handler(idempotent)]
    ///     async fn size(&self, path: String) -> u64;
    /// }
    ///
    /// async fn size(one: &FilesClient, other: &FilesClient, hedge: &Hedge) -> Result<u64, CallError> {
    ///     one.size("/tmp/a".into()).hedge(hedge, other.connection()).await
    /// }
    /// ```
    pub fn hedge(mut self, policy: &Hedge, other: &Connection) -> Self
    where
        K: MayRunTwice,
    {
        self.raw = other.hedge(self.raw, policy);
        self
    }

    /// Sends the request without waiting for its answer: it is queued now, or refused now.
    ///
    /// The answer is discarded, and so is an error of the handler: only recorders and interceptors see it. Nothing that is
    /// dropped cancels the request; it ends when it is answered, at its deadline (one minute, unless the method or
    /// [`timeout`](Self::timeout) says otherwise), or when the connection is lost, and then it may or may not have run. With
    /// [`wait_connected`](Self::wait_connected), it waits for a connection in the same way. Only the link of an `in_process`
    /// client or a [`Mock`](crate::Mock) ends with the last handle to it, and the posts on their way with it.
    ///
    /// Posts over one connection are sent in the order in which they were made, as far as their requests have at most 64 KiB:
    /// longer ones are sent in parts, beside others. Handlers of methods with `#[handler(inline)]` begin in that order; those
    /// of other methods may run at the same time. A connection that is lost can end an earlier post and not a later one.
    ///
    /// If the node has interceptors or recorders for the method, or the call a [retry](Self::retry) or [hedge](Self::hedge)
    /// policy, the request is made at once as well, and a task waits for its answer. What an interceptor delays, or a policy
    /// repeats, can be overtaken by later posts. With a policy, a failure that is repeated is not returned: without a
    /// connection, the post may be lost after the last attempt.
    ///
    /// ```
    /// #[grid::service]
    /// trait Audit {
    ///     #[handler(inline)]
    ///     async fn note(&self, line: String);
    /// }
    ///
    /// fn deleted(audit: &AuditClient, path: &str) {
    ///     if let Err(error) = audit.note(format!("deleted {path}")).post() {
    ///         println!("not noted: {error}");
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The request was not sent: [`Disconnected`](CallError::Disconnected) or [`ShutDown`](CallError::ShutDown) without a
    /// connection; [`Encode`](CallError::Encode), also for one that is too large;
    /// [`Unsupported`](CallError::Unsupported); [`DeadlineExceeded`](CallError::DeadlineExceeded) if the deadline has passed;
    /// [`Remote`](CallError::Remote) if the peer is shutting down; and [`PostsFull`](CallError::PostsFull) if as many posts to
    /// the peer are not over as [`Config::posts_bytes_max`](crate::Config::posts_bytes_max) permits. An interceptor that
    /// answers at once returns its own.
    ///
    /// # Panics
    ///
    /// If the call was polled until it was ready. One that was polled before goes on as it has begun.
    pub fn post(self) -> Result<(), CallError<E>> {
        self.raw.post_raw().map_err(self.error)
    }

    /// The same call, for code that does not depend on the kind of method. Whether the method is idempotent stays known.
    pub(super) fn of_any_kind(self) -> Call<T, E> {
        let Self { raw, decode, error, kind: _ } = self;
        Call { raw, decode, error, kind: PhantomData }
    }

    /// The same call over another connection than `first`, over which it was made.
    pub(super) fn again(&self, connection: &Connection, first: &Connection) -> Self {
        let raw = connection.again(&self.raw, first);
        Self { raw, decode: self.decode, error: self.error, kind: PhantomData }
    }

    fn options_mut(&mut self) -> &mut CallOptions {
        self.raw.options_mut()
    }

    /// Whether its waker is called only when the outcome is there.
    pub(super) fn wakes_once(&self) -> bool {
        self.raw.wakes_once()
    }
}

impl<T, E, K> Future for Call<T, E, K> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.raw.poll_raw(cx)) {
            Ok(payload) => (self.decode)(payload).map_err(|error| self.raw.undecodable(error)),
            Err(failure) => Err((self.error)(failure)),
        })
    }
}

impl<T, E, K> FusedFuture for Call<T, E, K> {
    fn is_terminated(&self) -> bool {
        self.raw.is_terminated()
    }
}

impl<T, E, K> fmt::Debug for Call<T, E, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("raw", &self.raw).finish_non_exhaustive()
    }
}

/// A stream that is being opened: set its options, then `.await` it, which returns the handles `H` once it is open.
///
/// `H` is [`Responses`], or [`Requests`] and [`Reply`], or [`Requests`] and [`Responses`]. The options apply to the whole
/// stream, so a timeout also ends a stream that still transfers items.
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
/// use std::time::Duration;
///
/// let mut numbers = counter.up_to(3).timeout(Duration::from_secs(5)).await?;
/// while let Some(number) = numbers.next().await {
///     println!("{}", number?);
/// }
/// # Ok(()) }
/// ```
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

    /// The same stream over another connection than `first`, over which it is opened.
    pub(super) fn again(&self, connection: &Connection, first: &Connection) -> Self {
        Self { raw: connection.open_again(&self.raw, first), method: self.method }
    }

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

impl<A: ArgTuple, O, E, K> Method<A, O, E, K> {
    /// Calls the method over this connection, like the client's method of the same name.
    pub fn call(&self, connection: &Connection, args: A) -> Call<O, E, K> {
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
    ) -> Call<O, E, K> {
        let info = &self.info;
        let raw = connection.call(info.id(), request, info.timeout()).of_method(info);
        Call { raw, decode: self.output.decode, error: self.error.decode, kind: PhantomData }
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
    anywhere::<Call<*const u8, *const u8, *const u8>>();
    anywhere::<Opening<*const u8, *const u8>>();
};
