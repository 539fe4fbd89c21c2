//! Log lines about the links of a node, and the reasons of refusals in their states.
//!
//! What an operator reads at the level `info`: the first failure to reach a peer, each new reason, and that the peer is
//! connected again. Repeats are counted, and their number is logged once a minute. A refusal, or the end of a link, is a
//! `warn` if somebody has to do something about it, for example correct a token. docs/guide/troubleshooting.md explains
//! each line.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::Level;
use tracing::field::display;

use super::handshake::Agreed;
use super::member_event::{MemberEvent, MemberHub};
use crate::error::LinkError;
use crate::net::catch::catch;
use crate::net::link::peer::{Peer, Watch, Watched};
use crate::net::link::state::State;
use crate::net::notice::repeats::Repeats;
use crate::net::notice::warning::Warning;
use crate::proto::Introduction;

/// Lines about one link within a minute, at the level `info`, and as many at `warn`. A peer that connects again and again must not
/// fill the log; the first lines show what happens.
const LINES_MAX: u32 = 6;
const WINDOW: Duration = Duration::from_secs(60);

/// Logs a line at a level that is not a constant.
macro_rules! log_at {
    ($level:expr, $($line:tt)*) => {
        $crate::net::ask_subscriber(|| match $level {
            Level::WARN => tracing::warn!($($line)*),
            Level::INFO => tracing::info!($($line)*),
            _ => tracing::debug!($($line)*),
        })
    };
}
pub(super) use log_at;

/// Logs what happens to the link to one peer.
#[derive(Debug)]
pub(super) struct LinkLog {
    peer: Arc<Peer>,
    events: MemberHub,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    since: Instant,
    /// Logged since then at the level `info`.
    lines: u32,
    /// The same at the level `warn`.
    warnings: u32,
    /// Not logged since the last line.
    left_out: u64,
    /// The reasons for which attempts have failed since the link was up last.
    reasons: Repeats<u64>,
    failed_attempts: u64,
    /// Connections that have ended, by the word for the reason.
    downs: BTreeMap<&'static str, u64>,
    /// Whether the last line about a connection, or what was left out, said that it is up.
    is_up: bool,
}

impl LinkLog {
    pub(super) fn new(peer: &Arc<Peer>, events: MemberHub) -> Self {
        let inner = Inner {
            since: Instant::now(),
            lines: 0,
            warnings: 0,
            left_out: 0,
            reasons: Repeats::default(),
            failed_attempts: 0,
            downs: BTreeMap::new(),
            is_up: false,
        };
        Self { peer: Arc::clone(peer), events, inner: Mutex::new(inner) }
    }

    /// A connection is up. Also logs what the peer lacks: calls that need it fail.
    pub(super) fn up(&self, agreed: &Agreed, own: &Introduction) {
        let Peer { local, name, .. } = &*self.peer;
        let Agreed { session, instance, .. } = agreed;
        self.events.send(&MemberEvent::Up { host: Arc::clone(name), instance: *instance });
        if let Some((difference, max)) = agreed.skew.filter(|(skew, max)| *skew >= *max / 4) {
            let clocks = Warning::ClocksDiffer { peer: Arc::clone(name), difference, max };
            self.peer.lints.warnings().warn(local, &clocks);
        }
        let missing = own.features.except(session.features).names().join(", ");
        let missing_extensions = (!missing.is_empty()).then_some(missing);
        // Only where they differ: then both, because the smaller one is the limit in both directions.
        let peer_message_bytes_max =
            session.peer_message_bytes_max.filter(|max| *max != own.message_bytes_max);
        let own_message_bytes_max = peer_message_bytes_max.map(|_| own.message_bytes_max);
        let mut inner = self.lock();
        let failed_attempts = Some(std::mem::take(&mut inner.failed_attempts)).filter(|n| *n > 0);
        inner.reasons = Repeats::default();
        inner.is_up = true;
        let (level, left_out) = inner.note(Level::INFO);
        // The subscriber is the user's.
        drop(inner);
        log_at!(
            level, %local, peer = %name, %instance, failed_attempts, missing_extensions,
            own_message_bytes_max, peer_message_bytes_max, left_out, "link is up"
        );
    }

    /// Reports when the link, which is up, takes no new calls any more. Never returns.
    pub(super) async fn draining<T>(&self) -> T {
        let mut watch = Watch::new(&self.peer, Watched::State);
        let is_draining = |state: &State| matches!(state, State::Draining { .. });
        watch.until(|shared| is_draining(shared.state().0).then_some(())).await;
        drop(watch);
        let Peer { local, name, .. } = &*self.peer;
        self.events.send(&MemberEvent::Draining { host: Arc::clone(name) });
        let (level, left_out) = self.lock().note(Level::INFO);
        log_at!(level, %local, peer = %name, left_out, "the link takes no new calls");
        std::future::pending().await
    }

    /// A connection has ended. Nothing is said if it did not get up because this node shuts down.
    pub(super) fn down(&self, reason: &Arc<LinkError>) {
        let mut inner = self.lock();
        if !std::mem::take(&mut inner.is_up) {
            return;
        }
        *inner.downs.entry(reason.label()).or_default() += 1;
        drop(inner);
        let Peer { local, name, .. } = &*self.peer;
        let down = MemberEvent::Down { host: Arc::clone(name), reason: Arc::clone(reason) };
        self.events.send(&down);
        self.warn(Some(0), reason);
        let text = text_of(reason);
        let (level, left_out) = self.lock().note(level(reason).min(Level::INFO));
        log_at!(level, %local, peer = %name, reason = %text, left_out, "link is down");
    }

    /// Passes the reason of a line that is logged to readers of warnings.
    fn warn(&self, repeats: Option<u64>, reason: &LinkError) {
        let Peer { local, name, lints, .. } = &*self.peer;
        if repeats.is_some()
            && let Some(warning) = warning_of(reason, local, name)
        {
            lints.warnings().send_limited(&warning);
        }
    }

    /// How many connections have ended, by the word for the reason.
    pub(super) fn downs(&self) -> BTreeMap<&'static str, u64> {
        self.lock().downs.clone()
    }

    /// This node has dialed the peer without success. Not a warning, unless this is the wrong process: the listener warns,
    /// and the dialer may be a tool that reports the failure itself.
    pub(super) fn failed(&self, reason: &LinkError) {
        let Peer { local, name, .. } = &*self.peer;
        let text = text_of(reason);
        let level = match reason {
            LinkError::NameTaken { .. } => Level::WARN,
            reason => level(reason).max(Level::INFO),
        };
        let (level, repeats, left_out) = self.lock().note_failed(level, kind(reason, &text));
        self.warn(repeats, reason);
        match repeats {
            None | Some(0) => {
                log_at!(level, %local, peer = %name, reason = %text, left_out, "cannot reach the peer");
            }
            Some(repeats) => log_at!(
                level, %local, peer = %name, reason = %text, left_out,
                "{} more attempts failed: same reason", repeats + 1
            ),
        }
    }

    /// The peer has dialed this node and was refused.
    pub(super) fn refused(&self, address: Option<SocketAddr>, reason: &LinkError) {
        let Peer { local, name, .. } = &*self.peer;
        let address = address.map(display);
        let text = text_of(reason);
        let (level, repeats, left_out) =
            self.lock().note_failed(level(reason), kind(reason, &text));
        self.warn(repeats, reason);
        match repeats {
            None | Some(0) => log_at!(
                level, %local, peer = %name, address, reason = %text, left_out, "refused the peer"
            ),
            Some(repeats) => log_at!(
                level, %local, peer = %name, address, reason = %text, left_out,
                "refused the peer {} more times: same reason", repeats + 1
            ),
        }
    }

    /// The peer should have dialed this node by now. Nothing is logged if it has tried, or if that is likely.
    pub(super) fn overdue(&self, waited: Duration) {
        let Peer { local, name, .. } = &*self.peer;
        let may_have_tried = match self.peer.state() {
            State::Error(reason) => matches!(*reason, LinkError::NotDialed { refused: Some(_) }),
            _ => false,
        };
        let mut inner = self.lock();
        if inner.failed_attempts > 0 || may_have_tried {
            return;
        }
        let (level, left_out) = inner.note(Level::INFO);
        drop(inner);
        let waited_s = waited.as_secs();
        log_at!(
            level, %local, peer = %name, waited_s, left_out,
            "the peer has not dialed this node"
        );
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Counts a line of this level. Returns its level, which is lower if there were too many lines, and how many were left
    /// out since the last one.
    fn note(&mut self, level: Level) -> (Level, Option<u64>) {
        if level > Level::INFO {
            return (level, None);
        }
        let now = Instant::now();
        if now - self.since >= WINDOW {
            (self.since, self.lines, self.warnings) = (now, 0, 0);
        }
        // A warning is not left out because of other lines.
        let lines = if level == Level::WARN { &mut self.warnings } else { &mut self.lines };
        if *lines == LINES_MAX {
            self.left_out += 1;
            return (Level::DEBUG, None);
        }
        *lines += 1;
        (level, Some(std::mem::take(&mut self.left_out)).filter(|left_out| *left_out > 0))
    }

    /// Counts a failed attempt. Also returns how many with the same reason were not logged since the last line; `None` if
    /// this one is not logged either.
    fn note_failed(&mut self, level: Level, kind: u64) -> (Level, Option<u64>, Option<u64>) {
        self.failed_attempts += 1;
        if level > Level::INFO {
            return (level, None, None);
        }
        match self.reasons.note(kind) {
            None => (Level::DEBUG, None, None),
            Some(repeats) => {
                let (level, left_out) = self.note(level);
                (level, Some(repeats), left_out)
            }
        }
    }
}

/// The warning that a reason is, at the node `local`, whose link to `peer` it concerns.
pub(super) fn warning_of(reason: &LinkError, local: &Arc<str>, peer: &Arc<str>) -> Option<Warning> {
    let peer = Arc::clone(peer);
    Some(match reason {
        LinkError::NameTaken { detail } | LinkError::Replaced { by: Some(detail) } => {
            Warning::NameTaken { peer, detail: detail.as_str().into() }
        }
        LinkError::ClockSkew { difference, max, .. } => {
            Warning::ClocksDiffer { peer, difference: *difference, max: *max }
        }
        LinkError::UnknownHost { host, .. } => {
            Warning::HostsDiffer { unlisted: host.as_str().into(), at: Arc::clone(local) }
        }
        refused if refused.is_unlisted() => {
            Warning::HostsDiffer { unlisted: Arc::clone(local), at: peer }
        }
        _ => return None,
    })
}

/// The full text of a reason. Its cause can be an error of the user's, whose text can panic or block: so this must not be
/// called under a lock.
pub(super) fn text_of(reason: &LinkError) -> String {
    let mut text = None;
    catch("the text of an error", || text = Some(reason.full_text().to_string()));
    text.unwrap_or_else(|| "an error whose text panics".to_owned())
}

/// The level of a line with this reason: `warn` if somebody must do something, `debug` if nothing is wrong.
fn level(reason: &LinkError) -> Level {
    use LinkError as E;
    match reason {
        E::Tls(_)
        | E::Token(_)
        | E::Upgrade { .. }
        | E::WebSocket(_)
        | E::MessageTooLarge { .. }
        | E::Handshake { .. }
        | E::Refused { .. }
        | E::UnknownHost { .. }
        | E::NoGuests
        | E::GuestsFull { .. }
        | E::ClockSkew { .. }
        | E::Denied { .. }
        | E::Unproven { .. }
        | E::WrongDirection { .. }
        | E::WrongNode { .. }
        | E::Protocol(_)
        | E::NameTaken { .. }
        | E::Replaced { by: Some(_) }
        | E::Panicked { .. } => Level::WARN,
        E::StaleDial { .. } | E::Replaced { by: None } | E::RuntimeGone | E::ShutDown => {
            Level::DEBUG
        }
        _ => Level::INFO,
    }
}

/// Identifies reasons that are the same to an operator: their texts without the words that contain digits, such as the
/// difference of two clocks, a port or an instance.
fn kind(reason: &LinkError, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::mem::discriminant(reason).hash(&mut hasher);
    let has_digits = |word: &&str| word.contains(|c: char| c.is_ascii_digit());
    text.split_whitespace()
        .filter(|word| !has_digits(word))
        .for_each(|word| word.hash(&mut hasher));
    hasher.finish()
}

/// Keeps the reason why a peer that dials this node was refused, unless another connection of it is up. Calls to the peer
/// fail with this reason.
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

    fn log() -> LinkLog {
        let registry = Arc::new(Registry::new());
        let endpoint = Endpoint::new("a".into(), "b".into(), Limits::default(), registry);
        LinkLog::new(&endpoint.peer, MemberHub::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_connects_again_and_again_does_not_fill_the_log() {
        let log = log();
        let note = || log.lock().note(Level::INFO);
        let lines = (0..1000).filter(|_| note().0 == Level::INFO).count();
        assert_eq!(lines, LINES_MAX as usize);
        let left_out = Some(1000 - u64::from(LINES_MAX));
        assert_eq!(log.lock().note(Level::WARN), (Level::WARN, left_out), "a warning has room");
        tokio::time::advance(WINDOW).await;
        assert_eq!(note(), (Level::INFO, None));
    }

    #[tokio::test(start_paused = true)]
    async fn each_new_reason_is_logged_and_repeats_are_counted() {
        let log = log();
        let refused = |text: &str| LinkError::Refused { reason: text.to_owned() };
        let fails = |text| log.lock().note_failed(Level::WARN, kind(&refused(text), text));
        assert_eq!(fails("the clock is 301.5s ahead"), (Level::WARN, Some(0), None));
        assert_eq!(fails("the clock is 302.7s ahead"), (Level::DEBUG, None, None));
        assert_eq!(fails("the clock is 302.7s behind"), (Level::WARN, Some(0), None));
        tokio::time::advance(WINDOW).await;
        assert_eq!(fails("the clock is 1h ahead"), (Level::WARN, Some(1), None));
        assert_eq!(log.lock().failed_attempts, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_of_reasons_is_a_bounded_number_of_lines() {
        let log = log();
        let reasons = (0..10_000).map(|n| format!("{}x", "z".repeat(n % 500)));
        let logged = reasons.filter(|reason| {
            let refused = LinkError::Refused { reason: reason.clone() };
            log.lock().note_failed(Level::WARN, kind(&refused, reason)).0 == Level::WARN
        });
        assert_eq!(logged.count(), LINES_MAX as usize);
    }
}
