//! The locks and atomics of the code whose schedules are checked: what threads share without a channel of tokio's.
//!
//! They are the standard library's. The unit tests take loom's instead if they are built with `--cfg grid_loom`: then the
//! tests named `schedules` run that very code in every order in which threads can reach these operations (model.rs). All
//! other tests need the standard library's, and fail in such a build.
//!
//! The name is not `loom`: tokio looks at `cfg(loom)`, and leaves out its sockets. `Arc` is always the standard library's:
//! loom's is neither weak nor unsized.

#[cfg(all(test, grid_loom))]
pub(crate) mod model;

#[cfg(all(test, grid_loom))]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(all(test, grid_loom)))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
