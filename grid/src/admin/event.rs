//! [`AdminEvent`]: what has happened at a node, as it is sent.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::error::shortened;
use crate::{MemberEvent, Warning};

/// Bytes of the text of an event, at most.
const TEXT_BYTES_MAX: usize = 1024;

/// What has happened at a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AdminEvent {
    /// When, by the clock of the node, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// One word for what it is: `added`, `up`, `draining`, `down` or `removed` of a peer, `lagged` if events were missed, or
    /// [`Warning::label`].
    pub kind: String,
    /// Whether it is a [`Warning`], which somebody should look at.
    pub is_warning: bool,
    /// The peer that it is about.
    pub peer: Option<String>,
    /// The method that it is about.
    pub method: Option<String>,
    /// What has happened, as a sentence.
    pub text: String,
}

impl AdminEvent {
    pub(super) fn of_member(event: &MemberEvent) -> Self {
        let (kind, peer, text) = match event {
            MemberEvent::Added { host } => {
                ("added", Some(host), "added to the host list".to_owned())
            }
            MemberEvent::Up { host, instance } => {
                ("up", Some(host), format!("the link is up, to run {instance}"))
            }
            MemberEvent::Draining { host } => {
                ("draining", Some(host), "takes no new calls".to_owned())
            }
            MemberEvent::Down { host, reason } => {
                ("down", Some(host), format!("the link is down: {}", reason.full_text()))
            }
            MemberEvent::Removed { host } => {
                ("removed", Some(host), "removed from the host list".to_owned())
            }
            MemberEvent::Lagged { missed } => {
                ("lagged", None, format!("{missed} events of members were missed"))
            }
        };
        Self {
            kind: kind.to_owned(),
            peer: peer.map(|peer| peer.to_string()),
            text: cut(text),
            ..Self::default()
        }
    }

    pub(super) fn of_warning(warning: &Warning) -> Self {
        Self {
            kind: warning.label().to_owned(),
            is_warning: true,
            peer: warning.peer().map(str::to_owned),
            method: warning.method().map(str::to_owned),
            text: cut(warning.to_string()),
            ..Self::default()
        }
    }

    pub(super) fn lagged(missed: u64) -> Self {
        Self {
            kind: "lagged".to_owned(),
            text: format!("{missed} events were missed"),
            ..Self::default()
        }
    }
}

/// A text that is not longer than events may be: a part of it may be of a peer.
pub(super) fn cut(text: String) -> String {
    match shortened(&text, TEXT_BYTES_MAX) {
        Cow::Borrowed(_) => text,
        Cow::Owned(shortened) => shortened,
    }
}

/// A point in time, as it is sent.
pub(super) fn unix_ms(time: SystemTime) -> u64 {
    millis(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// A time in milliseconds, as it is sent.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A time in microseconds, as it is sent.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
