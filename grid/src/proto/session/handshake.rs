//! The decisions of the handshake: whether a Connect message is accepted, and whether the session has checksums.

use std::time::{Duration, SystemTime};

use crate::error::{LinkError, one_line};
use crate::proto::session::dialer::dials;
use crate::proto::session::features::{Feature, Features};
use crate::proto::wire::{Connect, StatedLimits, Timestamp};

/// What this node sends about itself.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    /// Chosen at random at each start of the node.
    pub(crate) id: [u8; 16],
    pub(crate) name: String,
    pub(crate) features: Features,
    /// The largest message that this node accepts.
    pub(crate) message_bytes_max: usize,
    /// What the requests in flight of a peer may make this node hold, in bytes.
    pub(crate) requests_bytes_max: usize,
}

impl Introduction {
    /// What this node states about its limits, to a peer that has these features.
    pub(crate) fn stated_limits(&self, peer: Features) -> Option<StatedLimits> {
        let features = self.features.and(peer);
        let stated = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        features.has(Feature::Limits).then(|| StatedLimits {
            message_bytes_max: stated(self.message_bytes_max),
            requests_bytes_max: Some(stated(self.requests_bytes_max)),
        })
    }
}

/// Checks the name and the clock of a dialer. The layer above checks the token next, and the direction last, which is the
/// order of the Go implementation. The text of the first error is sent to the dialer.
pub(crate) fn check_claim(
    connect: &Connect,
    now: SystemTime,
    clock_skew_max: Duration,
    is_known: impl FnOnce(&str) -> bool,
) -> Result<(), LinkError> {
    if !is_known(&connect.host) {
        return Err(LinkError::UnknownHost { host: one_line(&connect.host), nearest: None });
    }
    let difference = connect.time.abs_diff(Timestamp::from(now));
    if difference > clock_skew_max {
        let remote = connect.time.to_system_time().unwrap_or(SystemTime::UNIX_EPOCH);
        return Err(LinkError::ClockSkew { local: now, remote, difference, max: clock_skew_max });
    }
    Ok(())
}

/// With the extension `names`, checks that a dialer has reached the node it wants. Between nodes without it there is no such
/// check: the base protocol has only ids that change with each start.
pub(crate) fn check_names(wanted: Option<&str>, answered: Option<&str>) -> Result<(), LinkError> {
    match (wanted, answered) {
        (Some(wanted), Some(answered)) if wanted != answered => {
            Err(LinkError::WrongNode { wanted: one_line(wanted), answered: one_line(answered) })
        }
        _ => Ok(()),
    }
}

/// What the names of guests begin with. No node has such a name, which is not a URL.
const GUEST: &str = "guest-";

/// A name for a guest, of 128 random bits.
pub(crate) fn guest_name(random: u128) -> String {
    format!("{GUEST}{random:032x}")
}

/// Whether this is the name of a guest, which is on no host list.
pub(crate) fn is_guest_name(name: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    name.strip_prefix(GUEST).is_some_and(|bits| bits.len() == 32 && bits.bytes().all(is_digit))
}

/// Checks that the other node is the one to dial. A guest always is.
pub(crate) fn check_direction(local: &str, host: &str) -> Result<(), LinkError> {
    if is_guest_name(host) || !dials(local, host) {
        return Ok(());
    }
    Err(LinkError::WrongDirection { local: local.to_owned(), host: host.to_owned() })
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

    fn judge(local: &str, host: &str, seconds_off: u64) -> Result<(), String> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let connect = Connect {
            id: [1; 16],
            host: host.into(),
            time: Timestamp::from(now + Duration::from_secs(seconds_off)),
            token: String::new(),
            peer: None,
            dial: None,
            limits: None,
            contracts: Default::default(),
            features: Vec::new(),
        };
        let max = Duration::from_secs(300);
        check_claim(&connect, now, max, |name| name == LOCAL || name == REMOTE)
            .and_then(|()| check_direction(local, host))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_stated_name_begins_no_new_line_in_logs() {
        let error = judge(LOCAL, "http://x:1\nlink is up", 0).unwrap_err();
        assert!(error.contains("http://x:1 link is up"), "{error}");
        let error = check_names(Some(LOCAL), Some("x\r\ny")).unwrap_err().to_string();
        assert!(!error.contains(char::is_control), "{error}");
    }

    #[test]
    fn reasons_are_checked_in_order() {
        assert_eq!(judge(LOCAL, REMOTE, 0), Ok(()));
        assert_eq!(judge(LOCAL, REMOTE, 300), Ok(()));
        assert_eq!(
            judge(LOCAL, "http://x:1", 999),
            Err("unknown incoming host: http://x:1 is not in the host list of the node that it dials".into())
        );
        assert_eq!(
            judge(LOCAL, REMOTE, 301),
            Err("time difference too large between servers: the dialer's clock (2023-11-14T22:18:21Z) is 301.0 s ahead of \
                the listener's (2023-11-14T22:13:20Z), the limit is 300s (`Config::clock_skew_max` of the listener)"
                .into())
        );
        assert_eq!(
            judge(REMOTE, LOCAL, 0),
            Err(format!("grid: {REMOTE} expected to dial {LOCAL}, not to be dialed"))
        );
    }

    #[test]
    fn names_of_guests_are_no_names_of_nodes() {
        let name = guest_name(u128::MAX >> 8);
        assert_eq!(name, "guest-00ffffffffffffffffffffffffffffff");
        assert!(is_guest_name(&name) && check_direction(LOCAL, &name).is_ok());
        for other in ["guest-", "guest-1", "http://guest-1:1", &name.to_uppercase(), &name[1..]] {
            assert!(!is_guest_name(other), "{other}");
        }
    }

    #[test]
    fn checksums_are_left_to_tls_only_where_both_have_it() {
        assert!(!uses_checksum("https://a", "wss://b"));
        assert!(uses_checksum("https://a", "http://b"));
        assert!(uses_checksum("http://a", "http://b"));
    }
}
