//! The runtime of a mode.

use tokio::runtime::{Builder, Runtime};

use super::usage;
use crate::cell::Mode;
use crate::error::Result;

/// Worker threads of a runtime. The measurements that the project is compared with had two.
const WORKERS: usize = 2;

/// Builds the runtime of a process in a mode. In mode `pinned` it pins the process first.
pub(crate) fn runtime(mode: Mode) -> Result<Runtime> {
    if mode == Mode::Pinned {
        usage::pin_to_one_cpu()?;
    }
    let mut builder = if mode == Mode::Current {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    Ok(builder.worker_threads(WORKERS).enable_all().build()?)
}
