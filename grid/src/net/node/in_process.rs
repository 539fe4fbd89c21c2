//! Links of a process to itself, without a node.

use std::sync::Arc;

use super::life::driven;
use crate::net::call::abort::AbortOnDrop;
use crate::net::call::connection::Connection;
use crate::net::drive::endpoint::Endpoint;
use crate::net::drive::session;
use crate::net::serve::registry::Registry;
use crate::proto::Limits;

/// Creates a link of this process to itself, with these handlers. It ends when the last handle is dropped.
///
/// # Panics
/// Outside a tokio runtime.
pub(crate) fn in_process(registry: Registry) -> Connection {
    let name: Arc<str> = "in-process".into();
    let endpoint = Endpoint::new(Arc::clone(&name), name, Limits::default(), Arc::new(registry));
    // Before the task runs: calls can be made at once, and the driver asks the link which extensions it has.
    session::start_loopback(&endpoint.peer);
    let peer = Arc::clone(&endpoint.peer);
    let task = tokio::spawn(driven(peer, session::run_loopback(endpoint.clone())));
    Connection::owning(endpoint.peer, AbortOnDrop(task.abort_handle()))
}
