//! [`BlockingSlots`]: runs blocking handlers on the threads of the runtime that may block, a limited number at once.
//!
//! A call first waits for a slot of its peer and then for one of the node. Both have the same number of slots, so a single
//! peer can use the whole node; but it has at most that number of calls in the line of the node, and other peers never
//! wait behind all calls that it has in flight.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

#[cfg(feature = "testing")]
use crate::entropy;

/// Default number of blocking handlers that run on a node at once.
///
/// Handlers that compute gain nothing beyond the number of processors, and those that wait for a disk gain little beyond
/// some dozens. A runtime has 512 such threads by default, which file operations and name resolution need as well.
pub(crate) const CALLS_MAX: usize = 64;

/// See the module.
#[derive(Debug)]
pub(in crate::net) struct BlockingSlots {
    of_node: Arc<Semaphore>,
    of_peer: Arc<Semaphore>,
}

impl BlockingSlots {
    /// The slots of a link whose node has `max` slots.
    pub(in crate::net) fn new(of_node: Arc<Semaphore>, max: usize) -> Self {
        Self { of_node, of_peer: Arc::new(Semaphore::new(max)) }
    }

    /// Runs `work` on a thread where it may block, as soon as there is a slot, and returns its result.
    ///
    /// The slot is free again when `work` has returned, whether or not its result is still wanted.
    ///
    /// # Cancel safety
    /// If the future is dropped, `work` does not start any more. Once it runs, it cannot be interrupted.
    ///
    /// # Panics
    /// With the panic of `work`.
    pub(in crate::net) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let of_peer = Arc::clone(&self.of_peer).acquire_owned().await;
        let of_node = Arc::clone(&self.of_node).acquire_owned().await;
        // A thread would end at another moment in each run.
        #[cfg(feature = "testing")]
        if entropy::seeded::is_active() {
            return work();
        }
        let mut task = Unwanted(tokio::task::spawn_blocking(move || {
            let _slots = (of_peer, of_node);
            work()
        }));
        match (&mut task.0).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime shuts down, so this task ends as well.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

/// When dropped, keeps a task from starting that has not started yet.
struct Unwanted<T>(JoinHandle<T>);

impl<T> Drop for Unwanted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn a_peer_waits_behind_one_call_of_another_peer_at_most() {
        let node = Arc::new(Semaphore::new(1));
        let [busy, quiet] = [(), ()].map(|()| BlockingSlots::new(Arc::clone(&node), 1));
        let (busy, order) = (Arc::new(busy), Arc::new(Mutex::new(Vec::new())));
        let (release, released) = channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (busy, order, released) = (busy.clone(), order.clone(), released.clone());
            calls.spawn(async move {
                let work = move || {
                    released.lock().unwrap().recv().unwrap();
                    order.lock().unwrap().push("busy");
                };
                busy.run(work).await;
            });
        }
        while node.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let order_of_quiet = Arc::clone(&order);
        calls.spawn(async move {
            quiet.run(move || order_of_quiet.lock().unwrap().push("quiet")).await;
        });
        // Let the last call take its place in the line.
        tokio::task::yield_now().await;
        for _ in 0..4 {
            release.send(()).unwrap();
        }
        while calls.join_next().await.is_some() {}
        assert_eq!(order.lock().unwrap()[..2], ["busy", "quiet"]);
    }
}
