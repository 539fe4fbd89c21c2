//! Descriptions of services as values that can be sent and kept, unlike the constants of `descriptor.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Capacities;
use crate::descriptor::{MethodInfo, MethodKind, MethodSchemas, Registered, ServiceDescriptor};

/// A service that a node serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceDescription {
    /// Its name on the wire.
    pub name: String,
    /// The subroute that this instance of it was registered under.
    #[serde(default)]
    pub subroute: Option<String>,
    /// The documentation of the trait.
    #[serde(default)]
    pub docs: String,
    /// The methods, in the order of the trait.
    pub methods: Vec<MethodDescription>,
}

/// A method of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MethodDescription {
    /// Its name on the wire, without that of its service.
    pub name: String,
    /// The id of its handler.
    pub id: u32,
    /// Its shape.
    pub kind: MethodKind,
    /// How many items of input may wait for the handler, if the method limits that.
    #[serde(default)]
    pub incoming: Option<u32>,
    /// How many items of the handler may wait for the caller, if the method limits that.
    #[serde(default)]
    pub outgoing: Option<u32>,
    /// The default deadline, in milliseconds.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// The largest request, in bytes, if the method limits that.
    #[serde(default)]
    pub request_bytes_max: Option<u64>,
    /// Structs are sent as arrays.
    #[serde(default)]
    pub compact: bool,
    /// The handler never waits.
    #[serde(default)]
    pub inline: bool,
    /// The handler may block its thread.
    #[serde(default)]
    pub blocking: bool,
    /// The handler may run twice for one call.
    #[serde(default)]
    pub idempotent: bool,
    /// The method's documentation.
    #[serde(default)]
    pub docs: String,
    /// What is sent with the request, in order. A single argument is the whole payload; several are a map of their names.
    #[serde(default)]
    pub arguments: Vec<ArgumentDescription>,
    /// What is written in the trait: all arguments with their types, and the return type.
    #[serde(default)]
    pub signature: String,
    /// The structures of what is sent, if the service states them (`#[grid::service(schema)]`), and if they were asked for.
    #[serde(default)]
    pub schemas: Option<MethodSchemas>,
}

/// An argument that is sent with the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArgumentDescription {
    /// Its name.
    pub name: String,
    /// Its type, as written.
    #[serde(rename = "type")]
    pub ty: String,
    /// `#[default]`: a call without it is accepted.
    #[serde(default)]
    pub default: bool,
}

impl ServiceDescription {
    /// Describes a service, with its schemas if it states them.
    pub fn of(service: &ServiceDescriptor) -> Self {
        Self::new(service, None, MethodDescription::of)
    }

    /// Describes a service that a node serves, without schemas.
    pub(super) fn brief(service: &Registered) -> Self {
        Self::new(service.descriptor, service.subroute.as_deref(), MethodDescription::brief)
    }

    /// The same with its schemas.
    pub(super) fn full(service: &Registered) -> Self {
        Self::new(service.descriptor, service.subroute.as_deref(), MethodDescription::of)
    }

    fn new(
        service: &ServiceDescriptor,
        subroute: Option<&str>,
        method: impl Fn(&MethodInfo) -> MethodDescription,
    ) -> Self {
        Self {
            name: service.name().to_owned(),
            subroute: subroute.map(str::to_owned),
            docs: service.docs().to_owned(),
            methods: service.methods().iter().map(|info| method(info)).collect(),
        }
    }

    /// The method of this name.
    pub fn method(&self, name: &str) -> Option<&MethodDescription> {
        self.methods.iter().find(|method| method.name == name)
    }
}

impl MethodDescription {
    /// Describes a method, with its schemas if its service states them.
    pub fn of(method: &MethodInfo) -> Self {
        Self { schemas: method.schemas(), ..Self::brief(method) }
    }

    fn brief(method: &MethodInfo) -> Self {
        let Capacities { incoming, outgoing } = method.capacities();
        let limit = |items| Some(items).filter(|items| *items != Capacities::BYTES_ONLY);
        let has_input = matches!(method.kind(), MethodKind::ClientStream | MethodKind::TwoWay);
        let has_items = matches!(method.kind(), MethodKind::ServerStream | MethodKind::TwoWay);
        Self {
            name: method.name().to_owned(),
            id: method.id().get(),
            kind: method.kind(),
            incoming: limit(incoming).filter(|_| has_input),
            outgoing: limit(outgoing).filter(|_| has_items),
            timeout_ms: method.timeout().map(|timeout| timeout.as_millis() as u64),
            request_bytes_max: method.request_bytes_max().map(|max| max as u64),
            compact: method.is_compact(),
            inline: method.is_inline(),
            blocking: method.is_blocking(),
            idempotent: method.is_idempotent(),
            docs: method.docs().to_owned(),
            arguments: arguments(method),
            signature: signature(method),
            schemas: None,
        }
    }

    /// The default deadline.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }
}

fn arguments(method: &MethodInfo) -> Vec<ArgumentDescription> {
    let sent = method.sent().map(|(name, ty)| ArgumentDescription {
        name: name.to_owned(),
        ty: ty.to_owned(),
        default: method.has_default(name),
    });
    sent.collect()
}

fn signature(method: &MethodInfo) -> String {
    let arguments: Vec<_> =
        method.arguments().iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
    let returns = match method.returns() {
        "" => String::new(),
        returns => format!(" -> {returns}"),
    };
    format!("{}({}){returns}", method.name(), arguments.join(", "))
}
