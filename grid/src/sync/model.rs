//! Runs a model: code of the library in every order in which its threads can reach the operations of `sync`.
//!
//! Each order is an execution from the beginning, so a model must be deterministic apart from the schedule. It fails if an
//! assertion fails, if all its threads wait for each other, which is what a lost wake-up looks like, or if a waker of
//! [`wait`] is never dropped.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
// Not a part of the model.
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Wake, Waker};

use loom::thread::{Builder, JoinHandle};

/// How often a thread is interrupted where it could go on. Most faults of schedules need one or two interruptions, and each
/// more multiplies the time by about ten. `LOOM_MAX_PREEMPTIONS` sets another number.
const PREEMPTIONS_MAX: usize = 2;

/// The driver of a link needs more than the 32 KiB that a thread of a model has otherwise. In words: loom passes it on to
/// a library that counts so.
const STACK_WORDS: usize = 1 << 16;

/// Operations of one execution. Only a model that never ends has more.
const BRANCHES_MAX: usize = 20_000;

/// Runs `model` in every order. The thread that it begins in has a small stack: what needs more belongs into [`spawn`].
pub(crate) fn check(model: impl Fn() + Send + Sync + 'static) {
    check_to(PREEMPTIONS_MAX, model);
}

/// The same with another bound, for a fault that needs more interruptions.
pub(crate) fn check_to(preemptions_max: usize, model: impl Fn() + Send + Sync + 'static) {
    // The library asks the runtime for the time, which stands still, and for timers, none of which comes to be due.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    let _entered = runtime.enter();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions_max);
    builder.max_branches = BRANCHES_MAX;
    builder.check(model);
}

/// Starts a thread of the model.
pub(crate) fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().stack_size(STACK_WORDS).spawn(run).expect("a thread of a model")
}

/// Waits for a future in a thread of the model. Sometimes polls it without a reason, as runtimes may.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut task = None;
    loom::future::block_on(poll_fn(|cx| {
        let task = task.get_or_insert_with(|| Arc::new(Task::new(cx.waker().clone())));
        task.is_woken.store(false, Relaxed);
        let polled = future.as_mut().poll(&mut Context::from_waker(&Arc::clone(task).into()));
        if polled.is_pending() && task.is_woken.load(Relaxed) {
            // It has woken itself, so that others have a turn. Without this, it could be polled again for ever.
            loom::thread::yield_now();
        }
        polled
    }))
}

/// Notes whether a future is woken while it is polled.
struct Task {
    waker: Waker,
    is_woken: AtomicBool,
}

impl Task {
    fn new(waker: Waker) -> Self {
        Self { waker, is_woken: AtomicBool::new(false) }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Relaxed);
        self.waker.wake_by_ref();
    }
}
