//! Where walk and search, which run on plain threads, push their results.
//!
//! On a node this is a bounded channel (so that a slow reader slows down the disk), in tests a `Vec`, locally the
//! printer.

use std::ops::ControlFlow;

use tokio::sync::mpsc;

/// Takes items one by one.
pub(crate) trait Out<T> {
    /// Takes one item. May block. Returns `Break` if no more items are wanted.
    fn put(&mut self, item: T) -> ControlFlow<()>;

    /// Whether `put` would return `Break`. Called now and then while there is nothing to put.
    fn stopped(&self) -> bool {
        false
    }
}

impl<T> Out<T> for Vec<T> {
    fn put(&mut self, item: T) -> ControlFlow<()> {
        self.push(item);
        ControlFlow::Continue(())
    }
}

/// For threads that may block: `spawn_blocking`, not async tasks.
impl<T> Out<T> for mpsc::Sender<T> {
    fn put(&mut self, item: T) -> ControlFlow<()> {
        match self.blocking_send(item) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    fn stopped(&self) -> bool {
        self.is_closed()
    }
}
