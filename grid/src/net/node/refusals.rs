//! Log lines about accepted connections that were refused before they stated the name of a peer, and about the listener.
//! report.rs logs those that have stated one.

use std::io;
use std::mem::{Discriminant, discriminant};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use tracing::Level;
use tracing::field::display;

use super::known::Known;
use super::name::Name;
use super::report::{log_at, note_refusal, text_of, warning_of};
use super::shared::Node;
use super::strangers::{Stage, source};
use crate::error::LinkError;
use crate::net::catch::log;
use crate::net::link::state::State;
use crate::net::notice::repeats::Repeats;
use crate::net::notice::warning::Warning;

/// Names of peers in one line. They are candidates only, so a few are enough.
const NAMES_MAX: usize = 5;

/// Why a connection was not accepted, and how far it has come.
pub(super) struct Refusal {
    pub(super) reason: LinkError,
    pub(super) stage: Stage,
    /// The refusal was logged under the name of the peer.
    pub(super) is_logged: bool,
}

impl Refusal {
    /// The refused connection had to make room.
    fn is_crowded(&self) -> bool {
        matches!(self.reason, LinkError::Crowded { .. })
    }

    /// Counts it in the statistics of the node.
    pub(super) fn count(&self, node: &Node) {
        if self.stage > Stage::Probe || self.is_crowded() {
            let mut counts = node.refused.lock().unwrap_or_else(PoisonError::into_inner);
            *counts.entry(self.reason.label()).or_default() += 1;
        }
    }
}

/// Logs refusals, and counts those that repeat.
#[derive(Default)]
pub(super) struct RefusalLog {
    refused: Mutex<Repeats<Kind>>,
    failed: Repeats<io::ErrorKind>,
}

/// Refusals that are the same to an operator: by source, reason, and status or stated name.
type Kind = (Option<IpAddr>, Discriminant<LinkError>, Option<String>);

impl RefusalLog {
    /// A connection was refused.
    pub(super) fn refused(&self, node: &Node, address: Option<SocketAddr>, refused: &Refusal) {
        let Refusal { reason, stage, is_logged } = refused;
        if *is_logged {
            return;
        }
        let local = &*node.name;
        let is_crowded = refused.is_crowded();
        // Nobody in particular, or a guest.
        let is_no_node =
            is_crowded || matches!(reason, LinkError::NoGuests | LinkError::GuestsFull { .. });
        // One line for all addresses.
        let source = address.map(source).filter(|_| !is_crowded);
        let is_news = *stage > Stage::Probe || is_crowded;
        let text = text_of(reason);
        let kind = kind(source, reason, &text);
        // Locked for the count alone: the subscriber is the user's.
        let note = || self.refused.lock().unwrap_or_else(PoisonError::into_inner).note(kind);
        let repeats = if is_news { note() } else { None };
        let level = if repeats.is_some() { Level::WARN } else { Level::DEBUG };
        let candidates =
            if repeats.is_some() && !is_no_node { candidates(node, address) } else { Vec::new() };
        for known in &candidates {
            note_stranger(known, address, &text);
        }
        if repeats.is_some()
            // Others name the peer, which is not known.
            && let Some(warning @ Warning::HostsDiffer { .. }) =
                warning_of(reason, &node.name, &Arc::default())
        {
            node.registry.warnings().send_limited(&warning);
        }
        let names = names(&candidates);
        let address = address.map(display);
        match repeats {
            None | Some(0) => log_at!(
                level, %local, address, reason = %text, may_be = names, "refused a connection"
            ),
            Some(repeats) => log_at!(
                level, %local, address, reason = %text, may_be = names,
                "refused {} more connections: same reason", repeats + 1
            ),
        }
    }

    /// The listener has failed.
    pub(super) fn cannot_accept(&mut self, node: &Node, error: &io::Error) {
        if let Some(repeats) = self.failed.note(error.kind()) {
            let repeats = Some(repeats).filter(|repeats| *repeats > 0);
            log!(warn, local = %node.name, %error, repeats, "cannot accept connections");
        }
    }
}

fn kind(source: Option<IpAddr>, reason: &LinkError, text: &str) -> Kind {
    let detail = match reason {
        LinkError::Upgrade { status, .. } => Some(status.clone()),
        LinkError::UnknownHost { host, .. } => Some(host.clone()),
        // Many causes, which have to be corrected in different places. Times differ each time.
        LinkError::Tls(_) => Some(without_digits(text)),
        _ => None,
    };
    (source, discriminant(reason), detail)
}

fn without_digits(text: &str) -> String {
    let words = text.split_whitespace();
    let words = words.filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
    words.collect::<Vec<_>>().join(" ")
}

/// The peers that this connection may come from: they dial this node and are not connected. A peer whose name is the
/// address of the connection excludes all others.
fn candidates(node: &Node, address: Option<SocketAddr>) -> Vec<Arc<Known>> {
    let is_missing = |known: &Arc<Known>| {
        known.arrivals.is_some() && !known.endpoint.peer.state().is_connected()
    };
    let mut missing = node.peers.members();
    missing.retain(is_missing);
    let has_address = |known: &Arc<Known>| {
        let name = Name::parse(&known.endpoint.peer.name);
        let ip = name.ok().and_then(|name| name.host().parse::<IpAddr>().ok());
        ip.is_some() && ip == address.map(|address| address.ip().to_canonical())
    };
    let by_address: Vec<_> = missing.iter().filter(|known| has_address(known)).cloned().collect();
    if by_address.is_empty() { missing } else { by_address }
}

fn names(candidates: &[Arc<Known>]) -> Option<String> {
    let mut names: Vec<_> = candidates.iter().map(|known| &*known.endpoint.peer.name).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMES_MAX);
    names.truncate(NAMES_MAX);
    let names = names.join(", ");
    match more {
        0 => Some(names).filter(|names| !names.is_empty()),
        more => Some(format!("{names} and {more} more")),
    }
}

/// Adds the refusal of a connection that has stated no name to the reason why this peer is not connected, unless another
/// reason is known.
fn note_stranger(known: &Known, address: Option<SocketAddr>, reason: &str) {
    let peer = &known.endpoint.peer;
    let is_unknown = match peer.state() {
        State::Unconnected => true,
        State::Error(reason) => matches!(*reason, LinkError::NotDialed { .. }),
        _ => false,
    };
    if is_unknown {
        let from = address.map_or_else(String::new, |address| format!(" from {address}"));
        let refused = format!("a connection{from} without a name was refused: {reason}");
        note_refusal(peer, &LinkError::NotDialed { refused: Some(refused) });
    }
}
