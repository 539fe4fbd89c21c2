//! [`Warning`]: what somebody should look at, as a line of the log and as an event.

use std::collections::HashMap;
#[cfg(debug_assertions)]
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::hub::{Event, Events, Hub};
use super::repeats::Repeats;
use crate::net::catch::log;
use crate::proto::is_guest_name;

/// Something that somebody should look at, from [`Manager::warnings`](crate::Manager::warnings). Its text says what, and what
/// to do. The log has the same, most of it at the level `warn`.
///
/// A warning of one kind about one method and peer comes once a minute, however often its cause happens. All guests count as
/// one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A handler has held its thread for longer than 100 ms without waiting. Other tasks of the thread had to wait.
    #[non_exhaustive]
    HandlerBlocks {
        /// The method.
        method: Arc<str>,
        /// The caller.
        peer: Arc<str>,
        /// For how long, this time.
        took: Duration,
    },
    /// A stream has waited for its reader at the peer for longer than 10 s.
    #[non_exhaustive]
    SlowReader {
        /// The method.
        method: Arc<str>,
        /// The node whose reader takes no items.
        peer: Arc<str>,
        /// For how long, so far.
        waited: Duration,
    },
    /// A peer has called a handler that this node does not have, or one of another kind.
    #[non_exhaustive]
    UnknownHandler {
        /// The caller.
        peer: Arc<str>,
        /// The id of the handler.
        id: u32,
    },
    /// A method is not the same at the peer.
    #[non_exhaustive]
    MethodDiffers {
        /// The method; or only the service, if too much differs.
        method: Arc<str>,
        /// The peer.
        peer: Arc<str>,
        /// What differs.
        what: Arc<str>,
    },
    /// Two processes use one name.
    #[non_exhaustive]
    NameTaken {
        /// The name.
        peer: Arc<str>,
        /// Both processes, as far as they are known.
        detail: Arc<str>,
    },
    /// The clocks of two nodes are apart. Beyond [`Config::clock_skew_max`](crate::Config::clock_skew_max), the link is
    /// refused.
    #[non_exhaustive]
    ClocksDiffer {
        /// The peer.
        peer: Arc<str>,
        /// By how much.
        difference: Duration,
        /// The limit.
        max: Duration,
    },
    /// Two nodes have different host lists: one of them is not on the list of the other.
    #[non_exhaustive]
    HostsDiffer {
        /// The node that is not on the list.
        unlisted: Arc<str>,
        /// The node whose list it is.
        at: Arc<str>,
    },
    /// In builds with debug assertions: a handler has made a call that has more time than the handler itself. Once a method.
    #[non_exhaustive]
    DeadlineNotInherited {
        /// The method of the handler.
        method: Arc<str>,
        /// The method that it has called.
        called: Arc<str>,
    },
    /// The reader was too slow, and warnings were dropped.
    #[non_exhaustive]
    Lagged {
        /// How many.
        missed: u64,
    },
}

impl Warning {
    /// One word for the kind of the warning, such as `handler_blocks`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::HandlerBlocks { .. } => "handler_blocks",
            Self::SlowReader { .. } => "slow_reader",
            Self::UnknownHandler { .. } => "unknown_handler",
            Self::MethodDiffers { .. } => "method_differs",
            Self::NameTaken { .. } => "name_taken",
            Self::ClocksDiffer { .. } => "clocks_differ",
            Self::HostsDiffer { .. } => "hosts_differ",
            Self::DeadlineNotInherited { .. } => "deadline_not_inherited",
            Self::Lagged { .. } => "lagged",
        }
    }

    /// The method that it is about, if it is about one.
    pub fn method(&self) -> Option<&str> {
        match self {
            Self::HandlerBlocks { method, .. }
            | Self::SlowReader { method, .. }
            | Self::MethodDiffers { method, .. }
            | Self::DeadlineNotInherited { method, .. } => Some(method),
            _ => None,
        }
    }

    /// The peer that it is about, if it is about one.
    pub fn peer(&self) -> Option<&str> {
        match self {
            Self::HandlerBlocks { peer, .. }
            | Self::SlowReader { peer, .. }
            | Self::UnknownHandler { peer, .. }
            | Self::MethodDiffers { peer, .. }
            | Self::NameTaken { peer, .. }
            | Self::ClocksDiffer { peer, .. } => Some(peer),
            Self::HostsDiffer { unlisted, .. } => Some(unlisted),
            Self::DeadlineNotInherited { .. } | Self::Lagged { .. } => None,
        }
    }

    /// Warnings of one kind that are the same to an operator. All guests count as one peer, because a guest has a new name
    /// with each connection.
    fn subject(&self) -> Subject {
        if let Self::HostsDiffer { unlisted, at, .. } = self {
            return (Some(at.to_string()), Some(unlisted.to_string()));
        }
        let peer = self.peer().map(|peer| if is_guest_name(peer) { "guests" } else { peer });
        (self.method().map(str::to_owned), peer.map(str::to_owned))
    }
}

/// Method and peer.
type Subject = (Option<String>, Option<String>);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandlerBlocks { method, peer, took } => write!(
                f,
                "the handler of {method} has held its thread for {took:?} without waiting, called by {peer}: declare it \
                 `#[handler(blocking)]`, or move what takes long to `spawn_blocking`"
            ),
            Self::SlowReader { method, peer, waited } => write!(
                f,
                "a stream of {method} has waited {waited:?} for its reader at {peer}, which takes no items"
            ),
            Self::UnknownHandler { peer, id } => write!(
                f,
                "{peer} has called handler {id}, which this node does not have under that subroute, or has of another kind: \
                 is one of the two nodes older?"
            ),
            Self::MethodDiffers { method, peer, what } => {
                write!(f, "{method} is not the same at {peer}: {what}")
            }
            Self::NameTaken { peer, detail } => {
                write!(f, "two processes use the name {peer}: {detail}")
            }
            Self::ClocksDiffer { peer, difference, max } => write!(
                f,
                "the clocks of this node and {peer} are {difference:?} apart; from {max:?} on, the link is refused"
            ),
            Self::HostsDiffer { unlisted, at } => {
                write!(
                    f,
                    "{unlisted} is not in the host list of {at}: all nodes must have the same list"
                )
            }
            Self::DeadlineNotInherited { method, called } => write!(
                f,
                "the handler of {method} calls {called}, which may take longer than the handler: \
                 call it `.within(cx)`, so that it inherits the deadline"
            ),
            Self::Lagged { missed } => write!(f, "{missed} warnings were missed"),
        }
    }
}

impl Event for Warning {
    fn lagged(missed: u64) -> Self {
        Self::Lagged { missed }
    }
}

fn write(local: &str, warning: &Warning, repeats: u64) {
    let repeats = Some(repeats).filter(|repeats| *repeats > 0);
    let (method, peer) = (warning.method(), warning.peer());
    log!(warn, local, peer, method, repeats, "{warning}");
}

/// The warnings of one node.
#[derive(Debug, Default)]
pub(in crate::net) struct Warnings {
    hub: Hub<Warning>,
    /// For each kind of warning, so that one of them cannot use up the room of the others.
    repeats: Mutex<HashMap<&'static str, Repeats<Subject>>>,
    /// Warnings that are given once: at most one for each method of the node.
    #[cfg(debug_assertions)]
    once: Mutex<HashSet<Subject>>,
}

impl Warnings {
    /// Passes a warning to readers and to the log, unless there was the same within a minute.
    pub(in crate::net) fn warn(&self, local: &str, warning: &Warning) {
        if let Some(repeats) = self.note(warning) {
            self.hub.send(warning);
            write(local, warning, repeats);
        }
    }

    /// The same, but never again.
    #[cfg(debug_assertions)]
    pub(in crate::net) fn warn_once(&self, local: &str, warning: &Warning) {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = once.insert(warning.subject());
        drop(once);
        if is_new {
            self.hub.send(warning);
            write(local, warning, 0);
        }
    }

    /// Passes a warning to readers that has a line of its own in the log, unless there was the same within a minute.
    pub(in crate::net) fn send_limited(&self, warning: &Warning) {
        if self.note(warning).is_some() {
            self.hub.send(warning);
        }
    }

    /// The same for a warning that its source limits.
    pub(in crate::net) fn send(&self, warning: &Warning) {
        self.hub.send(warning);
    }

    /// Returns how many of the same were left out, if this one is not to be left out.
    fn note(&self, warning: &Warning) -> Option<u64> {
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        repeats.entry(warning.label()).or_default().note(warning.subject())
    }

    pub(in crate::net) fn subscribe(&self) -> Events<Warning> {
        self.hub.subscribe()
    }

    /// Ends the streams of all readers.
    pub(in crate::net) fn close(&self) {
        self.hub.close();
    }
}
