//! The ends of a stream: [`Incoming`] and [`Outgoing`] for the handler, [`Requests`], [`Responses`] and [`Reply`] for
//! the caller. Each adds types to a sender or receiver of `net/`, and is `Unpin` for every type.

mod broadcast;
mod incoming;
mod item;
mod outgoing;
mod reply;
mod requests;
mod responses;
mod slow_reader;

use std::pin::Pin;

use futures_core::Stream;

pub use broadcast::{Broadcast, Update};
pub use incoming::{Incoming, InputError};
pub use item::StreamItem;
pub use outgoing::Outgoing;
pub use reply::Reply;
pub use requests::Requests;
pub use responses::Responses;
pub use slow_reader::{Permit, TrySendError};

/// A boxed stream, for methods that do not return `impl Stream`.
///
/// ```
/// # use grid::{BoxStream, RemoteError};
/// #[grid::service]
/// trait Log {
///     async fn tail(&self, from: u64) -> Result<BoxStream<Result<String, RemoteError>>, RemoteError>;
/// }
/// ```
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// The ends can be moved and sent between tasks, whatever their type parameters are.
const _: () = {
    const fn anywhere<T: Unpin + Send + 'static>() {}
    anywhere::<Incoming<*const u8>>();
    anywhere::<Outgoing<*const u8>>();
    anywhere::<Requests<*const u8>>();
    anywhere::<Responses<*const u8, *const u8>>();
    anywhere::<Reply<*const u8, *const u8>>();
};
