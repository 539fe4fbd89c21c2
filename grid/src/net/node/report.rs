//! Log lines about links, and the reasons of refusals in their states.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::LinkError;
use crate::net::link::peer::Peer;
use crate::net::link::state::{Instance, State};

/// Lines about one link within a minute, at the level `info`. A peer that connects again and again must not fill the
/// log; the first lines show what happens.
const LINES_MAX: u32 = 6;
const WINDOW: Duration = Duration::from_secs(60);

/// Logs when a link is up and down.
#[derive(Debug)]
pub(super) struct LinkLog<'a> {
    peer: &'a Peer,
    since: Instant,
    /// Logged since then.
    lines: u32,
    /// Not logged since the last line.
    left_out: u64,
}

impl<'a> LinkLog<'a> {
    pub(super) fn new(peer: &'a Peer) -> Self {
        Self { peer, since: Instant::now(), lines: 0, left_out: 0 }
    }

    pub(super) fn up(&mut self, instance: Instance) {
        let Peer { local, name, .. } = self.peer;
        match self.note() {
            None => tracing::debug!(%local, peer = %name, %instance, "link is up"),
            Some(0) => tracing::info!(%local, peer = %name, %instance, "link is up"),
            Some(left_out) => {
                tracing::info!(%local, peer = %name, %instance, left_out, "link is up")
            }
        }
    }

    pub(super) fn down(&mut self, reason: &LinkError) {
        let Peer { local, name, .. } = self.peer;
        let reason = reason.full_text();
        match self.note() {
            None => tracing::debug!(%local, peer = %name, %reason, "link is down"),
            Some(0) => tracing::info!(%local, peer = %name, %reason, "link is down"),
            Some(left_out) => {
                tracing::info!(%local, peer = %name, %reason, left_out, "link is down")
            }
        }
    }

    /// Returns whether to log a line now, and if so, how many were left out since the last one.
    fn note(&mut self) -> Option<u64> {
        let now = Instant::now();
        if now - self.since >= WINDOW {
            (self.since, self.lines) = (now, 0);
        }
        if self.lines == LINES_MAX {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

/// Keeps the reason why a known peer was refused, unless another connection of it is up. Calls to the peer fail with
/// this reason.
pub(super) fn note_refusal(peer: &Peer, reason: &LinkError) {
    let reason = Arc::new(reason.clone());
    let state = State::Error(Arc::clone(&reason));
    // A dialer that is refused again and again changes nothing.
    if peer.state() != state {
        peer.with(|shared, effects| {
            if !shared.link.is_up() {
                shared.link.set_down_reason(reason);
                shared.show(state, effects);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::drive::endpoint::Endpoint;
    use crate::net::serve::registry::Registry;
    use crate::proto::Limits;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_connects_again_and_again_does_not_fill_the_log() {
        let registry = Arc::new(Registry::new());
        let peer = Endpoint::new("a".into(), "b".into(), Limits::default(), registry).peer;
        let mut log = LinkLog::new(&peer);
        let lines: Vec<_> = (0..1000).filter_map(|_| log.note()).collect();
        assert_eq!(lines, [0; LINES_MAX as usize]);
        tokio::time::advance(WINDOW).await;
        assert_eq!(log.note(), Some(1000 - u64::from(LINES_MAX)));
    }
}
