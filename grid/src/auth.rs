//! Authentication: the token that a node sends, and how it checks the tokens of other nodes.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::SystemTime;

use crate::certificate::PeerCertificate;

/// The future that methods of [`Authenticate`] return.
pub type Authenticating<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends and checks the tokens of a grid.
///
/// All nodes of a grid need authenticators that accept each other's tokens. The token is sent in the upgrade request
/// and again in the handshake. It is not encrypted unless the dialer uses TLS.
///
/// ```
/// use grid::{Authenticate, Authenticating, Claim, Denied};
///
/// /// A token per node.
/// struct PerNode(std::collections::HashMap<String, String>);
///
/// impl Authenticate for PerNode {
///     fn token<'a>(&'a self, local: &'a str, _peer: &'a str) -> grid::TokenFuture<'a> {
///         Box::pin(async move { self.0.get(local).cloned().ok_or_else(|| "no token".into()) })
///     }
///
///     fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<(), Denied>> {
///         Box::pin(async move {
///             let known = match claim.name {
///                 Some(name) => self.0.get(name).is_some_and(|token| token == claim.token),
///                 // The upgrade request states no name yet.
///                 None => self.0.values().any(|token| token == claim.token),
///             };
///             if known { Ok(()) } else { Err(Denied::new("invalid token")) }
///         })
///     }
/// }
/// ```
pub trait Authenticate: Send + Sync + 'static {
    /// The token that this node, `local`, sends when it dials `peer`: printable ASCII that does not end with a space,
    /// because it is sent in an HTTP header.
    ///
    /// # Errors
    /// Why there is no token. The peer is dialed again later. The error becomes the source of
    /// [`LinkError::Token`](crate::LinkError::Token).
    fn token<'a>(&'a self, local: &'a str, peer: &'a str) -> TokenFuture<'a>;

    /// Checks, when a node is built, what can be checked then. Default: nothing.
    ///
    /// # Errors
    /// What is wrong. [`Builder::build`](crate::Builder::build) fails with it.
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Checks a node that has dialed this one. Called twice per connection: for the upgrade request, which contains no
    /// name, and for the handshake, which contains one.
    ///
    /// Each check is limited by [`Config::connect_timeout`](crate::Config::connect_timeout).
    ///
    /// # Errors
    /// [`Denied`] with a reason, which is sent to the dialer.
    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<(), Denied>>;
}

/// The future of [`Authenticate::token`].
pub type TokenFuture<'a> = Authenticating<'a, Result<String, Box<dyn Error + Send + Sync>>>;

/// What a dialer sent about itself, for [`Authenticate::check`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Claim<'a> {
    /// The name that the dialer sent; `None` for the upgrade request.
    pub name: Option<&'a str>,
    /// The token that the dialer sent; empty if it sent none.
    pub token: &'a str,
    /// The address of the dialer, if the listener knows it.
    pub address: Option<SocketAddr>,
    /// The time of the dialer's clock, if it sent one.
    pub time: Option<SystemTime>,
    /// The client certificate of the dialer, if TLS has verified one.
    pub certificate: Option<&'a PeerCertificate>,
}

impl<'a> Claim<'a> {
    /// Creates a claim with only this token, for tests of an authenticator.
    pub fn new(token: &'a str) -> Self {
        Self { name: None, token, address: None, time: None, certificate: None }
    }

    /// Sets the name.
    pub fn with_name(self, name: &'a str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// Sets the certificate.
    pub fn with_certificate(self, certificate: &'a PeerCertificate) -> Self {
        Self { certificate: Some(certificate), ..self }
    }
}

/// Omits the token, which must not be logged.
impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("name", &self.name)
            .field("address", &self.address)
            .field("time", &self.time)
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// A token was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Denied(String);

impl Denied {
    /// Creates a refusal with this reason. It is sent to the dialer, so it must not reveal the correct token.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// One secret that all nodes share.
///
/// The secret itself is the token: anyone who can read the connection can join the grid. Use TLS if the network is not
/// trusted (`Builder::tls`, feature `tls`, or [`Builder::dial_with`](crate::Builder::dial_with)).
#[derive(Clone)]
pub struct SharedSecret(String);

impl SharedSecret {
    /// Uses this secret as the token. It must not be empty, must be printable ASCII, and must not end with a space, because
    /// it is sent in a header. [`Builder::build`](crate::Builder::build) refuses another one.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }
}

impl SharedSecret {
    fn judge(&self, token: &str) -> Result<(), Denied> {
        if self.0.is_empty() {
            // An unset environment variable must not disable authentication; `NoAuth` does that explicitly.
            return Err(Denied::new("this node has an empty secret, which accepts no token"));
        }
        if same(token.as_bytes(), self.0.as_bytes()) {
            Ok(())
        } else {
            Err(Denied::new("invalid token"))
        }
    }
}

impl Authenticate for SharedSecret {
    fn ready(&self) -> Result<(), String> {
        if self.0.is_empty() {
            // Usually an environment variable that is not set.
            return Err("the shared secret is empty; to accept every node, use `NoAuth`".to_owned());
        }
        if !fits_header(&self.0) {
            return Err(format!("the shared secret cannot be sent: {HEADER_RULE}"));
        }
        Ok(())
    }

    fn token<'a>(&'a self, _: &'a str, _: &'a str) -> TokenFuture<'a> {
        let token = self.0.clone();
        Box::pin(async { Ok(token) })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<(), Denied>> {
        let judged = self.judge(claim.token);
        Box::pin(async { judged })
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// What a token must be to travel in an HTTP header.
pub(crate) const HEADER_RULE: &str =
    "a token must be printable ASCII, without a line break, and must not end with a space";

/// Whether a token can be sent in a header unchanged. Trailing spaces are removed from headers, and the meaning of bytes
/// beyond ASCII is not defined.
pub(crate) fn fits_header(token: &str) -> bool {
    token.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && !token.ends_with(' ')
}

/// Compares in constant time for a given length, so that a secret cannot be guessed byte by byte.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(differences) == 0 && one.len() == other.len()
}

/// No authentication: for tests, and for networks in which every node may join.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAuth;

impl Authenticate for NoAuth {
    fn token<'a>(&'a self, _: &'a str, _: &'a str) -> TokenFuture<'a> {
        Box::pin(async { Ok(String::new()) })
    }

    fn check<'a>(&'a self, _: Claim<'a>) -> Authenticating<'a, Result<(), Denied>> {
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_compared_as_a_whole_and_never_shown() {
        let secret = SharedSecret::new("correct horse");
        assert_eq!(secret.judge("correct horse"), Ok(()));
        for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert_eq!(secret.judge(wrong), Err(Denied::new("invalid token")), "{wrong:?}");
        }
        assert!(SharedSecret::new("").judge("").is_err(), "an empty secret accepts nothing");
        assert_eq!(secret.ready(), Ok(()));
        for unfit in ["", "two\nlines", "ends with a space ", "schl\u{fc}ssel"] {
            let error = SharedSecret::new(unfit).ready().unwrap_err();
            assert!(unfit.is_empty() || !error.contains(unfit), "{error}");
        }
        assert!(fits_header("") && fits_header(" !~ x"));
        assert_eq!(format!("{secret:?}"), "SharedSecret(..)");
        assert!(!format!("{:?}", Claim::new("correct horse")).contains("horse"));
    }
}
