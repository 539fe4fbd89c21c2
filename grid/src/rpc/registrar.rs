//! The table of a node's handlers, as a service sees it while it registers.

use std::fmt;

use crate::descriptor::{MethodInfo, ServiceDescriptor};
use crate::net::{Builder, RawHandler, RegisterError, Registry, join};

/// What can be given to a node to serve: the generated servers, or anything else that registers handlers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a grid service",
    label = "not a service",
    note = "wrap it in the server that `#[grid::service]` made of its trait: `DiskServer::new(disk)`"
)]
pub trait Service: Sized {
    /// Puts all handlers of the service into the table.
    ///
    /// # Errors
    ///
    /// If a handler's id and subroute are taken; the error names both methods.
    fn register(self, to: &mut Registrar<'_>) -> Result<(), RegisterError>;
}

/// The table of a node's handlers, as a [`Service`] sees it.
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
    /// Makes a registrar of this table, without a subroute.
    pub(crate) fn new(registry: &'a mut Registry) -> Self {
        Self { registry, subroute: None }
    }

    /// The same table, for handlers below this subroute. An empty path adds nothing.
    pub fn under(&mut self, path: &str) -> Registrar<'_> {
        let subroute = join(self.subroute.as_deref().unwrap_or_default(), path);
        let subroute = (!subroute.is_empty()).then_some(subroute);
        Registrar { registry: self.registry, subroute }
    }

    /// Lists a service whose methods have been added, for [`Manager::services`](crate::Manager::services).
    pub(super) fn describe(&mut self, descriptor: &'static ServiceDescriptor) {
        self.registry.describe(descriptor, self.subroute.as_deref());
    }

    /// Adds a handler of a typed method.
    pub(super) fn insert(
        &mut self,
        info: &MethodInfo,
        handler: RawHandler,
    ) -> Result<(), RegisterError> {
        let name = format!("{}/{}", info.service(), info.name());
        self.registry.insert(name.into(), info.id(), self.subroute.as_deref(), handler)
    }
}

impl Builder {
    /// Serves a service: the server that `#[grid::service]` made of a trait, over the user's implementation.
    ///
    /// A method whose id is taken under its subroute makes [`build`](Self::build) fail.
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
