//! Where the walk and the search put what they find: both run on plain threads and push.
//!
//! On a node it is a bounded channel (a slow reader holds back the disk), in tests a `Vec`, locally the printer.

use std::ops::ControlFlow;

use tokio::sync::mpsc;

/// Takes items one by one.
pub(crate) trait Out<T> {
    /// Hands over one item; may block. `Break`: nobody wants more.
    fn put(&mut self, item: T) -> ControlFlow<()>;

    /// Whether `put` would say `Break`. Asked now and then while there is nothing to put.
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
