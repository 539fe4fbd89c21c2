//! [`Access`]: how a client reaches nodes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grid::{Builder, Connection, Guest, GuestError, LinkError, Manager, State};
use tokio::sync::OnceCell;

use super::error::{ClientError, Refusal};

/// How a client reaches nodes.
pub(super) enum Access {
    /// Over the links of a node.
    Node(Manager),
    /// As a guest of each.
    Guest { configure: Box<dyn Fn(Builder) -> Builder + Send + Sync>, guests: Guests },
}

/// The guests by the names of their nodes, each made by the first call that needs it. A guest dials again by itself.
type Guests = Mutex<HashMap<String, Arc<OnceCell<Guest>>>>;

impl Access {
    pub(super) fn guest(configure: impl Fn(Builder) -> Builder + Send + Sync + 'static) -> Self {
        Self::Guest { configure: Box::new(configure), guests: Mutex::default() }
    }

    /// The connection to a node, which a guest makes if it has none.
    pub(super) async fn connect(
        &self,
        node: &str,
        within: Duration,
    ) -> Result<Connection, ClientError> {
        let unreachable =
            |reason| ClientError::Unreachable { node: node.to_owned(), reason, refusal: None };
        match self {
            Self::Node(manager) => {
                manager.connection(node).map_err(|error| unreachable(error.to_string()))
            }
            Self::Guest { configure, guests } => {
                let guest = usable(guests, node);
                let connecting =
                    guest.get_or_try_init(|| Guest::builder(node).configure(configure).connect());
                let guest = tokio::time::timeout(within, connecting)
                    .await
                    .map_err(|_| unreachable(format!("no answer within {within:?}")))?
                    .map_err(|error| failed(node, &error))?;
                Ok(guest.connection())
            }
        }
    }
}

/// Why a guest has not connected.
fn failed(node: &str, error: &GuestError) -> ClientError {
    let GuestError::Connect { reason, .. } = error else {
        // Without the outer text, which says that it is about a guest: the names of nodes are what a user has written.
        return ClientError::Settings(match error {
            GuestError::Build(error) => error.to_string(),
            error => error.to_string(),
        });
    };
    let refusal = match &**reason {
        LinkError::Upgrade { status, by_us: false, .. } if status.starts_with("403") => {
            Some(Refusal::Secret)
        }
        LinkError::Unproven { .. } => Some(Refusal::Secret),
        // A node that expects TLS, and one that has none.
        LinkError::Upgrade { status, by_us: false, .. } if status.starts_with("400") => {
            Some(Refusal::Tls)
        }
        LinkError::Tls(_) => Some(Refusal::Tls),
        _ => None,
    };
    let reason = match &**reason {
        // The text has the address, which the name has as well.
        LinkError::Connect(cause) => {
            let (text, address) =
                (cause.to_string(), node.split_once("://").map_or(node, |it| it.1));
            let short = text.strip_prefix(address).and_then(|text| text.strip_prefix(": "));
            short.map(str::to_owned).unwrap_or(text)
        }
        reason => reason.full_text().to_string(),
    };
    ClientError::Unreachable { node: node.to_owned(), reason, refusal }
}

/// The guest of a node, or a place for one. A guest whose connection is lost is replaced: it would dial again after a second or two,
/// and by then the node may have led for long.
fn usable(guests: &Guests, node: &str) -> Arc<OnceCell<Guest>> {
    let mut guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
    let guest = guests.entry(node.to_owned()).or_default();
    let is_lost = |guest: &Guest| matches!(guest.connection().state(), State::Error(_));
    if guest.get().is_some_and(is_lost) {
        *guest = Arc::default();
    }
    Arc::clone(guest)
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node(_) => "Node",
            Self::Guest { .. } => "Guest",
        })
    }
}
