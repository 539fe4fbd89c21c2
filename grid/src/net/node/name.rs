//! Names of nodes: URLs without a path. They are compared byte by byte.

use std::fmt;
use std::net::IpAddr;

/// A name such as `http://node1:9000`, split into its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) struct Name<'a> {
    scheme: &'a str,
    host: &'a str,
    port: u16,
    states_port: bool,
}

/// Why a string is not a valid node name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad node name {name:?}: {reason}; a name is a URL such as http://node1:9000")]
#[non_exhaustive]
pub struct NameError {
    /// The string.
    pub name: String,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Scheme,
    Host,
    Port,
    Path,
    Length,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "it must begin with http:// or https://",
            Self::Host => "the host is missing or has invalid characters",
            Self::Port => "the port is not a number from 1 to 65535",
            Self::Path => "it must end after host and port",
            Self::Length => "it is too long",
        })
    }
}

/// Longer names would not fit into the handshake.
const NAME_BYTES_MAX: usize = 1024;

/// Host and port of a node's name, for logs; the name itself if it is that of a guest.
pub(crate) fn address_of(name: &str) -> (&str, Option<u16>) {
    match Name::parse(name) {
        Ok(parsed) => (parsed.host(), Some(parsed.port())),
        Err(_) => (name, None),
    }
}

impl<'a> Name<'a> {
    /// Parses a name.
    pub(in crate::net) fn parse(name: &'a str) -> Result<Self, NameError> {
        Self::parts(name).map_err(|reason| NameError { name: name.to_owned(), reason })
    }

    fn parts(name: &'a str) -> Result<Self, Reason> {
        if name.len() > NAME_BYTES_MAX {
            return Err(Reason::Length);
        }
        let (scheme, authority) = name.split_once("://").ok_or(Reason::Scheme)?;
        let default_port = match scheme {
            "http" | "ws" => 80,
            "https" | "wss" => 443,
            _ => return Err(Reason::Scheme),
        };
        if authority.contains(['/', '?', '#']) {
            return Err(Reason::Path);
        }
        // An IPv6 address contains colons and is enclosed in brackets.
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or(Reason::Host)?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let bracketed = authority.starts_with('[');
        let allowed = |c: char| {
            c.is_ascii_alphanumeric() || "-._".contains(c) || (bracketed && ":%".contains(c))
        };
        if host.is_empty() || !host.chars().all(allowed) {
            return Err(Reason::Host);
        }
        let states_port = !port.is_empty();
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.chars().all(|c| c.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port != 0).ok_or(Reason::Port)?
            }
            Some(_) => return Err(Reason::Port),
            None if port.is_empty() => default_port,
            None => return Err(Reason::Host),
        };
        Ok(Self { scheme, host, port, states_port })
    }

    pub(in crate::net) fn host(&self) -> &'a str {
        self.host
    }

    pub(in crate::net) fn port(&self) -> u16 {
        self.port
    }

    /// Whether the name has a port, even if it is the default of the scheme.
    pub(super) fn states_port(&self) -> bool {
        self.states_port
    }

    /// Whether both names lead to the same host, as DNS compares names: without case and the dot at the end. Addresses can be written
    /// in several ways.
    pub(super) fn is_same_host(&self, other: Self) -> bool {
        let (one, other) = (self.host.trim_end_matches('.'), other.host.trim_end_matches('.'));
        let ip = |host: &str| host.parse::<IpAddr>().ok();
        one.eq_ignore_ascii_case(other) || ip(one).is_some_and(|one| ip(other) == Some(one))
    }

    pub(in crate::net) fn is_secure(&self) -> bool {
        matches!(self.scheme, "https" | "wss")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names() {
        for (name, host, port) in [
            ("http://node1:9000", "node1", 9000),
            ("http://127.0.0.1:1", "127.0.0.1", 1),
            ("https://a-b.example", "a-b.example", 443),
            ("ws://x", "x", 80),
            ("http://[::1]:65535", "::1", 65535),
        ] {
            let parsed = Name::parse(name).expect(name);
            assert_eq!((parsed.host(), parsed.port()), (host, port), "{name}");
        }
    }

    #[test]
    fn bad_names_say_what_is_wrong() {
        for (name, what) in [
            ("node1:9000", "begin with http://"),
            ("ftp://node1", "begin with http://"),
            ("http://", "host"),
            ("http://:80", "host"),
            ("http://no de:80", "host"),
            ("http://[::1:80", "host"),
            ("http://a:", "port"),
            ("http://a:0", "port"),
            ("http://a:65536", "port"),
            ("http://a:8x", "port"),
            ("http://a:80/", "end after host and port"),
            ("http://a/path", "end after host and port"),
        ] {
            let error = Name::parse(name).expect_err(name).to_string();
            assert!(error.contains(what) && error.contains(&format!("{name:?}")), "{error}");
        }
    }
}
