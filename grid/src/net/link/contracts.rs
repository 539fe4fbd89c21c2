//! What this node and one peer know about each other's services, and log lines about methods that differ.
//!
//! Both state their contracts in the handshake, with the extension `contracts`. How they are compared is in
//! `proto/session/contracts.rs`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::descriptor::{MethodInfo, MethodKind, ServiceDescriptor};
use crate::net::catch::log;
use crate::net::notice::warning::{Warning, Warnings};
use crate::proto::wire::{HandlerId, MethodContract, ServiceContract, Statement};
use crate::proto::{Contracts, Difference, is_guest_name};

/// Another difference of the same method is logged after this time at the earliest.
const WINDOW: Duration = Duration::from_secs(60);

/// The services of a link.
#[derive(Debug)]
pub(in crate::net) struct LinkContracts {
    local: Arc<str>,
    peer: Arc<str>,
    warnings: Arc<Warnings>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Those that this node serves, and then those that it has clients of.
    own: Vec<&'static ServiceDescriptor>,
    /// What the peer stated when it connected last; kept for clients that are created later.
    stated: Vec<ServiceContract>,
    has_windows: bool,
    logged: Logged,
}

/// The differences that were logged, at most one for each method or service.
#[derive(Debug, Default)]
struct Logged(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    difference: Difference,
    at: Instant,
    /// Whether it was found again in the last comparison.
    is_present: bool,
}

impl LinkContracts {
    pub(in crate::net) fn new(
        local: Arc<str>,
        peer: Arc<str>,
        served: Vec<&'static ServiceDescriptor>,
        warnings: Arc<Warnings>,
    ) -> Self {
        let mut inner = Inner::default();
        // Often the same service under several subroutes.
        for service in served {
            inner.add(service);
        }
        Self { local, peer, warnings, inner: Mutex::new(inner) }
    }

    /// The name of this node.
    pub(super) fn local(&self) -> &str {
        &self.local
    }

    pub(super) fn peer(&self) -> &Arc<str> {
        &self.peer
    }

    pub(super) fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// The name of a method of a service that this node serves or has a client of.
    pub(super) fn method_of(&self, id: HandlerId) -> Option<String> {
        let inner = self.lock();
        let mut methods = inner.own.iter().flat_map(|service| service.methods());
        let found = methods.find(|method| method.id() == id)?;
        Some(format!("{}/{}", found.service(), found.name()))
    }

    /// A client of this service was created. If the peer has stated its contracts, they are compared now; the peer itself
    /// does the same with the next handshake.
    pub(in crate::net) fn add_client(&self, service: &'static ServiceDescriptor) {
        let mut inner = self.lock();
        // Clients may be created for each call.
        if inner.add(service) {
            self.compare(inner);
        }
    }

    /// What this node states in the handshake.
    pub(in crate::net) fn statement(&self) -> Statement {
        self.lock().contracts().stated()
    }

    /// The peer has connected and stated this. With `has_windows`, capacities need not be the same at both ends.
    pub(in crate::net) fn up(&self, stated: Vec<ServiceContract>, has_windows: bool) {
        let mut inner = self.lock();
        (inner.stated, inner.has_windows) = (stated, has_windows);
        self.compare(inner);
    }

    fn compare(&self, mut inner: MutexGuard<'_, Inner>) {
        let found = match inner.stated.is_empty() {
            true => Vec::new(),
            false => inner.contracts().differences(&inner.stated, inner.has_windows),
        };
        let new = inner.logged.update(found);
        // Before lines are logged: a subscriber is code of the user.
        drop(inner);
        new.iter().for_each(|difference| self.log(difference));
    }

    fn log(&self, difference: &Difference) {
        let Self { local, peer, .. } = self;
        let warning = self.warning_of(difference);
        if is_guest_name(peer) {
            // Each connection of a guest has a link of its own, so its lines must be limited for all guests together.
            return warning.iter().for_each(|warning| self.warnings.warn(local, warning));
        }
        if let Some(warning) = &warning {
            // Not repeated within a minute either, see `Logged`.
            self.warnings.send(warning);
        }
        match difference {
            Difference::Method { service, method, what } => {
                let method = format_args!("{service}/{method}");
                log!(warn, %local, %peer, %method, %what, "a method is not the same at the peer");
            }
            Difference::Missing { service, methods } => {
                let methods = methods.join(", ");
                log!(info, %local, %peer, %service, %methods, "the peer does not know some methods of a service");
            }
            Difference::Unknown { service } => log!(
                warn, %local, %peer, %service,
                "a service is not the same at the peer, and has too many methods to say which"
            ),
        }
    }

    fn warning_of(&self, difference: &Difference) -> Option<Warning> {
        let (method, what) = match difference {
            Difference::Method { service, method, what } => {
                (format!("{service}/{method}"), what.to_string())
            }
            Difference::Unknown { service } => (service.clone(), "too many methods differ".into()),
            Difference::Missing { .. } => return None,
        };
        let (method, peer, what) = (method.into(), Arc::clone(&self.peer), what.into());
        Some(Warning::MethodDiffers { method, peer, what })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logged {
    /// Returns those of the found differences that are to be logged now: those that are new. A peer that connects again
    /// and again with other contracts must not fill the log.
    fn update(&mut self, found: Vec<Difference>) -> Vec<Difference> {
        let now = Instant::now();
        for entry in &mut self.0 {
            entry.is_present &= found.contains(&entry.difference);
        }
        let mut new = Vec::new();
        for difference in found {
            let entry = Entry { difference: difference.clone(), at: now, is_present: true };
            let mut entries = self.0.iter_mut();
            match entries.find(|entry| entry.difference.subject() == difference.subject()) {
                None => self.0.push(entry),
                Some(known) if known.is_present || now - known.at < WINDOW => continue,
                Some(known) => *known = entry,
            }
            new.push(difference);
        }
        new
    }
}

impl Inner {
    /// Adds a service of this node. Returns whether it is a new one.
    fn add(&mut self, service: &'static ServiceDescriptor) -> bool {
        let is_new = !self.own.iter().any(|own| std::ptr::eq(*own, service));
        if is_new {
            self.own.push(service);
        }
        is_new
    }

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
    let capacities = method.capacities().in_credits();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(method: &str, what: &str) -> Difference {
        let (service, method, what) = ("Disk".to_owned(), method.to_owned(), what.to_owned());
        Difference::Method { service, method, what }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_whose_contracts_change_all_the_time_does_not_fill_the_log() {
        let mut logged = Logged::default();
        let start = Instant::now();
        let mut times = Vec::new();
        while start.elapsed() < Duration::from_secs(200) {
            let what = if start.elapsed().as_secs().is_multiple_of(2) { "id" } else { "kind" };
            if !logged.update(vec![differs("stat", what)]).is_empty() {
                times.push(start.elapsed().as_secs());
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(times, [0, 60, 120, 180]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_differs_still_is_not_logged_again_and_what_differs_again_is() {
        let mut logged = Logged::default();
        let both = [differs("stat", "id"), differs("read", "id")];
        assert_eq!(logged.update(both.to_vec()), both);
        tokio::time::advance(WINDOW).await;
        assert_eq!(logged.update(both.to_vec()), []);
        let [stat, read] = both;
        assert_eq!(logged.update(vec![stat.clone()]), []);
        assert_eq!(logged.update(vec![stat, read.clone()]), [read]);
    }
}
