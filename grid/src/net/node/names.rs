//! Checks of a host list: what can only be a mistake is an error, and what probably is one is logged.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::build_error::BuildError;
use super::name::Name;
use crate::error::nearest;
use crate::net::catch::log;
use crate::proto::dials;

/// Checks the names of all nodes. `has_dialer`: the node has TLS, or the user has set how to dial.
pub(super) fn check_names(
    local: &str,
    hosts: &[String],
    has_dialer: bool,
) -> Result<(), BuildError> {
    Name::parse(local)?;
    let mut names = Vec::with_capacity(hosts.len());
    for host in hosts {
        let name = Name::parse(host)?;
        if is_unspecified(name) {
            return Err(BuildError::Unspecified { host: host.clone() });
        }
        if let Some((same, _)) = names.iter().find(|(_, earlier)| is_same(*earlier, name)) {
            let (host, same) = (host.clone(), String::from(*same));
            return Err(if host == same {
                BuildError::HostTwice { host }
            } else {
                BuildError::SameHost { one: same, other: host }
            });
        }
        names.push((host.as_str(), name));
    }
    if !hosts.iter().any(|host| host == local) {
        let (local, hosts) = (local.to_owned(), hosts.to_vec());
        let near = nearest(&local, hosts.iter().map(String::as_str)).map(str::to_owned);
        return Err(BuildError::LocalMissing { local, nearest: near, hosts });
    }
    let needs_tls =
        |(host, name): &&(&str, Name<'_>)| *host != local && name.is_secure() && dials(local, host);
    if let Some((host, _)) = names.iter().find(needs_tls).filter(|_| !has_dialer) {
        return Err(BuildError::NoTlsDialer { host: String::from(*host) });
    }
    Ok(())
}

/// Checks the name of the only node that a guest has.
pub(super) fn check_node(node: &str, has_dialer: bool) -> Result<(), BuildError> {
    let name = Name::parse(node)?;
    if is_unspecified(name) {
        return Err(BuildError::Unspecified { host: node.to_owned() });
    }
    if name.is_secure() && !has_dialer {
        return Err(BuildError::NoTlsDialer { host: node.to_owned() });
    }
    Ok(())
}

/// Logs what is probably a mistake in a list that was checked, as far as it is about these new names.
pub(super) fn warn_of(local: &str, hosts: &[String], is_new: impl Fn(&str) -> bool) {
    let names: Vec<(&str, Name<'_>)> =
        hosts.iter().filter_map(|host| Some((host.as_str(), Name::parse(host).ok()?))).collect();
    let secure = names.iter().find(|(_, name)| name.is_secure());
    let plain = names.iter().find(|(_, name)| !name.is_secure());
    let is_own_secure = names.iter().any(|(host, name)| *host == local && name.is_secure());
    let mut differs = names.iter().filter(|(_, name)| name.is_secure() != is_own_secure);
    if let (Some((secure, _)), Some((plain, _))) = (secure, plain)
        && differs.any(|(host, _)| is_new(host))
    {
        log!(warn, local, secure, plain, "the host list has names with and without TLS");
    }
    for (number, (host, name)) in names.iter().enumerate() {
        let same_host = |(other_host, other): &&(&str, Name<'_>)| {
            other.is_same_host(*name)
                && other.states_port() != name.states_port()
                && (is_new(host) || is_new(other_host))
        };
        if let Some((other, _)) = names[..number].iter().find(same_host) {
            log!(
                warn,
                local,
                host,
                other,
                "the host list has the same host with and without a port"
            );
        }
    }
}

/// Whether two names are one node: they lead to the same host and port.
fn is_same(one: Name<'_>, other: Name<'_>) -> bool {
    one.is_same_host(other) && one.port() == other.port()
}

/// Whether the name is an address to listen on, to which no node can connect.
fn is_unspecified(name: Name<'_>) -> bool {
    let host = name.host();
    host.parse() == Ok(Ipv4Addr::UNSPECIFIED) || host.parse() == Ok(Ipv6Addr::UNSPECIFIED)
}
