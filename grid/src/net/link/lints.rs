//! Warnings about the calls of one link: names what the core has only numbers for.

use std::sync::Arc;
use std::time::Duration;

use super::contracts::LinkContracts;
use super::labels::Labels;
use crate::net::notice::warning::{Warning, Warnings};
use crate::proto::wire::HandlerId;
use crate::proto::{Finding, RouteIndex, StreamOf};

/// A poll that takes at least this long is reported. A handler that computes for less holds up few others, and a busy machine
/// can interrupt any poll for tens of milliseconds.
const BLOCKS: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(in crate::net) struct Lints {
    labels: Arc<Labels>,
    /// Has the names of both nodes, and their warnings.
    contracts: Arc<LinkContracts>,
}

impl Lints {
    pub(super) fn new(labels: Arc<Labels>, contracts: Arc<LinkContracts>) -> Arc<Self> {
        Arc::new(Self { labels, contracts })
    }

    /// The warnings of the node.
    pub(in crate::net) fn warnings(&self) -> &Warnings {
        self.contracts.warnings()
    }

    /// The core has noticed something.
    pub(super) fn noticed(&self, finding: &Finding) {
        let peer = self.peer();
        self.warn(&match *finding {
            Finding::UnknownHandler(id) => Warning::UnknownHandler { peer, id: id.get() },
            Finding::SlowReader { of, waited } => {
                Warning::SlowReader { method: self.method(of), peer, waited }
            }
        });
    }

    /// A poll of a handler has taken this long.
    pub(in crate::net) fn polled(&self, route: RouteIndex, took: Duration) {
        if took >= BLOCKS {
            let (method, peer) = (self.method_of(route), self.peer());
            self.warn(&Warning::HandlerBlocks { method, peer, took });
        }
    }

    /// A handler has called this method, without its deadline.
    #[cfg(debug_assertions)]
    pub(in crate::net) fn not_inherited(&self, route: RouteIndex, called: Arc<str>) {
        let method = self.method_of(route);
        let warning = Warning::DeadlineNotInherited { method, called };
        self.warnings().warn_once(self.contracts.local(), &warning);
    }

    fn warn(&self, warning: &Warning) {
        self.warnings().warn(self.contracts.local(), warning);
    }

    fn peer(&self) -> Arc<str> {
        Arc::clone(self.contracts.peer())
    }

    /// The name of the method of a stream.
    pub(super) fn method(&self, of: StreamOf) -> Arc<str> {
        match of {
            StreamOf::Served(route) => self.method_of(route),
            StreamOf::Made(id) => self.called(id),
        }
    }

    fn method_of(&self, route: RouteIndex) -> Arc<str> {
        self.labels.get(route).map(|label| &*label.method).unwrap_or_default().into()
    }

    /// The name of a method that this node has a client of.
    fn called(&self, id: HandlerId) -> Arc<str> {
        self.contracts.method_of(id).unwrap_or_else(|| format!("handler {id}")).into()
    }
}
