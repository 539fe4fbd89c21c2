//! What this node and one peer know about each other's services, and log lines about methods that differ.
//!
//! Both state their contracts in the handshake, with the extension `contracts`. How they are compared is in
//! `proto/session/contracts.rs`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::descriptor::{MethodInfo, MethodKind, ServiceDescriptor};
use crate::proto::wire::{MethodContract, ServiceContract};
use crate::proto::{Contracts, Difference};

/// The services of a link.
#[derive(Debug)]
pub(in crate::net) struct LinkContracts {
    local: Arc<str>,
    peer: Arc<str>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Those that this node serves, and then those that it has clients of.
    own: Vec<&'static ServiceDescriptor>,
    /// What the peer stated when it connected last; kept for clients that are created later.
    stated: Vec<ServiceContract>,
    /// The differences that were found last. They are not logged again.
    logged: Vec<Difference>,
}

impl LinkContracts {
    pub(in crate::net) fn new(
        local: Arc<str>,
        peer: Arc<str>,
        served: Vec<&'static ServiceDescriptor>,
    ) -> Self {
        let inner = Inner { own: served, stated: Vec::new(), logged: Vec::new() };
        Self { local, peer, inner: Mutex::new(inner) }
    }

    /// A client of this service was created. If the peer has stated its contracts, they are compared now; the peer itself
    /// does the same with the next handshake.
    pub(in crate::net) fn add_client(&self, service: &'static ServiceDescriptor) {
        let mut inner = self.lock();
        // Clients may be created for each call.
        if !inner.own.iter().any(|own| std::ptr::eq(*own, service)) {
            inner.own.push(service);
            self.compare(inner);
        }
    }

    /// What this node states in the handshake.
    pub(in crate::net) fn statement(&self) -> Vec<ServiceContract> {
        self.lock().contracts().stated()
    }

    /// The peer has connected and stated this.
    pub(in crate::net) fn up(&self, stated: Vec<ServiceContract>) {
        let mut inner = self.lock();
        inner.stated = stated;
        self.compare(inner);
    }

    fn compare(&self, mut inner: MutexGuard<'_, Inner>) {
        let found = inner.contracts().differences(&inner.stated);
        let is_new = |difference: &&Difference| !inner.logged.contains(*difference);
        let new: Vec<_> = found.iter().filter(is_new).cloned().collect();
        inner.logged = found;
        // Before lines are logged: a subscriber is code of the user.
        drop(inner);
        new.iter().for_each(|difference| self.log(difference));
    }

    fn log(&self, difference: &Difference) {
        let Self { local, peer, .. } = self;
        match difference {
            Difference::Method { service, method, what } => {
                let method = format_args!("{service}/{method}");
                tracing::warn!(%local, %peer, %method, %what, "a method is not the same at the peer");
            }
            Difference::Missing { service, methods } => {
                let methods = methods.join(", ");
                tracing::info!(
                    %local, %peer, %service, %methods,
                    "the peer does not know some methods of a service"
                );
            }
            Difference::Unknown { service } => tracing::warn!(
                %local, %peer, %service,
                "a service is not the same at the peer, and has too many methods to say which"
            ),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn contracts(&self) -> Contracts {
        Contracts::new(self.own.iter().map(|service| of_service(service)).collect())
    }
}

fn of_service(service: &ServiceDescriptor) -> ServiceContract {
    let methods = service.methods().iter().map(|method| of_method(method));
    ServiceContract::new(service.name().to_owned(), methods.collect())
}

/// What docs/protocol.md, feature `contracts`, says about a method.
fn of_method(method: &MethodInfo) -> MethodContract {
    let capacities = method.capacities();
    let limit = method.request_bytes_max().unwrap_or_default();
    MethodContract {
        name: method.name().to_owned(),
        handler: method.id().get(),
        kind: match method.kind() {
            MethodKind::Single => 0,
            MethodKind::ServerStream => 1,
            MethodKind::ClientStream => 2,
            MethodKind::TwoWay => 3,
        },
        incoming: capacities.incoming,
        outgoing: capacities.outgoing,
        arguments: u8::try_from(method.sent_arguments().min(2)).unwrap_or(2),
        compact: method.is_compact(),
        request_bytes_max: u32::try_from(limit).unwrap_or(u32::MAX),
    }
}
