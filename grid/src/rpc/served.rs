//! The server of a service, written once for all services: an implementation and the subroute it is registered under.
//!
//! For a trait `Disk` the attribute generates `type DiskServer<T> = Served<T, DiskClient>`, and an implementation of
//! [`ServedBy`] for `DiskClient` that adds the methods. How a method becomes a handler is in `handlers.rs`.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::handlers::Handlers;
use super::registrar::{Registrar, Service};
use crate::ServiceDescriptor;
use crate::net::{RegisterError, join};

/// A server: the implementation `T` of a service, ready to be registered with a node.
///
/// `#[grid::service]` on a trait `Disk` generates the alias `DiskServer<T>` of this type. `S` is the generated
/// `DiskClient`; it distinguishes the servers of a type that implements several services.
///
/// Clones share the implementation.
///
/// ```
/// use std::sync::Arc;
///
/// #[grid::service]
/// trait Disk {
///     async fn size(&self) -> u64;
/// }
///
/// struct Fake;
///
/// impl Disk for Fake {
///     async fn size(&self) -> u64 {
///         512
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = Arc::new(Fake);
/// let node = "http://node1:9000";
/// let manager = grid::Manager::builder(node)
///     .service(DiskServer::from_arc(fake.clone()).subroute("disk0"))
///     .service(DiskServer::from_arc(fake).subroute("disk1"))
///     .build()?;
/// let disk = DiskClient::new(manager.connection(node)?).subroute("disk1");
/// assert_eq!(disk.size().await?, 512);
/// # Ok(())
/// # }
/// ```
#[must_use = "a server does nothing until it is registered with a node: `builder.service(server)`"]
pub struct Served<T, S> {
    service: Arc<T>,
    subroute: Option<String>,
    contract: PhantomData<fn() -> S>,
}

impl<T, S> Served<T, S> {
    /// Creates a server of this implementation.
    pub fn new(service: T) -> Self {
        Self::from_arc(Arc::new(service))
    }

    /// Creates a server of a shared implementation.
    pub fn from_arc(service: Arc<T>) -> Self {
        Self { service, subroute: None, contract: PhantomData }
    }

    /// Registers the service under this subroute. A second call appends to the first: `a`, then `b`, is `a/b`.
    pub fn subroute(mut self, path: impl Into<String>) -> Self {
        self.subroute = Some(below(self.subroute, path.into()));
        self
    }
}

/// The subroute `path` below another one.
pub(super) fn below(outer: Option<String>, path: String) -> String {
    match outer {
        Some(outer) => join(&outer, &path),
        None => path,
    }
}

impl<T, S> Clone for Served<T, S> {
    fn clone(&self) -> Self {
        let Self { service, subroute, contract } = self;
        Self { service: Arc::clone(service), subroute: subroute.clone(), contract: *contract }
    }
}

impl<T, S: ServedBy<T>> fmt::Debug for Served<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("service", &S::DESCRIPTOR.name())
            .field("subroute", &self.subroute)
            .finish_non_exhaustive()
    }
}

impl<T, S: ServedBy<T>> Service for Served<T, S> {
    fn register(self, to: &mut Registrar<'_>) -> Result<(), RegisterError> {
        let to = to.under(self.subroute.as_deref().unwrap_or_default());
        let mut handlers = Handlers::new(self.service, to);
        S::add_methods(&mut handlers);
        handlers.finish()?.describe(S::DESCRIPTOR);
        Ok(())
    }
}

/// Generated code implements it for the client of a service, where `T` is any implementation of the service.
pub trait ServedBy<T> {
    /// Descriptor of the service.
    const DESCRIPTOR: &'static ServiceDescriptor;

    /// Adds one handler per method.
    fn add_methods(to: &mut Handlers<'_, T>);
}
