//! [`Guests`]: which guests a node takes, and what they may do.

use std::fmt;
use std::sync::Arc;

use crate::auth::{Authenticate, Denied};
use crate::net::serve::permit::{CallInfo, Hook};

/// Which guests a node takes, for [`Builder::guests`](crate::Builder::guests).
///
/// ```
/// use grid::{Builder, Denied, Guests, SharedSecret};
///
/// fn allow(builder: Builder, secret_of_tools: String) -> Builder {
///     builder.guests(
///         Guests::up_to(100)
///             .token(SharedSecret::new(secret_of_tools))
///             .permit(|call| match call.service() {
///                 "Files" => Ok(()),
///                 _ => Err(Denied::new("guests may only use Files")),
///             }),
///     )
/// }
/// ```
#[derive(Clone)]
pub struct Guests {
    pub(super) connected_max: usize,
    /// `None`: as much as all nodes.
    pub(super) bytes_max: Option<usize>,
    pub(super) auth: Option<Arc<dyn Authenticate>>,
    pub(super) permit: Option<Arc<Hook>>,
}

impl Guests {
    /// At most this many guests at the same time; with 0 the node takes none. Each may use as much memory as a node may,
    /// [`Config::bytes_per_peer_max`](crate::Config::bytes_per_peer_max), and all together [`bytes_max`](Self::bytes_max).
    pub fn up_to(connected_max: usize) -> Self {
        Self { connected_max, bytes_max: None, auth: None, permit: None }
    }

    /// Sets how much memory all guests together may make the node hold, in bytes. Default: as much as
    /// [`Config::bytes_per_node_max`](crate::Config::bytes_per_node_max), which is for the other nodes alone: guests take
    /// nothing from them.
    ///
    /// Counted in steps of 256 KiB for each guest. What would exceed it fails like what exceeds the limit of the nodes. If it
    /// is too small, calls of guests fail that the node could serve; with less than 256 KiB all do. If it is too large, guests
    /// can exhaust the memory of the machine.
    #[must_use]
    pub fn bytes_max(self, bytes: usize) -> Self {
        Self { bytes_max: Some(bytes), ..self }
    }

    /// Sets an authenticator for guests alone, so that their credentials do not make nodes of them. Default: the one of the
    /// node. It is asked about a random name, such as `guest-` and 32 digits.
    #[must_use]
    pub fn token(self, auth: impl Authenticate) -> Self {
        Self { auth: Some(Arc::new(auth)), ..self }
    }

    /// Sets which calls of guests run. It is asked like the hook of [`Builder::permit`](crate::Builder::permit), and before
    /// that one, which must permit the call as well. Default: all.
    #[must_use]
    pub fn permit(
        self,
        hook: impl Fn(&CallInfo) -> Result<(), Denied> + Send + Sync + 'static,
    ) -> Self {
        Self { permit: Some(Arc::new(hook)), ..self }
    }

    /// The hook of a node that takes these guests.
    pub(super) fn hook(&self, nodes: Option<Arc<Hook>>) -> Option<Arc<Hook>> {
        let Some(guests) = self.permit.clone() else { return nodes };
        Some(Arc::new(move |call: &CallInfo| {
            if call.context().is_guest() {
                guests(call)?;
            }
            nodes.as_deref().map_or(Ok(()), |nodes| nodes(call))
        }))
    }
}

impl fmt::Debug for Guests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guests")
            .field("connected_max", &self.connected_max)
            .field("bytes_max", &self.bytes_max)
            .finish_non_exhaustive()
    }
}
