//! What the object-safe twins of services are made of: `DynStore` of a trait `Store` with `#[grid::service(dyn)]`.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;

use crate::{CallError, RemoteError};

/// A boxed future, which the methods of `DynStore` return for a trait `Store` with `#[grid::service(dyn)]`.
///
/// ```
/// use grid::{BoxFuture, CallError};
///
/// #[grid::service(dyn)]
/// trait Clock {
///     async fn now(&self) -> u64;
/// }
///
/// /// Fails in a way in which only calls of other nodes do.
/// struct ShutDown;
///
/// impl DynClock for ShutDown {
///     fn now(&self) -> BoxFuture<'_, Result<u64, CallError>> {
///         Box::pin(async { Err(CallError::ShutDown) })
///     }
/// }
/// ```
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The call of a client.
pub fn boxed<'a, T>(call: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(call)
}

/// The call of an implementation in this process.
pub fn local<'a, T: 'static, E: 'static>(
    handler: impl Future<Output = Result<T, E>> + Send + 'a,
) -> BoxFuture<'a, Result<T, CallError<E>>> {
    Box::pin(async move { handler.await.map_err(failed) })
}

/// The same for a method that cannot fail.
pub fn local_infallible<'a, T: 'static>(
    handler: impl Future<Output = T> + Send + 'a,
) -> BoxFuture<'a, Result<T, CallError<Infallible>>> {
    Box::pin(async move { Ok(handler.await) })
}

/// The error of a handler as its caller would receive it.
fn failed<E: 'static>(error: E) -> CallError<E> {
    let mut error = Some(error);
    let any: &mut dyn Any = &mut error;
    if let Some(refusal) = any.downcast_mut::<Option<RemoteError>>()
        && let Some(refusal) = refusal.take_if(|error| error.is_refusal())
    {
        return CallError::Remote(refusal.into_received());
    }
    CallError::Handler(error.expect("only a refusal was taken out"))
}
