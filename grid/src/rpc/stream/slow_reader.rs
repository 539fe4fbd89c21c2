//! What a handler can do about a slow reader, except to wait with an item in its hand.

use std::fmt;
use std::future::poll_fn;

use tokio::sync::watch;

use super::outgoing::Outgoing;
use crate::Closed;

impl<T> Outgoing<T> {
    /// Sends one item if the caller has room for it now. Does not wait.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] with the item if there is no room. [`TrySendError::Closed`] as for [`send`](Self::send).
    pub fn try_send(&mut self, item: T) -> Result<(), TrySendError<T>> {
        match self.has_room()? {
            true => Ok(self.send_now(item)?),
            false => Err(TrySendError::Full(item)),
        }
    }

    /// Waits until the caller has room for one item, which need not exist before.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is sent. A permit that is dropped has no effect either.
    pub async fn reserve(&mut self) -> Result<Permit<'_, T>, Closed> {
        poll_fn(|cx| self.poll_room(cx)).await?;
        Ok(Permit { out: self })
    }

    /// Sends the value of a channel, and then its latest value each time when it has changed and the caller has room for it:
    /// a slow caller misses the values in between. Returns when the channel is closed.
    ///
    /// Values that are sent wait in the window of the stream. With `#[handler(outgoing = 1)]` it is a single one, so a caller
    /// never receives more than one that is out of date.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the caller has received a part of the values.
    pub async fn send_latest(&mut self, mut values: watch::Receiver<T>) -> Result<(), Closed>
    where
        T: Clone,
    {
        loop {
            let permit = self.reserve().await?;
            let latest = values.borrow_and_update().clone();
            permit.send(latest)?;
            if values.changed().await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Room for one item of a stream, from [`Outgoing::reserve`].
#[derive(Debug)]
pub struct Permit<'a, T> {
    pub(super) out: &'a mut Outgoing<T>,
}

impl<T> Permit<'_, T> {
    /// Sends the item. Does not wait.
    ///
    /// # Errors
    /// As for [`Outgoing::send`].
    pub fn send(self, item: T) -> Result<(), Closed> {
        self.out.send_now(item)
    }
}

/// Why [`Outgoing::try_send`] has not sent an item.
#[derive(Clone, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The caller has no room for it now. The item is returned.
    Full(T),
    /// As for [`Outgoing::send`].
    Closed(Closed),
}

/// Without the item, which need not be [`Debug`](fmt::Debug).
impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full(..)"),
            Self::Closed(closed) => f.debug_tuple("Closed").field(closed).finish(),
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the reader of the stream has no room for another item"),
            Self::Closed(closed) => closed.fmt(f),
        }
    }
}

impl<T> std::error::Error for TrySendError<T> {}

impl<T> From<Closed> for TrySendError<T> {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}
