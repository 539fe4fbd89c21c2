//! In which methods the services of two nodes differ (extension `contracts`).
//!
//! The nodes state their contracts in the handshake (`wire/contract.rs`), and the layer above logs the differences. They
//! are for people, and have no effect on the connection.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::proto::wire::{MethodContract, ServiceContract, Statement};

/// The contracts of a node's services.
#[derive(Debug)]
pub(crate) struct Contracts {
    services: Vec<ServiceContract>,
}

/// What differs between a service of this node and that of the same name at the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    /// A method is not the same at both.
    Method {
        service: String,
        method: String,
        /// Each property that differs, with both values.
        what: String,
    },
    /// The peer does not have these methods.
    Missing { service: String, methods: Vec<String> },
    /// There was no room in the handshake to say what.
    Unknown { service: String },
}

impl Difference {
    /// The service and the method that differ. The method is empty if it is not about a single one.
    pub(crate) fn subject(&self) -> (&str, &str) {
        match self {
            Self::Method { service, method, .. } => (service, method),
            Self::Missing { service, .. } | Self::Unknown { service } => (service, ""),
        }
    }
}

impl Contracts {
    /// A service can be given several times, such as under several subroutes.
    pub(crate) fn new(mut services: Vec<ServiceContract>) -> Self {
        services.sort_by(|a, b| (&a.name, a.hash).cmp(&(&b.name, b.hash)));
        services.dedup();
        Self { services }
    }

    /// What this node states in the handshake: as much as fits into it.
    pub(crate) fn stated(&self) -> Statement {
        Statement::of(&self.services)
    }

    /// Compares with what the peer has stated. With `has_windows`, capacities do not matter.
    pub(crate) fn differences(
        &self,
        peer: &[ServiceContract],
        has_windows: bool,
    ) -> Vec<Difference> {
        let mut differences = Vec::new();
        for group in self.services.chunk_by(|a, b| a.name == b.name) {
            let Some(own) = group.first() else { continue };
            let theirs: Vec<_> = peer.iter().filter(|theirs| theirs.name == own.name).collect();
            // A node can serve two versions of a service under different subroutes: one of them is the peer's.
            let is_known =
                |theirs: &&ServiceContract| group.iter().any(|own| own.hash == theirs.hash);
            if theirs.iter().any(is_known) {
                continue;
            }
            if let Some(theirs) = theirs.first() {
                compare(own, theirs, has_windows, &mut differences);
            }
        }
        differences
    }
}

fn compare(
    own: &ServiceContract,
    theirs: &ServiceContract,
    has_windows: bool,
    found: &mut Vec<Difference>,
) {
    let service = &own.name;
    if theirs.methods.is_empty() {
        found.push(Difference::Unknown { service: service.clone() });
        return;
    }
    let counterparts = Counterparts::new(own, theirs);
    let mut missing = Vec::new();
    for method in &own.methods {
        match counterparts.of(method) {
            None => missing.push(method.name.clone()),
            Some(theirs) => {
                let what = properties(method, theirs, has_windows);
                if !what.is_empty() {
                    let (service, method) = (service.clone(), method.name.clone());
                    found.push(Difference::Method { service, method, what });
                }
            }
        }
    }
    if !missing.is_empty() {
        found.push(Difference::Missing { service: service.clone(), methods: missing });
    }
}

/// The methods of a peer. Maps, because a hostile peer can state a thousand of them.
struct Counterparts<'a> {
    by_name: HashMap<&'a str, &'a MethodContract>,
    /// Those whose names this node does not have.
    by_handler: HashMap<u32, &'a MethodContract>,
}

impl<'a> Counterparts<'a> {
    fn new(own: &'a ServiceContract, theirs: &'a ServiceContract) -> Self {
        let known: HashSet<&str> = own.methods.iter().map(|method| &*method.name).collect();
        let renamed = theirs.methods.iter().filter(|method| !known.contains(&*method.name));
        Self {
            by_name: theirs.methods.iter().map(|method| (&*method.name, method)).collect(),
            by_handler: renamed.map(|method| (method.handler, method)).collect(),
        }
    }

    /// The method of the same name, or of the same handler id if the name has changed.
    fn of(&self, own: &MethodContract) -> Option<&'a MethodContract> {
        let named = self.by_name.get(&*own.name);
        named.or_else(|| self.by_handler.get(&own.handler)).copied()
    }
}

/// Each property in which two methods differ, with both values.
fn properties(own: &MethodContract, theirs: &MethodContract, has_windows: bool) -> String {
    let mut text = String::new();
    let mut add = |name: &str, own: &dyn fmt::Display, theirs: &dyn fmt::Display| {
        let (own, theirs) = (own.to_string(), theirs.to_string());
        if own != theirs {
            let comma = if text.is_empty() { "" } else { "; " };
            text.push_str(&format!("{comma}{name}: {own} here, {theirs} at the peer"));
        }
    };
    add("handler id", &own.handler, &theirs.handler);
    add("kind", &kind(own.kind), &kind(theirs.kind));
    if own.kind == theirs.kind && !has_windows {
        add("capacity of incoming", &own.incoming, &theirs.incoming);
        add("capacity of outgoing", &own.outgoing, &theirs.outgoing);
    }
    // None and one are compatible: the payload is absent, which may be the default.
    if own.arguments.max(theirs.arguments) > 1 {
        add("arguments", &arguments(own.arguments), &arguments(theirs.arguments));
    }
    add("layout", &layout(own.compact), &layout(theirs.compact));
    let limit = |max: u32| if max == 0 { "none".to_owned() } else { max.to_string() };
    add("request_bytes_max", &limit(own.request_bytes_max), &limit(theirs.request_bytes_max));
    text
}

fn kind(kind: u8) -> &'static str {
    match kind {
        0 => "single request",
        1 => "stream of answers",
        2 => "stream of input",
        3 => "two streams",
        _ => "unknown",
    }
}

fn arguments(count: u8) -> &'static str {
    match count {
        0 => "none",
        1 => "one",
        _ => "several",
    }
}

fn layout(compact: bool) -> &'static str {
    if compact { "compact" } else { "named" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: &str, handler: u32) -> MethodContract {
        MethodContract {
            name: name.into(),
            handler,
            kind: 0,
            incoming: 0,
            outgoing: 0,
            arguments: 1,
            compact: false,
            request_bytes_max: 0,
        }
    }

    fn service(methods: &[MethodContract]) -> ServiceContract {
        ServiceContract::new("Disk".into(), methods.to_vec())
    }

    fn differences(own: &[MethodContract], theirs: &[MethodContract]) -> Vec<Difference> {
        Contracts::new(vec![service(own)]).differences(&[service(theirs)], false)
    }

    fn what(own: MethodContract, theirs: MethodContract) -> String {
        match &differences(&[own], &[theirs])[..] {
            [] => String::new(),
            [Difference::Method { what, .. }] => what.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_property_is_named_with_both_values() {
        let stat = || method("stat", 9);
        assert_eq!(what(stat(), stat()), "");
        let pinned = what(stat(), method("stat", 0x9a95_2873));
        assert_eq!(pinned, "handler id: 9 here, 2593466483 at the peer");
        let streams = MethodContract { kind: 3, incoming: 64, outgoing: 4, ..stat() };
        assert_eq!(
            what(stat(), streams.clone()),
            "kind: single request here, two streams at the peer"
        );
        let swapped = MethodContract { incoming: 4, outgoing: 64, ..streams.clone() };
        assert_eq!(
            what(streams, swapped),
            "capacity of incoming: 64 here, 4 at the peer; capacity of outgoing: 4 here, 64 at the peer"
        );
        let other =
            MethodContract { arguments: 2, compact: true, request_bytes_max: 512, ..stat() };
        assert_eq!(
            what(other, stat()),
            "arguments: several here, one at the peer; layout: compact here, named at the peer; \
            request_bytes_max: 512 here, none at the peer"
        );
        assert_eq!(what(stat(), MethodContract { arguments: 0, ..stat() }), "");
        let later = MethodContract { kind: 9, ..stat() };
        assert_eq!(what(stat(), later), "kind: single request here, unknown at the peer");
    }

    #[test]
    fn a_renamed_method_with_a_pinned_id_is_the_same_method() {
        let found = differences(&[method("stat", 9)], &[method("status", 9)]);
        assert_eq!(found, []);
        // The peer's `read` is compared with the own one, not with `stat`, which has its id.
        let found = differences(
            &[method("stat", 9), method("read", 10)],
            &[method("read", 9), method("walk", 11)],
        );
        let what = "handler id: 10 here, 9 at the peer".to_owned();
        let (service, method) = ("Disk".to_owned(), "read".to_owned());
        let methods = vec!["stat".to_owned()];
        assert_eq!(
            found,
            [
                Difference::Method { service: service.clone(), method, what },
                Difference::Missing { service, methods }
            ]
        );
    }

    #[test]
    fn services_that_only_one_node_has_do_not_differ() {
        let own = Contracts::new(vec![service(&[method("stat", 9)])]);
        let other = ServiceContract::new("Chat".into(), vec![method("stat", 10)]);
        assert_eq!(own.differences(&[other], false), []);
        assert_eq!(own.differences(&[], false), []);
    }

    #[test]
    fn one_of_two_versions_of_a_service_is_enough() {
        let (old, new) = (service(&[method("stat", 9)]), service(&[method("stat", 10)]));
        let both = Contracts::new(vec![new.clone(), old.clone(), new.clone()]);
        assert_eq!(both.stated().read().unwrap().len(), 2);
        assert_eq!(both.differences(std::slice::from_ref(&old), false), []);
        assert_eq!(
            Contracts::new(vec![old]).differences(&both.stated().read().unwrap(), false),
            []
        );
    }

    #[test]
    fn a_service_without_its_methods_is_compared_by_its_hash() {
        let (own, other) = (service(&[method("stat", 9)]), service(&[method("stat", 10)]));
        let without = |service: ServiceContract| ServiceContract { methods: Vec::new(), ..service };
        let contracts = Contracts::new(vec![own.clone()]);
        assert_eq!(contracts.differences(&[without(own)], false), []);
        let unknown = Difference::Unknown { service: "Disk".into() };
        assert_eq!(contracts.differences(&[without(other)], false), [unknown]);
    }
}
