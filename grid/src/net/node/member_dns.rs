//! [`DnsMembers`]: the host list from DNS.

use std::borrow::Cow;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::time::Instant;

use super::source::{MemberSource, NextMembers};

/// An answer is used for at least this long: a TTL of zero must not keep the name server busy.
const TTL_MIN: Duration = Duration::from_secs(1);

/// The host list from DNS. A [`MemberSource`].
///
/// The name server is asked again when the records have expired, after a second at the earliest. The list stays as it is
/// while it does not answer, or knows no records of the name.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use grid::DnsMembers;
///
/// // A headless service of Kubernetes: one address for each pod.
/// let pods = DnsMembers::addresses("grid.default.svc.cluster.local", "http://{}:9000");
/// // Or one SRV record for each node, with its host and port.
/// let nodes = DnsMembers::services("_grid._tcp.example.com", "https");
/// let own = format!("http://{}:9000", std::env::var("POD_IP")?);
/// let manager = grid::Manager::builder(own).token(grid::SharedSecret::new("secret")).members_from(pods).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DnsMembers {
    /// The name to look up.
    name: String,
    kind: Kind,
    server: Option<SocketAddr>,
    resolver: Option<TokioResolver>,
    /// When the records expire.
    expires: Option<Instant>,
    last: Vec<String>,
}

#[derive(Debug)]
enum Kind {
    /// The text around an address.
    Addresses(String),
    /// The scheme of the names.
    Services(String),
}

impl DnsMembers {
    /// Creates a source of one member for each A and AAAA record of `name`. In `template`, for example `http://{}:9000`, `{}`
    /// stands for the address; those of version 6 are put into brackets.
    ///
    /// The nodes must have such names themselves. A relative name is looked up in the search domains of the system.
    pub fn addresses(name: impl Into<String>, template: impl Into<String>) -> Self {
        Self::new(name.into(), Kind::Addresses(template.into()))
    }

    /// Creates a source of one member for each SRV record of `name`: `http://node1.example.com:9000` with the scheme `http`.
    pub fn services(name: impl Into<String>, scheme: impl Into<String>) -> Self {
        Self::new(name.into(), Kind::Services(scheme.into()))
    }

    fn new(name: String, kind: Kind) -> Self {
        Self { name, kind, server: None, resolver: None, expires: None, last: Vec::new() }
    }

    /// Asks this name server. Default: those of the system, from `/etc/resolv.conf` on Unix.
    #[must_use]
    pub fn server(mut self, address: SocketAddr) -> Self {
        self.server = Some(address);
        self
    }

    /// Waits until the last answer has expired, then asks again.
    async fn ask(&mut self) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
        if let Some(expires) = self.expires {
            tokio::time::sleep_until(expires).await;
        }
        let resolver = match &self.resolver {
            Some(resolver) => resolver,
            None => self.resolver.insert(resolver(self.server)?),
        };
        let records = match &self.kind {
            Kind::Services(_) => records(resolver, &self.name, RecordType::SRV).await?,
            Kind::Addresses(_) => {
                // Together, so that the list does not lose one version of IP while only the other one is known.
                let (four, six) = tokio::join!(
                    records(resolver, &self.name, RecordType::A),
                    records(resolver, &self.name, RecordType::AAAA),
                );
                [four?, six?].concat()
            }
        };
        let ttl = records.iter().map(|record| record.ttl).min().unwrap_or_default();
        self.expires = Some(Instant::now() + Duration::from_secs(ttl.into()).max(TTL_MIN));
        let mut hosts: Vec<_> =
            records.iter().filter_map(|record| self.kind.host(record)).collect();
        hosts.sort_unstable();
        hosts.dedup();
        if hosts.is_empty() {
            return Err("no records".into());
        }
        Ok(hosts)
    }
}

impl Kind {
    /// The name of the member that a record stands for. Others, such as a CNAME, are part of answers as well.
    fn host(&self, record: &Record) -> Option<String> {
        match (self, &record.data) {
            (Self::Addresses(template), RData::A(address)) => {
                Some(fill(template, IpAddr::V4(address.0)))
            }
            (Self::Addresses(template), RData::AAAA(address)) => {
                Some(fill(template, IpAddr::V6(address.0)))
            }
            (Self::Services(scheme), RData::SRV(service)) => {
                let target = service.target.to_ascii();
                Some(format!("{scheme}://{}:{}", target.trim_end_matches('.'), service.port))
            }
            _ => None,
        }
    }
}

fn fill(template: &str, address: IpAddr) -> String {
    let text = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    template.replace("{}", &text)
}

/// Without a cache: the source itself knows when the records expire.
fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio()?,
        Some(address) => {
            let mut server = NameServerConfig::udp_and_tcp(address.ip());
            let on_port = |connection: &mut ConnectionConfig| connection.port = address.port();
            server.connections.iter_mut().for_each(on_port);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    builder.options_mut().cache_size = 0;
    builder.build()
}

/// Returns the records of a type; none is not an error.
async fn records(
    resolver: &TokioResolver,
    name: &str,
    kind: RecordType,
) -> Result<Vec<Record>, NetError> {
    match resolver.lookup(name, kind).await {
        Ok(found) => Ok(found.answers().to_vec()),
        Err(error) if error.is_no_records_found() && !error.is_nx_domain() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl MemberSource for DnsMembers {
    fn next(&mut self) -> NextMembers<'_> {
        Box::pin(async {
            loop {
                let hosts = self.ask().await?;
                if hosts != self.last {
                    self.last.clone_from(&hosts);
                    return Ok(hosts);
                }
            }
        })
    }

    fn name(&self) -> Cow<'_, str> {
        format!("the records of {} in DNS", self.name).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_version_six_are_in_brackets() {
        let fill = |address: &str| fill("http://{}:9000", address.parse().unwrap());
        assert_eq!(fill("10.0.0.1"), "http://10.0.0.1:9000");
        assert_eq!(fill("fd00::1"), "http://[fd00::1]:9000");
    }
}
