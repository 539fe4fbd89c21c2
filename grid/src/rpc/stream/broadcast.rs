//! [`Broadcast`]: one source of items for many streams.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Sender, channel};

use super::outgoing::Outgoing;
use crate::Closed;

/// One source of items, and any number of streams that receive them. A slow reader holds up neither the source nor the
/// other readers: it misses items, and learns how many.
///
/// Cheap to clone. Each stream encodes the items for itself.
///
/// ```
/// use grid::{Broadcast, Outgoing, Update};
///
/// #[grid::service]
/// trait Prices {
///     async fn watch(&self, out: Outgoing<Update<u64>>);
/// }
///
/// struct Exchange {
///     prices: Broadcast<u64>,
/// }
///
/// impl Prices for Exchange {
///     async fn watch(&self, mut out: Outgoing<Update<u64>>) {
///         self.prices.forward(&mut out).await;
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A reader may be behind by 1000 prices.
/// let prices = Broadcast::new(1000);
/// let client = PricesClient::in_process(Exchange { prices: prices.clone() });
/// let mut watched = client.watch().await?;
/// while prices.readers() == 0 {
///     tokio::task::yield_now().await;
/// }
/// prices.send(42);
/// assert_eq!(watched.next().await, Some(Ok(Update::Item(42))));
/// # Ok(())
/// # }
/// ```
pub struct Broadcast<T> {
    sender: Sender<T>,
}

/// What a stream of a [`Broadcast`] receives.
///
/// ```
/// use grid::Update;
///
/// fn show(update: Update<u64>) {
///     match update {
///         Update::Item(number) => println!("{number}"),
///         Update::Missed(count) => println!("this reader was too slow for {count} numbers"),
///     }
/// }
/// # show(Update::Item(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Update<T> {
    /// The next item.
    Item(T),
    /// The reader was too slow, and has missed this number of items before the next one.
    Missed(u64),
}

impl<T: Clone + Send + 'static> Broadcast<T> {
    /// Creates a source whose readers may be behind by this number of items, rounded up to a power of two. As many are kept
    /// in memory, once for all readers, beside those in the window of each stream.
    ///
    /// With 1, a reader that is not waiting misses all items but the last one. With a large number, a reader that sleeps
    /// receives much that is old when it wakes up.
    ///
    /// # Panics
    /// If the number is 0 or above half of `usize::MAX`.
    pub fn new(behind_max: usize) -> Self {
        Self { sender: channel(behind_max).0 }
    }

    /// Passes an item to all readers. Never waits. Returns the number of readers.
    pub fn send(&self, item: T) -> usize {
        // It fails if there is no reader.
        self.sender.send(item).unwrap_or(0)
    }

    /// The number of streams that receive the items now.
    pub fn readers(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Sends all items from now on to this stream, and the number of those that it has missed. Returns when the caller no
    /// longer reads the stream.
    ///
    /// # Cancel safety
    /// If the future is dropped, the stream has received a part of the items.
    pub async fn forward(&self, out: &mut Outgoing<Update<T>>) {
        self.forward_as(out, |update| update).await;
    }

    /// Like [`forward`](Self::forward), for streams with items of another type.
    pub async fn forward_as<U>(
        &self,
        out: &mut Outgoing<U>,
        mut convert: impl FnMut(Update<T>) -> U,
    ) {
        self.forward_some(out, |update| Some(convert(update))).await;
    }

    /// Like [`forward_as`](Self::forward_as), and leaves out what `select` returns `None` for: for readers that want a part of
    /// the items.
    ///
    /// ```
    /// use grid::{Broadcast, Outgoing, RemoteError, Update};
    ///
    /// #[grid::service]
    /// trait Keys {
    ///     /// The keys with this prefix that change; `None` if the reader has missed some.
    ///     async fn changes(&self, prefix: String, out: Outgoing<Option<String>>) -> Result<(), RemoteError>;
    /// }
    ///
    /// struct Store {
    ///     changes: Broadcast<String>,
    /// }
    ///
    /// impl Keys for Store {
    ///     async fn changes(
    ///         &self,
    ///         prefix: String,
    ///         mut out: Outgoing<Option<String>>,
    ///     ) -> Result<(), RemoteError> {
    ///         let select = |update: Update<String>| match update {
    ///             Update::Item(key) if key.starts_with(&prefix) => Some(Some(key)),
    ///             Update::Item(_) => None,
    ///             Update::Missed(_) => Some(None),
    ///         };
    ///         self.changes.forward_some(&mut out, select).await;
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub async fn forward_some<U>(
        &self,
        out: &mut Outgoing<U>,
        mut select: impl FnMut(Update<T>) -> Option<U>,
    ) {
        let mut items = self.sender.subscribe();
        // Taken when there is room, so that a slow reader finds out what it has missed as late as possible.
        while let Ok(permit) = out.reserve().await {
            let selected = loop {
                let update = match items.recv().await {
                    Ok(item) => Update::Item(item),
                    Err(RecvError::Lagged(missed)) => Update::Missed(missed),
                    // This has a sender itself.
                    Err(RecvError::Closed) => return,
                };
                if let Some(selected) = select(update) {
                    break selected;
                }
            };
            if let Err(Closed) = permit.send(selected) {
                return;
            }
        }
    }
}

impl<T> Clone for Broadcast<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone() }
    }
}

impl<T> fmt::Debug for Broadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").field("readers", &self.sender.receiver_count()).finish()
    }
}
