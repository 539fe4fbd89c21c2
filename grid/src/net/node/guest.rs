//! [`Guest`]: a program that calls a node and is on no host list.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::build_error::BuildError;
use super::builder::Builder;
use super::manager::Manager;
use crate::auth::Authenticate;
use crate::error::LinkError;
use crate::net::call::connection::Connection;
use crate::net::link::state::State;

/// A program that is connected to a node of a grid and is on no host list: a tool, a batch job, a dashboard.
///
/// The node must take guests, see [`Builder::guests`]. A guest dials, and dials again when the connection is lost. Both
/// sides can call each other: handlers of the node call back with [`Context::caller`](crate::Context::caller). When the
/// guest is dropped, its connection ends and running calls fail; [`shutdown`](Self::shutdown) lets them finish.
///
/// ```no_run
/// # #[grid::service]
/// # trait Clock { async fn now(&self) -> u64; }
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let guest = grid::Guest::connect("http://node1:9000", grid::SharedSecret::new("secret")).await?;
/// println!("{}", ClockClient::new(guest.connection()).now().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Guest {
    manager: Manager,
    connection: Connection,
}

impl Guest {
    /// Connects to a node, whose name is the URL by which the nodes of its grid know it.
    ///
    /// # Errors
    /// [`GuestError::Build`] if the URL or the authenticator is invalid, and [`GuestError::Connect`] if the first attempt to
    /// connect fails.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt.
    pub async fn connect(
        node: impl Into<String>,
        auth: impl Authenticate,
    ) -> Result<Self, GuestError> {
        Self::builder(node).configure(|builder| builder.token(auth)).connect().await
    }

    /// Creates a builder for a guest of this node.
    pub fn builder(node: impl Into<String>) -> GuestBuilder {
        let node = node.into();
        GuestBuilder { builder: Builder::guest_of(&node), node }
    }

    /// The connection to the node.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// The name under which the node knows this guest: `guest-` and 128 random bits.
    pub fn name(&self) -> &str {
        self.manager.name()
    }

    /// Finishes running calls in both directions for up to `grace`, then closes the connection, as
    /// [`Manager::shutdown`] does.
    ///
    /// # Cancel safety
    /// As for [`Manager::shutdown`].
    pub async fn shutdown(&self, grace: Duration) {
        self.manager.shutdown(grace).await;
    }
}

/// Configures a guest; from [`Guest::builder`].
#[derive(Debug)]
#[must_use = "a guest connects with `connect`"]
pub struct GuestBuilder {
    builder: Builder,
    node: String,
}

impl GuestBuilder {
    /// Configures everything that a node has as well: authenticator, settings, dialer, and services of the guest's own, which
    /// the node can call. The host list and guests have no effect.
    pub fn configure(self, configure: impl FnOnce(Builder) -> Builder) -> Self {
        Self { builder: configure(self.builder), ..self }
    }

    /// Connects, and waits for the outcome of the first attempt.
    ///
    /// # Errors
    /// As for [`Guest::connect`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt.
    pub async fn connect(self) -> Result<Guest, GuestError> {
        let Self { builder, node } = self;
        let manager = builder.build().map_err(GuestError::Build)?;
        let connect = |reason| GuestError::Connect { node: node.clone(), reason };
        let Ok(connection) = manager.connection(&node) else {
            return Err(connect(Arc::new(LinkError::ShutDown)));
        };
        let decided = |state: &State| state.is_connected() || matches!(state, State::Error(_));
        match connection.states().wait_for(decided).await {
            Some(State::Error(reason)) => Err(connect(reason)),
            Some(_) => Ok(Guest { manager, connection }),
            None => Err(connect(Arc::new(LinkError::ShutDown))),
        }
    }
}

/// Why a guest did not connect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuestError {
    /// The URL of the node, the authenticator or a setting is invalid.
    #[error("bad guest: {0}")]
    Build(BuildError),
    /// The node cannot be reached, or has refused the guest.
    #[error("cannot connect to {node} as a guest: {}", Explained(.reason))]
    #[non_exhaustive]
    Connect {
        /// The name of the node.
        node: String,
        /// What has failed. [`LinkError::Refused`] has the text of the node.
        reason: Arc<LinkError>,
    },
}

/// A reason, and what an older node means by it.
struct Explained<'a>(&'a LinkError);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.full_text())?;
        let is_named = self.0.to_string().contains("guests");
        match self.0.is_unlisted() && !is_named {
            true => f.write_str("; the node does not know guests, its version is older"),
            false => Ok(()),
        }
    }
}
