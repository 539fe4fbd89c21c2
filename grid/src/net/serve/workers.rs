//! The workers of a runtime, and how many of them user code may block.
//!
//! If all workers of a runtime are blocked, no task, timer or socket makes progress. So a driver polls user code directly
//! only while another worker is not used by a driver. Not covered are handlers of methods known as quick that block in
//! their own tasks, and more blocked threads than there are places.
//!
//! tokio can hand the work of a worker to another thread before code runs that may block (`block_in_place`). That costs
//! about as much as ten small calls, so only handlers that have blocked before, that take long, or about which little is
//! known, run in it, and all of them while only one worker is free, or if they were put off because of that.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::block_in_place;

use super::pace::{Pace, Tried, Verdict};
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Handlers that have blocked before, and may block a thread each at the same time. Further ones wait for a place. A
/// runtime has 512 threads for blocking code by default, and its own workers run on those while threads are blocked.
const PLACES: usize = 64;

/// Other handlers that may block a thread each. These places are separate, so that methods that block do not delay others.
const SPARE_PLACES: usize = 64;

/// Spare places that are kept for methods that have not blocked.
const KEPT_PLACES: usize = SPARE_PLACES / 2;

/// Handlers of one method that may run in spare places. If more are needed, those probably block.
const TRIES_MAX: u32 = 8;

/// The workers of one runtime.
#[derive(Debug)]
pub(in crate::net) struct Workers {
    /// 1 if no other thread can take over the work of a blocked one.
    count: usize,
    /// Drivers that run user code.
    busy: AtomicUsize,
    /// Those among them that have lost their link, because the user code blocks.
    blocked: AtomicUsize,
    places: Semaphore,
    spare: Semaphore,
}

/// The permission of a driver to run user code, until it is dropped.
#[derive(Debug)]
pub(in crate::net) struct Permit<'a> {
    workers: &'a Workers,
    /// This is the last free worker, so the code must not block it.
    is_last: bool,
}

/// A driver that has lost its link to the user code that it runs, until this is dropped.
#[derive(Debug)]
pub(in crate::net) struct Blocked(Arc<Workers>);

impl Workers {
    /// The workers of the current runtime.
    pub(in crate::net) fn here() -> Arc<Self> {
        static RUNTIMES: LazyLock<Mutex<HashMap<Id, Weak<Workers>>>> =
            LazyLock::new(Mutex::default);
        let runtime = Handle::current();
        let mut runtimes = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(workers) = runtimes.get(&runtime.id()).and_then(Weak::upgrade) {
            return workers;
        }
        runtimes.retain(|_, workers| workers.strong_count() > 0);
        let count = match runtime.runtime_flavor() {
            RuntimeFlavor::CurrentThread => 1,
            _ => runtime.metrics().num_workers(),
        };
        let workers = Arc::new(Self::new(count));
        runtimes.insert(runtime.id(), Arc::downgrade(&workers));
        workers
    }

    /// That many workers.
    pub(in crate::net) fn new(count: usize) -> Self {
        Self {
            count,
            busy: AtomicUsize::new(0),
            blocked: AtomicUsize::new(0),
            places: Semaphore::new(PLACES),
            spare: Semaphore::new(SPARE_PLACES),
        }
    }

    /// Whether another worker can take over the work of a blocked one.
    pub(in crate::net) fn are_several(&self) -> bool {
        self.count > 1
    }

    /// Asks to run user code. Returns `None` while other drivers run user code on all workers but one; they either finish
    /// soon or lose their links.
    pub(in crate::net) fn enter(&self) -> Option<Permit<'_>> {
        if self.busy.fetch_add(1, Ordering::Relaxed) + 1 < self.count {
            return Some(Permit { workers: self, is_last: false });
        }
        self.busy.fetch_sub(1, Ordering::Relaxed);
        self.is_last().then_some(Permit { workers: self, is_last: true })
    }

    /// Counts a driver that has lost its link.
    pub(in crate::net) fn block(self: &Arc<Self>) -> Blocked {
        self.blocked.fetch_add(1, Ordering::Relaxed);
        Blocked(Arc::clone(self))
    }

    /// Whether all workers but one are blocked.
    pub(super) fn is_last(&self) -> bool {
        self.are_several() && self.blocked.load(Ordering::Relaxed) + 1 >= self.count
    }

    /// Waits for a place for a poll that may block its thread. Returns `None` if it should run without one. `is_first`:
    /// it is the first poll of a handler, whose duration is known from other calls.
    pub(super) async fn place<'a>(&'a self, pace: &'a Pace, is_first: bool) -> Option<Place<'a>> {
        if !self.are_several() {
            return None;
        }
        let permit = match pace.verdict() {
            Verdict::Blocks => match self.retry(pace) {
                Some(place) => return Some(place),
                None => self.places.acquire().await,
            },
            Verdict::Unknown => match pace.begin_try(TRIES_MAX) {
                Some(tried) => {
                    let permit = self.spare.acquire().await.ok()?;
                    return Some(Place { _permit: permit, _tried: Some(tried) });
                }
                None => self.places.acquire().await,
            },
            // They probably do not block, so they do not wait for those that do. A quick handler was not polled in its
            // driver because that had the last free worker. By now others may be free, and several such handlers could
            // block all of them.
            Verdict::Heavy | Verdict::Quick if is_first || self.is_last() => {
                return self.spare_place();
            }
            Verdict::Heavy | Verdict::Quick => return None,
        };
        Some(Place { _permit: permit.ok()?, _tried: None })
    }

    /// A place for a method that has blocked, but of which few handlers run. A busy machine may have held it up, and it must not
    /// wait for methods that do block.
    fn retry<'a>(&'a self, pace: &'a Pace) -> Option<Place<'a>> {
        let tried = pace.begin_try(TRIES_MAX)?;
        let place = self.spare_place().filter(|_| self.spare.available_permits() >= KEPT_PLACES)?;
        Some(Place { _tried: Some(tried), ..place })
    }

    /// Runs a future of the user's that is not a handler. Its polls may block. Must be awaited in a task of the runtime.
    pub(in crate::net) async fn guard<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let place = if self.are_several() { self.spare_place() } else { None };
            run_in(place.as_ref(), || future.as_mut().poll(cx))
        })
        .await
    }

    fn spare_place(&self) -> Option<Place<'_>> {
        Some(Place { _permit: self.spare.try_acquire().ok()?, _tried: None })
    }
}

/// A place of a handler that may block its thread, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    _tried: Option<Tried<'a>>,
}

/// Runs user code, which may block if it has a place for that.
pub(super) fn run_in<T>(place: Option<&Place<'_>>, code: impl FnOnce() -> T) -> T {
    match place {
        Some(_) => block_in_place(code),
        None => code(),
    }
}

impl Permit<'_> {
    /// Whether this is the last free worker.
    pub(in crate::net) fn is_last(&self) -> bool {
        self.is_last
    }

    /// Runs user code.
    pub(in crate::net) fn run(&self, code: impl FnOnce()) {
        let place = self.is_last.then(|| self.workers.spare_place()).flatten();
        run_in(place.as_ref(), code);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.is_last {
            self.workers.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        self.0.blocked.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_code_leaves_one_worker_free() {
        let workers = Arc::new(Workers::new(3));
        let (first, second) = (workers.enter(), workers.enter());
        for permit in [&first, &second] {
            assert!(permit.as_ref().is_some_and(|permit| !permit.is_last));
        }
        assert!(workers.enter().is_none(), "they are only busy");
        let blocked = [workers.block(), workers.block()];
        assert!(workers.enter().is_some_and(|permit| permit.is_last));
        drop((first, blocked));
        assert!(workers.enter().is_some_and(|permit| !permit.is_last));
    }

    #[tokio::test]
    async fn the_workers_of_a_runtime_are_shared() {
        let workers = Workers::here();
        assert!(Arc::ptr_eq(&workers, &Workers::here()) && !workers.are_several());
        let other = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build();
            runtime.unwrap().block_on(async { Workers::here().count })
        });
        assert_eq!(other.join().unwrap(), 3);
    }
}
