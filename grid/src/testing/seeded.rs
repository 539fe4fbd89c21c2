//! [`Seeded`]: makes everything that happens on one thread repeatable.

use std::marker::PhantomData;

use crate::entropy::seeded;

/// While it exists, nodes on this thread take their random numbers from a seed, and the time of day from tokio's clock.
///
/// The identities of processes, the pauses between attempts to connect and to call, nonces, and the first numbers of calls are
/// random. So with the same seed, a test on a current-thread runtime with a paused clock does the same in each run. Blocking
/// handlers run on the thread of the test meanwhile, one after the other.
///
/// These are not repeatable, because each takes random numbers of its own: sockets, other threads, `tokio::select!` without
/// `biased`, several tasks that wait for one `tokio::sync::watch`, and the order of a `HashMap`.
///
/// ```
/// use grid::testing::{Seeded, TestGrid};
///
/// /// The state tells one run of a node from another.
/// async fn state(seed: u64) -> grid::State {
///     let _seeded = Seeded::new(seed);
///     let grid = TestGrid::builder(2).start();
///     grid.all_connected().await;
///     grid.connection(0, 1).state()
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// assert_eq!(state(7).await, state(7).await);
/// assert_ne!(state(7).await, state(8).await);
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the thread is seeded only while this value exists"]
pub struct Seeded {
    /// It belongs to its thread.
    _not_send: PhantomData<*const ()>,
}

impl Seeded {
    /// Begins with this seed.
    ///
    /// # Panics
    /// If there is one on this thread already.
    #[track_caller]
    pub fn new(seed: u64) -> Self {
        Self::begin(seed, true)
    }

    /// The same without jitter: random pauses are the middle of their range. So all nodes that wait for the same event try again
    /// at the same time, and a test can tell when.
    ///
    /// # Panics
    /// As for [`new`](Self::new).
    #[track_caller]
    pub fn without_jitter(seed: u64) -> Self {
        Self::begin(seed, false)
    }

    #[track_caller]
    fn begin(seed: u64, has_jitter: bool) -> Self {
        let is_free = seeded::begin(seed, has_jitter);
        assert!(is_free, "this thread takes its random numbers from another seed already");
        Self { _not_send: PhantomData }
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        seeded::end();
    }
}
