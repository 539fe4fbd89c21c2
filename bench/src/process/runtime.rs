//! The runtime that a mode asks for.

use tokio::runtime::{Builder, Runtime};

use super::usage;
use crate::cell::Mode;
use crate::error::Result;

/// Threads of a runtime. The measurements that the project compares itself with had two.
const WORKERS: usize = 2;

/// The runtime of a process in a mode. It pins the process first, where that is asked for.
pub(crate) fn runtime(mode: Mode) -> Result<Runtime> {
    if mode == Mode::Pinned {
        usage::pin_to_one_cpu()?;
    }
    let mut builder = match mode {
        Mode::Current => Builder::new_current_thread(),
        Mode::Threads | Mode::Pair | Mode::Pinned => Builder::new_multi_thread(),
    };
    Ok(builder.worker_threads(WORKERS).enable_all().build()?)
}
