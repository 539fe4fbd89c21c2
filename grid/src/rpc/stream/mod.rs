//! The ends of a stream: [`Incoming`] and [`Outgoing`] at the handler, [`Requests`], [`Responses`] and [`Reply`] at
//! the caller. Each is a typed skin over one raw end of `net/`, and `Unpin` whatever its type is.

mod incoming;
mod outgoing;
mod reply;
mod requests;
mod responses;

use std::pin::Pin;

use futures_core::Stream;

pub use incoming::{Incoming, InputError};
pub use outgoing::Outgoing;
pub use reply::Reply;
pub use requests::{Requests, SendError};
pub use responses::Responses;

/// Capacity of a stream in messages, where `#[handler(incoming = .., outgoing = ..)]` does not say another.
///
/// So many messages may be on the way before the sender waits for the other side to take one. Larger is faster over a
/// long line and holds more memory for a slow consumer. Over a short one 16 gave less than half the rate of 64 for small
/// messages from a server, and 1024 half as much again. It is part of the contract, since it does not travel: set it
/// explicitly to talk to a Go node, whose default is 1.
pub const DEFAULT_CAPACITY: u32 = 64;

/// A boxed stream, for methods that return one without `impl Stream`.
///
/// ```
/// # use grid::{BoxStream, RemoteError};
/// #[grid::service]
/// trait Log {
///     async fn tail(&self, from: u64) -> Result<BoxStream<Result<String, RemoteError>>, RemoteError>;
/// }
/// ```
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// What a pulled stream may yield for a method of items `T` and error `E`: `T` itself or `Result<T, E>`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an item of this stream",
    label = "the items must be `{T}` or `Result<{T}, {E}>`",
    note = "an item's error must be the error type of the method"
)]
pub trait StreamItem<T, E> {
    /// The item or the error that ends the stream.
    fn into_item(self) -> Result<T, E>;
}

impl<T, E> StreamItem<T, E> for T {
    fn into_item(self) -> Result<T, E> {
        Ok(self)
    }
}

impl<T, E> StreamItem<T, E> for Result<T, E> {
    fn into_item(self) -> Self {
        self
    }
}

/// The ends go anywhere, whatever their types are.
const _: () = {
    const fn anywhere<T: Unpin + Send + 'static>() {}
    anywhere::<Incoming<*const u8>>();
    anywhere::<Outgoing<*const u8>>();
    anywhere::<Requests<*const u8>>();
    anywhere::<Responses<*const u8, *const u8>>();
};
