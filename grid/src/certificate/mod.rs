//! The certificate with which a peer has proved who it is.
//!
//! Here and not below `net/tls/`, because it does not need the feature `tls`: applications that do TLS themselves pass the
//! certificates of their peers as well. Nothing is verified here.

mod der;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use der::{Read, Truncated};

/// The certificate of a peer, verified by TLS before this node sees it. Cheap to clone.
///
/// Handlers get it from [`Context::certificate`](crate::Context::certificate), authenticators from
/// [`Claim::certificate`](crate::Claim::certificate).
///
/// ```
/// use grid::{Ask, Authenticate, Authenticating, Claim, Denied, Identity, Token, TokenFuture};
///
/// /// Admits what has a certificate of the unit `storage`.
/// struct Storage;
///
/// impl Authenticate for Storage {
///     fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
///         Box::pin(async { Ok(Token::new("")) })
///     }
///
///     fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
///         let unit = claim.certificate.is_some_and(|certificate| {
///             certificate.uri_names().iter().any(|uri| uri.starts_with("spiffe://example/storage/"))
///         });
///         Box::pin(async move {
///             match unit {
///                 true => Ok(Identity::unproven("a storage node")),
///                 false => Err(Denied::new("not a storage node")),
///             }
///         })
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    chain: Vec<Vec<u8>>,
    common_name: Option<String>,
    dns_names: Vec<String>,
    uri_names: Vec<String>,
    ip_addresses: Vec<IpAddr>,
    valid_from: SystemTime,
    valid_until: SystemTime,
}

/// These bytes are not a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate in DER: {reason}")]
#[non_exhaustive]
pub struct BadCertificate {
    /// What is wrong with it.
    pub reason: &'static str,
}

impl PeerCertificate {
    /// Reads a chain of certificates in DER, of which the first one is the peer's own, and the others lead to a CA. It is
    /// not verified: pass only what TLS has verified.
    ///
    /// # Errors
    /// [`BadCertificate`] if the chain is empty, or if its first certificate cannot be read. The others are not read.
    pub fn from_chain(chain: Vec<Vec<u8>>) -> Result<Self, BadCertificate> {
        let own = chain.first().ok_or(BadCertificate { reason: "the chain is empty" })?;
        let fields = der::certificate(own)
            .map_err(|Truncated| BadCertificate { reason: "its structure cannot be read" })?;
        let Read { common_name, dns_names, uri_names, ip_addresses, valid_from, valid_until } =
            fields;
        Ok(Self(Arc::new(Parts {
            chain,
            common_name,
            dns_names,
            uri_names,
            ip_addresses,
            valid_from,
            valid_until,
        })))
    }

    /// The certificates in DER, the peer's own first.
    pub fn chain(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.chain.iter().map(Vec::as_slice)
    }

    /// The common name of the subject, which is not verified to be a host name.
    pub fn common_name(&self) -> Option<&str> {
        self.0.common_name.as_deref()
    }

    /// The DNS names, as written in the certificate: some may begin with `*.`.
    pub fn dns_names(&self) -> &[String] {
        &self.0.dns_names
    }

    /// The URIs, such as a SPIFFE id.
    pub fn uri_names(&self) -> &[String] {
        &self.0.uri_names
    }

    /// The IP addresses.
    pub fn ip_addresses(&self) -> &[IpAddr] {
        &self.0.ip_addresses
    }

    /// The time from which on the certificate is valid.
    pub fn valid_from(&self) -> SystemTime {
        self.0.valid_from
    }

    /// The time after which the certificate is no longer valid.
    pub fn valid_until(&self) -> SystemTime {
        self.0.valid_until
    }

    /// Whether the certificate is for this host: one of its DNS names, where `*` stands for the first label, or one of its
    /// IP addresses. The common name does not count.
    pub fn is_for_host(&self, host: &str) -> bool {
        match host.parse::<IpAddr>() {
            Ok(ip) => self.0.ip_addresses.contains(&ip),
            Err(_) => self.0.dns_names.iter().any(|name| covers(name, host)),
        }
    }

    /// The names for which it is valid, for texts of errors.
    pub(crate) fn names(&self) -> String {
        let Parts { dns_names, uri_names, ip_addresses, .. } = &*self.0;
        let ips = ip_addresses.iter().map(IpAddr::to_string);
        let all: Vec<_> = dns_names.iter().chain(uri_names).cloned().chain(ips).collect();
        let shown = all.iter().take(NAMES_SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
        match all.len().checked_sub(NAMES_SHOWN_MAX) {
            _ if all.is_empty() => "no name".to_owned(),
            None | Some(0) => shown,
            Some(more) => format!("{shown} and {more} more"),
        }
    }
}

/// Names of a certificate in one text. A certificate can have hundreds, and a text is one line.
const NAMES_SHOWN_MAX: usize = 8;

/// Whether a DNS name of a certificate stands for this host.
fn covers(name: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let name = name.trim_end_matches('.');
    match name.strip_prefix("*.") {
        // One label only, and not all names of a top-level domain.
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| {
            !label.is_empty() && parent.contains('.') && rest.eq_ignore_ascii_case(parent)
        }),
        None => name.eq_ignore_ascii_case(host),
    }
}

/// The host of a node name such as `https://node1:9000`, without the brackets of an address.
pub(crate) fn host_of(name: &str) -> &str {
    let authority = name.split_once("://").map_or(name, |(_, authority)| authority);
    match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(host, _)| host),
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    }
}

/// Shows the names. The chain is long, and says little to a reader.
impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerCertificate")
            .field("common_name", &self.common_name())
            .field("dns_names", &self.dns_names())
            .field("uri_names", &self.uri_names())
            .field("ip_addresses", &self.ip_addresses())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn der() -> Vec<u8> {
        let mut params = CertificateParams::new(["node1.example".into(), "*.grid.example".into()])
            .expect("names");
        params.subject_alt_names.extend([
            SanType::IpAddress("10.0.0.1".parse().expect("an address")),
            SanType::IpAddress("::1".parse().expect("an address")),
            SanType::URI("spiffe://example/storage/1".try_into().expect("ascii")),
        ]);
        params.distinguished_name.push(DnType::CommonName, "knoten-\u{fc}");
        params.not_before = rcgen::date_time_ymd(2001, 2, 3);
        params.not_after = rcgen::date_time_ymd(2104, 2, 29);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn the_fields_of_a_certificate_are_read() {
        let certificate = PeerCertificate::from_chain(vec![der(), b"anything".to_vec()]).unwrap();
        assert_eq!(certificate.common_name(), Some("knoten-\u{fc}"));
        assert_eq!(certificate.dns_names(), ["node1.example", "*.grid.example"]);
        assert_eq!(certificate.uri_names(), ["spiffe://example/storage/1"]);
        let ips: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(certificate.ip_addresses(), ips);
        let from = UNIX_EPOCH + Duration::from_secs(981_158_400);
        assert_eq!(certificate.valid_from(), from);
        assert_eq!(certificate.valid_until(), UNIX_EPOCH + Duration::from_secs(4_233_686_400));
        assert_eq!(certificate.chain().len(), 2);
        let names = "node1.example, *.grid.example, spiffe://example/storage/1, 10.0.0.1, ::1";
        assert_eq!(certificate.names(), names);
    }

    #[test]
    fn no_bytes_cause_a_panic() {
        let der = der();
        for len in 0..der.len() {
            assert!(PeerCertificate::from_chain(vec![der[..len].to_vec()]).is_err(), "{len}");
        }
        for position in 0..der.len() {
            for value in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = der.clone();
                changed[position] = value;
                let _ = PeerCertificate::from_chain(vec![changed]);
            }
        }
        assert!(PeerCertificate::from_chain(Vec::new()).is_err());
    }

    #[test]
    fn a_certificate_is_for_its_hosts_only() {
        let certificate = PeerCertificate::from_chain(vec![der()]).unwrap();
        for host in ["node1.example", "NODE1.example.", "a.grid.example", "10.0.0.1", "0:0::1"] {
            assert!(certificate.is_for_host(host), "{host}");
        }
        for host in ["node2.example", "a.b.grid.example", "grid.example", ".grid.example", "::2"] {
            assert!(!certificate.is_for_host(host), "{host}");
        }
        assert!(!covers("*.example", "a.example"), "a whole top-level domain");
        let hosts =
            ["https://node1:9000", "https://node1", "https://[::1]:1", "node1"].map(host_of);
        assert_eq!(hosts, ["node1", "node1", "::1", "node1"]);
    }
}
