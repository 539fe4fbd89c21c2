//! [`Gate`]: code that blocks its thread until a test releases it.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tokio::time::timeout;

/// A test that takes longer has failed. None comes near it: a machine that is busy with something else can be twenty times slower.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Blocks threads until it is opened.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    is_open: bool,
    /// Threads that have come since the last release.
    reached: usize,
    releases: usize,
}

impl Gate {
    /// Blocks the thread.
    pub(crate) fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.reached += 1;
        self.changed.notify_all();
        let releases = state.releases;
        let is_held = |state: &mut GateState| !state.is_open && state.releases == releases;
        drop(self.changed.wait_while(state, is_held).unwrap());
    }

    /// Waits until this many threads have come to the gate.
    pub(crate) async fn reached(self: &Arc<Self>, count: usize) {
        let gate = Arc::clone(self);
        let reached = tokio::task::spawn_blocking(move || {
            let state = gate.state.lock().unwrap();
            let waited =
                gate.changed.wait_timeout_while(state, LIMIT, |state| state.reached < count);
            !waited.unwrap().1.timed_out()
        });
        assert!(reached.await.unwrap(), "{count} threads are blocked");
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().is_open = true;
        self.changed.notify_all();
    }

    /// Lets those go that have come so far.
    pub(crate) fn release(&self) {
        let mut state = self.state.lock().unwrap();
        (state.reached, state.releases) = (0, state.releases + 1);
        drop(state);
        self.changed.notify_all();
    }
}

/// Opens the gate even if the test fails, so that the runtime can end.
struct OpenOnDrop(Arc<Gate>);

impl Drop for OpenOnDrop {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Runs a test that hangs if it fails.
pub(crate) async fn limited(test: impl Future<Output = ()>) {
    timeout(2 * LIMIT, test).await.expect("hangs");
}

/// The same with a gate, which is open at the end of the test.
pub(crate) async fn gated(test: impl AsyncFnOnce(Arc<Gate>)) {
    let gate = Arc::<Gate>::default();
    let _open = OpenOnDrop(Arc::clone(&gate));
    limited(test(gate)).await;
}
