//! The decisions of the handshake: whether a Connect message is accepted, and whether the session has checksums.

use std::time::{Duration, SystemTime};

use crate::proto::session::dialer::dials;
use crate::proto::session::features::Features;
use crate::proto::wire::{Connect, Timestamp};

/// Largest difference between the clocks of two nodes.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// What this node sends about itself.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    /// Chosen at random at each start of the node.
    pub(crate) id: [u8; 16],
    pub(crate) name: String,
    pub(crate) features: Features,
}

/// What a listener needs to check a Connect message.
pub(crate) struct Expectation<'a> {
    /// This node's name.
    pub(crate) local: &'a str,
    /// Whether a name is in the list of the other nodes.
    pub(crate) is_known: &'a dyn Fn(&str) -> bool,
    /// Checks a token. An error is the reason why it is refused.
    pub(crate) check_token: &'a dyn Fn(&str) -> Result<(), String>,
}

/// Why the connection is refused, as the text that is sent back. `None` if it is accepted. The order of the checks is
/// that of the Go implementation.
pub(crate) fn refuse(
    connect: &Connect,
    now: SystemTime,
    expect: &Expectation<'_>,
) -> Option<String> {
    let host = &connect.host;
    if !(expect.is_known)(host) {
        return Some(format!("unknown incoming host: {host}"));
    }
    let skew = connect.time.abs_diff(Timestamp::from(now));
    if skew > CLOCK_SKEW_MAX {
        return Some(format!("time difference too large between servers: {skew:?}"));
    }
    if let Err(reason) = (expect.check_token)(&connect.token) {
        return Some(format!("auth token: {reason}"));
    }
    if dials(expect.local, host) {
        return Some(format!("grid: {} expected to dial {host}, not to be dialed", expect.local));
    }
    None
}

/// Whether messages between these two nodes carry checksums. They do unless both use TLS, which has its own.
pub(crate) fn uses_checksum(local: &str, remote: &str) -> bool {
    let secure = |name: &str| name.starts_with("https://") || name.starts_with("wss://");
    !(secure(local) && secure(remote))
}

#[cfg(test)]
mod tests {
    use super::*;

    // By the rule, 7002 dials 7001.
    const LOCAL: &str = "http://127.0.0.1:7001";
    const REMOTE: &str = "http://127.0.0.1:7002";

    fn judge(local: &str, host: &str, token: &str, seconds_off: u64) -> Option<String> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let connect = Connect {
            id: [1; 16],
            host: host.into(),
            time: Timestamp::from(now + Duration::from_secs(seconds_off)),
            token: token.into(),
            features: Vec::new(),
        };
        let expect = Expectation {
            local,
            is_known: &|name| name == LOCAL || name == REMOTE,
            check_token: &|token| {
                if token == "good" { Ok(()) } else { Err("invalid token".into()) }
            },
        };
        refuse(&connect, now, &expect)
    }

    #[test]
    fn reasons_are_checked_in_order() {
        assert_eq!(judge(LOCAL, REMOTE, "good", 0), None);
        assert_eq!(
            judge(LOCAL, "http://x:1", "bad", 999).as_deref(),
            Some("unknown incoming host: http://x:1")
        );
        let late = judge(LOCAL, REMOTE, "bad", 301).expect("refused");
        assert!(late.starts_with("time difference too large between servers: 301s"), "{late}");
        assert_eq!(judge(LOCAL, REMOTE, "bad", 300).as_deref(), Some("auth token: invalid token"));
        let direction = judge(REMOTE, LOCAL, "good", 0).expect("refused");
        assert!(direction.contains("expected to dial http://127.0.0.1:7001"), "{direction}");
    }

    #[test]
    fn checksums_are_left_to_tls_only_where_both_have_it() {
        assert!(!uses_checksum("https://a", "wss://b"));
        assert!(uses_checksum("https://a", "http://b"));
        assert!(uses_checksum("http://a", "http://b"));
    }
}
