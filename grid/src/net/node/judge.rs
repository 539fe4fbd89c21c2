//! Whether a node accepts an upgrade request, whoever has read it: its own listener or an HTTP server.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use super::shared::Node;
use super::strangers::{Entry, Stage};
use crate::auth::Claim;
use crate::certificate::PeerCertificate;
use crate::net::transport::http::{HeaderMap, StatusCode, header};
use crate::net::transport::upgrade::check::{Answer, Head};

/// Where a request comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) address: Option<SocketAddr>,
    /// The client certificate of the dialer.
    pub(super) certificate: Option<&'a PeerCertificate>,
}

/// Decides about a request. Returns the answer to send: an acceptance, or why the request is refused.
pub(super) async fn judge(
    node: &Node,
    head: Head<'_>,
    route: &str,
    origin: Origin<'_>,
    entry: &mut Entry,
) -> Result<Answer, Answer> {
    entry.reach(if head.is_probe() { Stage::Probe } else { Stage::Unknown });
    if head.path != route {
        let text = format!("no grid at {}: all nodes need the same `Config::route`", head.path);
        return Err(Answer::new(StatusCode::NOT_FOUND, text));
    }
    // Before the token: the authenticator is not asked about requests that cannot be from a node.
    head.check()?;
    let (token, time) = (bearer(head.headers), time(head.headers));
    let claim = Claim {
        local: &node.name,
        name: None,
        token,
        address: origin.address,
        time,
        now: node.clock.now(),
        skew_max: node.config.clock_skew_max,
        certificate: origin.certificate,
    };
    match node.credentials().check(claim).await {
        Ok(_) => Ok(head.acceptance()),
        Err(denied) => Err(Answer::new(StatusCode::FORBIDDEN, denied.to_string())),
    }
}

/// Returns the token of a request; empty if there is none.
fn bearer(headers: &HeaderMap) -> &str {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
}

/// Returns the time of a request, which the dialer sends in nanoseconds since the epoch.
fn time(headers: &HeaderMap) -> Option<SystemTime> {
    let nanos = headers.get("X-Minio-Time")?.to_str().ok()?.parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanos))
}
