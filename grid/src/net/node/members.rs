//! [`Members`]: the host list of a running node.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::build_error::BuildError;
use super::changes::Change;
use super::known::Known;
use super::links;
use super::member_event::{MemberEvent, MemberEvents};
use super::names::{check_names, warn_of};
use super::shared::Node;
use crate::error::did_you_mean;
use crate::net::catch::log;

/// The host list of a running node: which other nodes it has a link to. From [`Manager::members`](crate::Manager::members).
///
/// All nodes of a grid should have the same list, but not at the same moment: a node that is on the list of one node, and
/// not yet on that of another one, is refused by the other one and tries again. As soon as both have each other on their
/// lists, they connect within two seconds.
///
/// Cheap to clone. It does not keep the links of the node alive, but its services: a service that holds one is never
/// dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// let manager = grid::Manager::builder("http://node1:9000").token(grid::SharedSecret::new("secret")).build()?;
/// let members = manager.members();
/// members.add("http://node2:9000")?;
/// assert!(manager.connection("http://node2:9000").is_ok());
/// // Calls that run may take half a minute to finish.
/// members.remove("http://node2:9000", Duration::from_secs(30)).await?;
/// assert_eq!(members.list(), ["http://node1:9000"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Members {
    pub(super) node: Arc<Node>,
}

/// What [`Members::replace`] has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberChanges {
    /// The names that were not on the list before.
    pub added: Vec<String>,
    /// The names that are not on the list any more.
    pub removed: Vec<String>,
}

impl MemberChanges {
    /// Whether the list is as it was.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl Members {
    /// The names of all nodes on the list, including this one, sorted.
    pub fn list(&self) -> Vec<String> {
        let members = self.node.peers.members();
        let names = members.iter().map(|known| known.name()).chain([&self.node.name]);
        let mut names: Vec<_> = names.map(|name| name.to_string()).collect();
        names.sort_unstable();
        names
    }

    /// Adds a node to the list, and starts its link. Returns whether it was not on the list before.
    ///
    /// # Errors
    /// [`MemberError::Invalid`] if the name would make the list invalid, for the reasons that
    /// [`Builder::build`](crate::Builder::build) has; [`MemberError::ShutDown`] if this node shuts down.
    pub fn add(&self, host: impl Into<String>) -> Result<bool, MemberError> {
        let host = host.into();
        {
            let _change = self.begin()?;
            let mut hosts = self.list();
            if hosts.contains(&host) {
                return Ok(false);
            }
            hosts.push(host.clone());
            self.check_all(&hosts)?;
            self.change(&[host], Vec::new(), Duration::ZERO, None);
        }
        self.apply();
        Ok(true)
    }

    /// Removes a node from the list, lets its calls finish for up to `grace`, then ends its link. Returns when nothing of
    /// the node is left.
    ///
    /// From the moment of the call, new calls in both directions are refused: those of this node fail with
    /// [`CallError::Disconnected`](crate::CallError::Disconnected) and the reason
    /// [`LinkError::Removed`](crate::LinkError::Removed), those of the peer with
    /// [`ErrorCode::ShuttingDown`](crate::ErrorCode::ShuttingDown). Calls that still run after `grace` fail with the same
    /// reason; with zero that is at once. Handles to the node that the program still holds are of no use any more, also if
    /// the node is added again.
    ///
    /// # Errors
    /// [`MemberError::NotListed`] if the name is not on the list, [`MemberError::Own`] if it is the name of this node, and
    /// [`MemberError::ShutDown`] if this node shuts down.
    ///
    /// # Cancel safety
    /// Nothing happens before the future is polled. After that the removal goes on if the future is dropped.
    pub async fn remove(&self, host: &str, grace: Duration) -> Result<(), MemberError> {
        let (waiting, left) = oneshot::channel();
        {
            let _change = self.begin()?;
            if host == &*self.node.name {
                return Err(MemberError::Own { local: host.to_owned() });
            }
            let removed = self.node.peers.remove(host).ok_or_else(|| MemberError::NotListed {
                host: host.to_owned(),
                local: self.node.name.to_string(),
                nearest: self.node.nearest(host),
            })?;
            self.change(&[], vec![removed], grace, Some(waiting));
        }
        self.apply();
        // The sender is dropped when nothing is left.
        let _ = left.await;
        Ok(())
    }

    /// Makes this the list: adds the nodes that are new, and removes those that are missing as [`remove`](Self::remove)
    /// does, in the background. The links of the others are not touched. The name of this node is always on the list.
    ///
    /// # Errors
    /// As for [`add`](Self::add). The list stays as it was.
    pub fn replace<H: Into<String>>(
        &self,
        hosts: impl IntoIterator<Item = H>,
        grace: Duration,
    ) -> Result<MemberChanges, MemberError> {
        // Before the lock: the iterator is the user's.
        self.replace_if(hosts.into_iter().map(Into::into).collect(), grace, || true)
    }

    /// Replaces the list if that is still wanted when no other change is in progress.
    pub(super) fn replace_if(
        &self,
        mut hosts: Vec<String>,
        grace: Duration,
        is_wanted: impl FnOnce() -> bool,
    ) -> Result<MemberChanges, MemberError> {
        self.with_own(&mut hosts);
        let change = self.begin()?;
        if !is_wanted() {
            return Ok(MemberChanges::default());
        }
        self.check_all(&hosts)?;
        let before: HashSet<_> = self.list().into_iter().collect();
        let after: HashSet<_> = hosts.iter().cloned().collect();
        let added: Vec<_> = hosts.into_iter().filter(|host| !before.contains(host)).collect();
        let mut removed: Vec<_> = before.into_iter().filter(|host| !after.contains(host)).collect();
        removed.sort_unstable();
        let leaving = removed.iter().filter_map(|host| self.node.peers.remove(host)).collect();
        self.change(&added, leaving, grace, None);
        drop(change);
        self.apply();
        Ok(MemberChanges { added, removed })
    }

    /// Checks whether [`replace`](Self::replace) would take this list. Nothing changes.
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let manager = grid::Manager::builder("http://node1:9000").token(grid::SharedSecret::new("secret")).build()?;
    /// manager.members().check(["http://node2:9000"])?;
    /// manager.members().check(["node2"]).unwrap_err();
    /// manager.members().check(["http://NODE1:9000"]).unwrap_err(); // this node, spelled in another way
    /// # Ok(())
    /// # }
    /// ```
    pub fn check<H: Into<String>>(
        &self,
        hosts: impl IntoIterator<Item = H>,
    ) -> Result<(), MemberError> {
        let mut hosts = hosts.into_iter().map(Into::into).collect();
        self.with_own(&mut hosts);
        self.check_all(&hosts)
    }

    /// The name of this node is on every list.
    fn with_own(&self, hosts: &mut Vec<String>) {
        if !hosts.iter().any(|host| **host == *self.node.name) {
            hosts.push(self.node.name.to_string());
        }
    }

    /// Returns a stream of what happens to the members from now on.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use grid::MemberEvent;
    ///
    /// let manager = grid::Manager::builder("http://node1:9000").token(grid::SharedSecret::new("secret")).build()?;
    /// let mut events = manager.members().events();
    /// manager.members().add("http://node2:9000")?;
    /// let Some(MemberEvent::Added { host, .. }) = events.next().await else { panic!() };
    /// assert_eq!(&*host, "http://node2:9000");
    /// # Ok(())
    /// # }
    /// ```
    pub fn events(&self) -> MemberEvents {
        self.node.events.subscribe()
    }

    /// Lets no other change happen until the guard is dropped.
    fn begin(&self) -> Result<MutexGuard<'_, bool>, MemberError> {
        let shuts_down = self.node.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if *shuts_down {
            return Err(MemberError::ShutDown { local: self.node.name.to_string() });
        }
        Ok(shuts_down)
    }

    fn check_all(&self, hosts: &[String]) -> Result<(), MemberError> {
        if hosts.len() > 1 && !self.node.has_authenticator {
            return Err(MemberError::Invalid(BuildError::NoAuthenticator));
        }
        check_names(&self.node.name, hosts, self.node.has_dialer).map_err(MemberError::Invalid)
    }

    /// Adds these names, which are valid, to the table, and notes the change. Must be called between [`begin`](Self::begin)
    /// and [`apply`](Self::apply).
    fn change(
        &self,
        hosts: &[String],
        removed: Vec<Arc<Known>>,
        grace: Duration,
        waiting: Option<oneshot::Sender<()>>,
    ) {
        let node = &self.node;
        let _on_runtime = node.runtime.enter();
        let enlist = |host: &String| {
            let known = node.new_member(host);
            node.neighbours.add(known.name(), &known.endpoint.peer);
            node.peers.insert(Arc::clone(&known));
            known
        };
        let added: Vec<_> = hosts.iter().map(enlist).collect();
        if !added.is_empty() || !removed.is_empty() {
            node.changes.push(Change { added, removed, grace, waiting });
        }
    }

    /// Starts the links of new members, and ends those of removed ones. The list may be changed again meanwhile, but not
    /// under a lock of the caller: this wakes tasks and logs, which is code of the user.
    fn apply(&self) {
        let node = &self.node;
        let changed = node.changes.apply(|change| {
            let (added, removed) = (names(&change.added), names(&change.removed));
            let mut waiting = change.waiting;
            for known in change.removed {
                links::leave(node, known, change.grace, waiting.take());
            }
            for known in change.added {
                node.events.send(&MemberEvent::Added { host: Arc::clone(known.name()) });
                links::start(node, &known);
            }
            (added, removed)
        });
        for (added, removed) in changed {
            let joined = |names: &[String]| (!names.is_empty()).then(|| names.join(", "));
            let (new, gone) = (joined(&added), joined(&removed));
            log!(info, local = %node.name, added = new, removed = gone, "the host list has changed");
            warn_of(&node.name, &self.list(), |host| added.iter().any(|name| name == host));
        }
    }
}

fn names(all: &[Arc<Known>]) -> Vec<String> {
    all.iter().map(|known| known.name().to_string()).collect()
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Members").field(&self.list()).finish()
    }
}

/// Why the host list of a running node was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemberError {
    /// The list would have a name that is invalid, or two names for one node.
    #[error("the host list is not changed: {0}")]
    Invalid(BuildError),
    /// The node that is to be removed is not on the list.
    #[error("cannot remove {host}, which is not in the host list of {local}{}", did_you_mean(.nearest.as_deref()))]
    #[non_exhaustive]
    NotListed {
        /// The name.
        host: String,
        /// The name of this node.
        local: String,
        /// The most similar name in the list, if one is similar.
        nearest: Option<String>,
    },
    /// A node cannot remove itself.
    #[error("{local} cannot remove itself from its host list: shut it down instead")]
    #[non_exhaustive]
    Own {
        /// The name of this node.
        local: String,
    },
    /// This node is shut down or shutting down.
    #[error("the host list of {local} is not changed any more: the node shuts down")]
    #[non_exhaustive]
    ShutDown {
        /// The name of this node.
        local: String,
    },
}
