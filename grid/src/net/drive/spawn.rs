//! Spawns the drivers of a connection: the first one, and those that take over from a blocked one (slot.rs).

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::core::Core;
use super::driver::{Driven, Driver};
use super::endpoint::Endpoint;
use super::slot::{Ended, Slot};
use super::watchdog::Watchdog;
use crate::error::LinkError;
use crate::net::catch::{catch_future, log};
use crate::net::link::effects::free_lifo_slot;
use crate::net::span::CaughtSpan;
use crate::net::transport::Transport;

/// Spawns the first driver of a connection. The returned channel receives the end.
pub(super) fn start<T: Transport + 'static>(
    endpoint: &Endpoint,
    transport: T,
    span: CaughtSpan,
) -> (Arc<Slot<T>>, oneshot::Receiver<Ended<T>>) {
    let runtime = Handle::current();
    let spawn = move |slot, core, generation| {
        let task = span.clone().enclose(drive(slot, core, generation));
        // The handle is not needed: the task ends when the slot is cut.
        drop(runtime.spawn(task));
    };
    let core = Box::new(Core::new(endpoint.clone(), Some(transport)));
    let watchdog = endpoint.workers.are_several().then(Watchdog::of_process).flatten();
    let (slot, ended) = Slot::new(endpoint, watchdog, Box::new(spawn.clone()));
    spawn(Arc::clone(&slot), core, 0);
    (slot, ended)
}

/// Drives a link until its end, which the slot reports, or until the link is taken away.
pub(super) async fn drive<T: Transport + 'static>(
    slot: Arc<Slot<T>>,
    core: Box<Core<T>>,
    generation: u64,
) {
    let driver = Driver::of_slot(core, Arc::clone(&slot), generation);
    match catch_future(driver).await {
        Ok(Driven::Ended { reason, mut core }) => {
            let transport = core.transport.take();
            // Before the rest of the core is dropped, which runs user code.
            slot.finish(generation, Ended { reason, transport });
            // That has woken the task that dials again.
            free_lifo_slot();
        }
        Ok(Driven::Taken) => {}
        Err(text) => {
            log!(error, panic = text, "the task of a link panicked");
            slot.finish(
                generation,
                Ended { reason: LinkError::Panicked { text }, transport: None },
            );
        }
    }
}
