//! Descriptions of services and methods without their types: for listings, logs and tools.
//!
//! The attribute generates them as constants (rpc/method.rs), and a node keeps those of the services that it serves
//! (net/registry.rs).

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::request_too_large;
use crate::proto::Body;
use crate::{Capacities, CodecError, HandlerId};

/// The shape of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MethodKind {
    /// One request, one answer.
    Single,
    /// One request, a stream of answers.
    ServerStream,
    /// One request, a stream of input, one answer.
    ClientStream,
    /// One request, a stream of input, a stream of answers.
    TwoWay,
}

/// JSON Schemas (draft 2020-12), as text, of all that a method sends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MethodSchemas {
    /// Of the arguments, in their order.
    pub arguments: Vec<String>,
    /// Of an item of input.
    #[serde(default)]
    pub input: Option<String>,
    /// Of the answer, or of an item of a stream of answers.
    #[serde(default)]
    pub output: Option<String>,
    /// Of the method's own error.
    #[serde(default)]
    pub error: Option<String>,
}

impl MethodSchemas {
    #[doc(hidden)]
    pub fn __new(
        arguments: Vec<String>,
        input: Option<String>,
        output: String,
        error: Option<String>,
    ) -> Self {
        Self { arguments, input, output: Some(output), error }
    }
}

/// Describes a method without its types.
///
/// ```
/// # #[grid::service]
/// # trait Counter {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError>;
/// #     async fn up_to(&self, n: u64, out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError>;
/// #     async fn sum(&self, numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError>;
/// # }
/// # struct Zero;
/// # impl Counter for Zero {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError> {
/// #         if n > 9 { Err(grid::RemoteError::new("too much")) } else { Ok(n) }
/// #     }
/// #     async fn up_to(&self, n: u64, mut out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError> {
/// #         for number in 1..=n { out.send(number).await?; }
/// #         Ok(())
/// #     }
/// #     async fn sum(&self, mut numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError> {
/// #         let mut sum = 0;
/// #         while let Some(number) = numbers.next().await { sum += number?; }
/// #         Ok(sum)
/// #     }
/// # }
/// let add = CounterClient::ADD.info();
/// assert_eq!((add.service(), add.name()), ("Counter", "add"));
/// assert!(!add.is_idempotent());
/// ```
#[derive(Clone, Debug)]
pub struct MethodInfo {
    service: &'static str,
    name: &'static str,
    id: HandlerId,
    kind: MethodKind,
    capacities: Capacities,
    timeout: Option<Duration>,
    request_bytes_max: Option<u32>,
    compact: bool,
    inline: bool,
    blocking: bool,
    idempotent: bool,
    docs: &'static str,
    /// How many are sent with the request; see `proto/wire/contract.rs`.
    sent_arguments: usize,
    arguments: &'static [(&'static str, &'static str)],
    /// Those of them that are sent.
    sent: &'static [(&'static str, &'static str)],
    /// The names of those with `#[default]`.
    defaults: &'static [&'static str],
    schemas: Option<fn() -> MethodSchemas>,
    returns: &'static str,
}

impl MethodInfo {
    /// Name of the service on the wire.
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// Name of the method on the wire.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The handler's id: set with `#[handler(id = 9)]`, otherwise derived from `Service/method`.
    pub const fn id(&self) -> HandlerId {
        self.id
    }

    /// The shape of the method.
    pub const fn kind(&self) -> MethodKind {
        self.kind
    }

    /// The stream's capacities in messages, from the handler's point of view; both are 0 for a single request.
    pub const fn capacities(&self) -> Capacities {
        self.capacities
    }

    /// The default deadline, if the method sets one with `#[handler(timeout = "5s")]`.
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The largest request in bytes, if the method sets it with `#[handler(request_bytes_max = 65536)]`.
    pub const fn request_bytes_max(&self) -> Option<usize> {
        match self.request_bytes_max {
            Some(max) => Some(max as usize),
            None => None,
        }
    }

    /// Fails if an encoded request is larger than the method allows.
    pub(crate) fn check_request(&self, request: Option<Body>) -> Result<Option<Body>, CodecError> {
        let len = request.as_ref().map_or(0, Body::len);
        match self.request_bytes_max() {
            Some(max) if len > max => Err(CodecError::new(request_too_large(len, max))),
            _ => Ok(request),
        }
    }

    /// Whether the method has `#[handler(compact)]`: structs are sent as arrays.
    pub const fn is_compact(&self) -> bool {
        self.compact
    }

    /// Whether the method has `#[handler(inline)]`: the link's own task may poll its handler first.
    pub const fn is_inline(&self) -> bool {
        self.inline
    }

    /// Whether the method has `#[handler(blocking)]`: its handler runs on a thread where it may block.
    pub const fn is_blocking(&self) -> bool {
        self.blocking
    }

    /// Whether the method has `#[handler(idempotent)]`: its handler may run twice for one call, see
    /// [`Retry`](crate::Retry).
    pub const fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// The method's documentation on the trait.
    pub const fn docs(&self) -> &'static str {
        self.docs
    }

    /// Names and types of the arguments as written, including the input of a stream.
    pub const fn arguments(&self) -> &'static [(&'static str, &'static str)] {
        self.arguments
    }

    /// Names and types of the arguments that are sent with the request, in order: all but the input and the output of a stream.
    /// A single one is the whole payload; several are a map of their names.
    pub fn sent(&self) -> impl ExactSizeIterator<Item = (&'static str, &'static str)> {
        self.sent.iter().copied()
    }

    /// Whether the argument of this name has `#[default]`: a handler has the default of its type if a caller does not send it.
    pub fn has_default(&self, argument: &str) -> bool {
        self.defaults.contains(&argument)
    }

    /// The structures of all that the method sends, with `#[grid::service(schema)]`. They are made anew by each call.
    pub fn schemas(&self) -> Option<MethodSchemas> {
        Some(self.schemas?())
    }

    /// The return type as written, or an empty string if there is none.
    pub const fn returns(&self) -> &'static str {
        self.returns
    }

    #[doc(hidden)]
    pub const fn __new(service: &'static str, name: &'static str, id: u32) -> Self {
        Self {
            service,
            name,
            id: HandlerId::new(id),
            kind: MethodKind::Single,
            capacities: Capacities { incoming: 0, outgoing: 0 },
            timeout: None,
            request_bytes_max: None,
            compact: false,
            inline: false,
            blocking: false,
            idempotent: false,
            docs: "",
            sent_arguments: 0,
            arguments: &[],
            sent: &[],
            defaults: &[],
            schemas: None,
            returns: "",
        }
    }

    #[doc(hidden)]
    pub const fn __docs(mut self, docs: &'static str) -> Self {
        self.docs = docs;
        self
    }

    #[doc(hidden)]
    pub const fn __arguments(mut self, arguments: &'static [(&'static str, &'static str)]) -> Self {
        self.arguments = arguments;
        self
    }

    #[doc(hidden)]
    pub const fn __sent(mut self, sent: &'static [(&'static str, &'static str)]) -> Self {
        self.sent = sent;
        self
    }

    #[doc(hidden)]
    pub const fn __defaults(mut self, defaults: &'static [&'static str]) -> Self {
        self.defaults = defaults;
        self
    }

    #[doc(hidden)]
    pub const fn __schemas(mut self, schemas: fn() -> MethodSchemas) -> Self {
        self.schemas = Some(schemas);
        self
    }

    #[doc(hidden)]
    pub const fn __returns(mut self, returns: &'static str) -> Self {
        self.returns = returns;
        self
    }

    #[doc(hidden)]
    pub const fn __incoming(mut self, capacity: u32) -> Self {
        self.capacities.incoming = capacity;
        self
    }

    #[doc(hidden)]
    pub const fn __outgoing(mut self, capacity: u32) -> Self {
        self.capacities.outgoing = capacity;
        self
    }

    #[doc(hidden)]
    pub const fn __timeout_ms(mut self, timeout: u64) -> Self {
        self.timeout = Some(Duration::from_millis(timeout));
        self
    }

    #[doc(hidden)]
    pub const fn __request_bytes_max(mut self, max: u32) -> Self {
        self.request_bytes_max = Some(max);
        self
    }

    #[doc(hidden)]
    pub const fn __compact(mut self) -> Self {
        self.compact = true;
        self
    }

    #[doc(hidden)]
    pub const fn __inline(mut self) -> Self {
        self.inline = true;
        self
    }

    #[doc(hidden)]
    pub const fn __blocking(mut self) -> Self {
        self.blocking = true;
        self
    }

    #[doc(hidden)]
    pub const fn __idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    pub(crate) const fn of_kind(mut self, kind: MethodKind, sent_arguments: usize) -> Self {
        self.kind = kind;
        self.sent_arguments = sent_arguments;
        self
    }

    /// How many arguments are sent with the request.
    pub(crate) const fn sent_arguments(&self) -> usize {
        self.sent_arguments
    }
}

/// Describes a service and its methods without their types.
///
/// ```
/// # #[grid::service]
/// # trait Counter {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError>;
/// #     async fn up_to(&self, n: u64, out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError>;
/// #     async fn sum(&self, numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError>;
/// # }
/// # struct Zero;
/// # impl Counter for Zero {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError> {
/// #         if n > 9 { Err(grid::RemoteError::new("too much")) } else { Ok(n) }
/// #     }
/// #     async fn up_to(&self, n: u64, mut out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError> {
/// #         for number in 1..=n { out.send(number).await?; }
/// #         Ok(())
/// #     }
/// #     async fn sum(&self, mut numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError> {
/// #         let mut sum = 0;
/// #         while let Some(number) = numbers.next().await { sum += number?; }
/// #         Ok(sum)
/// #     }
/// # }
/// let names: Vec<_> = CounterClient::DESCRIPTOR.methods().iter().map(|method| method.name()).collect();
/// assert_eq!(names, ["add", "up_to", "sum"]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ServiceDescriptor {
    name: &'static str,
    docs: &'static str,
    methods: &'static [&'static MethodInfo],
}

impl ServiceDescriptor {
    /// Name of the service on the wire.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The trait's documentation.
    pub const fn docs(&self) -> &'static str {
        self.docs
    }

    /// The methods, in the order of the trait.
    pub const fn methods(&self) -> &'static [&'static MethodInfo] {
        self.methods
    }

    #[doc(hidden)]
    pub const fn __new(
        name: &'static str,
        docs: &'static str,
        methods: &'static [&'static MethodInfo],
    ) -> Self {
        Self { name, docs, methods }
    }
}

/// A service that a node serves; [`Manager::services`](crate::Manager::services) lists them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Registered {
    /// Name, documentation and methods.
    pub descriptor: &'static ServiceDescriptor,
    /// The subroute that it was registered under.
    pub subroute: Option<Arc<str>>,
}
