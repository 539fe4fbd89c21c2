//! How services register their handlers with a node: the trait [`Service`], and the table it registers with.

use std::fmt;

use crate::descriptor::{MethodInfo, ServiceDescriptor};
use crate::net::{Builder, RawHandler, RegisterError, Registry, join};

/// A service that a node can serve; pass it to [`Builder::service`].
///
/// [`Served`](crate::Served), the generated server of a trait, implements it. Implement it to register several services
/// as one:
///
/// ```
/// use grid::{RegisterError, Registrar, Service};
///
/// #[grid::service]
/// trait Disk {
///     async fn size(&self) -> u64;
/// }
///
/// struct Disks<T>(Vec<T>);
///
/// impl<T: Disk> Service for Disks<T> {
///     fn register(self, to: &mut Registrar<'_>) -> Result<(), RegisterError> {
///         for (index, disk) in self.0.into_iter().enumerate() {
///             DiskServer::new(disk).register(&mut to.under(&format!("disk{index}")))?;
///         }
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a grid service",
    label = "not a service",
    note = "wrap it in the server that `#[grid::service]` generated for its trait: `DiskServer::new(disk)`"
)]
pub trait Service: Sized {
    /// Adds all handlers of the service to the table.
    ///
    /// # Errors
    ///
    /// Fails if a handler has the same id and subroute as one in the table. The error names both.
    fn register(self, to: &mut Registrar<'_>) -> Result<(), RegisterError>;
}

/// The table of a node's handlers, which a [`Service`] registers with.
pub struct Registrar<'a> {
    registry: &'a mut Registry,
    subroute: Option<String>,
}

impl fmt::Debug for Registrar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar").field("subroute", &self.subroute).finish_non_exhaustive()
    }
}

impl<'a> Registrar<'a> {
    /// Creates a registrar for this table, at the root.
    pub(crate) fn new(registry: &'a mut Registry) -> Self {
        Self { registry, subroute: None }
    }

    /// The same table, for services below this subroute. An empty path adds no subroute.
    pub fn under(&mut self, path: &str) -> Registrar<'_> {
        let subroute = join(self.subroute.as_deref().unwrap_or_default(), path);
        let subroute = (!subroute.is_empty()).then_some(subroute);
        Registrar { registry: self.registry, subroute }
    }

    /// Adds a service to the list of [`Manager::services`](crate::Manager::services).
    pub(super) fn describe(&mut self, descriptor: &'static ServiceDescriptor) {
        self.registry.describe(descriptor, self.subroute.as_deref());
    }

    /// Adds the handler of a typed method.
    pub(super) fn insert(
        &mut self,
        info: &MethodInfo,
        handler: RawHandler,
    ) -> Result<(), RegisterError> {
        let name = format!("{}/{}", info.service(), info.name());
        let subroute = self.subroute.as_deref();
        let route = self.registry.insert(name.into(), info.id(), subroute, handler)?;
        if let Some(max) = info.request_bytes_max() {
            self.registry.limit_requests(route, max);
        }
        Ok(())
    }
}

impl Builder {
    /// Registers a service: the server that `#[grid::service]` generated for a trait, or a [`Service`] of your own.
    ///
    /// If two handlers have the same id and subroute, [`build`](Self::build) fails with
    /// [`BuildError`](crate::BuildError).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// #[grid::service]
    /// trait Hello {
    ///     async fn greet(&self, name: String) -> String;
    /// }
    ///
    /// struct English;
    ///
    /// impl Hello for English {
    ///     async fn greet(&self, name: String) -> String {
    ///         format!("Hello, {name}!")
    ///     }
    /// }
    ///
    /// let node = "http://node1:9000";
    /// let manager = grid::Manager::builder(node).service(HelloServer::new(English)).build()?;
    /// let hello = HelloClient::new(manager.connection(node)?);
    /// assert_eq!(hello.greet("grid".into()).await?, "Hello, grid!");
    /// # Ok(())
    /// # }
    /// ```
    pub fn service(self, service: impl Service) -> Self {
        self.register(|registry| service.register(&mut Registrar::new(registry)))
    }
}
