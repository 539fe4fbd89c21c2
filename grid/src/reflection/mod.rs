//! Reflection: a service that every node has, and that lists what the node serves.
//!
//! Tools that know nothing of a grid ask it: which services a node has, what their methods are called, take and return, and
//! with `#[grid::service(schema)]` what the structure of each value is. The command `grid` is such a tool.
//!
//! The service is called like any other, and [`Builder::permit`](crate::Builder::permit) decides who may call it; a guest that
//! may not learns nothing. [`Builder::reflection`](crate::Builder::reflection) switches it off.
//!
//! ```
//! use grid::Manager;
//! use grid::reflection::ReflectionClient;
//!
//! /// Greets people.
//! #[grid::service]
//! trait Hello {
//!     /// Greets one of them.
//!     async fn greet(&self, name: String) -> String;
//! }
//! # struct English;
//! # impl Hello for English {
//! #     async fn greet(&self, name: String) -> String { format!("Hello, {name}!") }
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = Manager::builder("http://node1:9000").service(HelloServer::new(English)).build()?;
//! let reflection = ReflectionClient::new(node.connection("http://node1:9000")?);
//! let services = reflection.services().await?;
//! assert_eq!((&*services[0].name, &*services[0].docs), ("Hello", "Greets people."));
//! assert_eq!(services[0].methods[0].signature, "greet(name: String) -> String");
//! # Ok(())
//! # }
//! ```

mod change;
mod compare;
mod description;
mod kind;
pub(crate) mod wire;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::change::{Breaks, Change};
#[cfg(feature = "testing")]
pub(crate) use self::compare::all as compare_wire;
pub use self::compare::{compare, compare_all};
pub use self::description::{ArgumentDescription, MethodDescription, ServiceDescription};
pub use self::kind::ChangeKind;
pub use crate::descriptor::MethodSchemas;
use crate::descriptor::{Registered, ServiceDescriptor};
use crate::net::{RegisterError, Registry};
use crate::rpc::{Registrar, Service as _};
use crate::{Builder, Manager};

/// Lists what a node serves.
///
/// `grid.Reflection` is its name on the wire. Its methods, and the fields of what they return, are never removed; new ones may
/// be added.
#[grid_macros::service(name = "grid.Reflection", crate = crate)]
pub trait Reflection {
    /// The node itself.
    #[handler(idempotent)]
    async fn node(&self) -> NodeDescription;
    /// The services of the node, in the order of their registration, and then those that every node has. Without schemas.
    #[handler(idempotent)]
    async fn services(&self) -> Vec<ServiceDescription>;
    /// All instances of the service of this name, with their schemas. Empty if the node has none.
    #[handler(idempotent)]
    async fn describe(&self, service: String) -> Vec<ServiceDescription>;
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodeDescription {
    /// Its name.
    pub name: String,
    /// The version of this library that it was built with.
    pub version: String,
}

/// What the service of one node knows.
struct Listing {
    node: Arc<str>,
    services: Vec<Registered>,
}

impl Reflection for Listing {
    async fn node(&self) -> NodeDescription {
        NodeDescription {
            name: self.node.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    async fn services(&self) -> Vec<ServiceDescription> {
        self.services.iter().map(ServiceDescription::brief).collect()
    }

    async fn describe(&self, service: String) -> Vec<ServiceDescription> {
        let of_name = self.services.iter().filter(|known| known.descriptor.name() == service);
        of_name.map(ServiceDescription::full).collect()
    }
}

fn register(node: &Arc<str>, registry: &mut Registry) -> Result<(), RegisterError> {
    let own: &'static ServiceDescriptor = ReflectionClient::DESCRIPTOR;
    let own = Registered { descriptor: own, subroute: None };
    let services =
        registry.services().iter().chain(registry.built_in()).cloned().chain([own]).collect();
    let listing = Listing { node: Arc::clone(node), services };
    ReflectionServer::new(listing).register(&mut Registrar::new(registry))
}

impl Manager {
    /// Creates a builder for a node with this name, a URL such as `http://node1:9000`.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name.into()).reflection(true)
    }
}

impl Builder {
    /// Whether the node has the service [`Reflection`], which lists its services. Default: yes.
    ///
    /// Whoever may call it sees the names, the documentation and the types of all methods, but no values. To let only some see
    /// that, decide in [`permit`](Self::permit), where the service is called `grid.Reflection`.
    pub fn reflection(self, is_on: bool) -> Self {
        self.with_built_in(
            ReflectionClient::DESCRIPTOR.name(),
            is_on.then(|| Box::new(register) as _),
        )
    }
}
