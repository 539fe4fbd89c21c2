//! [`CertificateName`]: authentication by the certificates of TLS alone.

use crate::auth::{
    Answer, Ask, Authenticate, Authenticating, Claim, Denied, Identity, Token, TokenFuture,
};
use crate::certificate::{PeerCertificate, host_of};
use crate::error::one_line;
use crate::proto::is_guest_name;

/// Admits a node if its certificate is for the name that it claims. No token is sent.
///
/// For a grid in which every node proves its name with a certificate of its own (mutual TLS). The host of the claimed name
/// must be one of the certificate's DNS names or IP addresses, as
/// [`is_for_host`](PeerCertificate::is_for_host) compares them, or the name itself must be one of its URIs. A certificate
/// with `*.grid.example` thus admits its owner under each of these names.
///
/// A [`Guest`](crate::Guest) has a random name: where the node takes guests, one is admitted with any certificate that the
/// client CA has signed. [`Guests::permit`](crate::Guests::permit) limits what it may do.
///
/// In the other direction, TLS has verified the certificate of the listener against its name, and a listener without TLS is
/// not believed: all names of the list begin with `https://`, and a [`Dial`](crate::Dial) that does TLS itself implements
/// [`dial_certified`](crate::Dial::dial_certified).
///
/// ```
/// use grid::{Authenticate, CertificateName, Claim};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let auth = CertificateName::new().alternate_name("https://new1:9000", "old1");
/// let without = Claim::new("").with_name("https://new1:9000");
/// assert!(auth.check(without).await.is_err(), "there is no certificate");
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct CertificateName {
    /// Names of nodes, each with a host that its certificate may be for.
    alternates: Vec<(String, String)>,
}

impl CertificateName {
    /// Creates an authenticator without alternate names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also admits the node `name` with a certificate for `host`, while a grid is renamed. Can be called several times.
    #[must_use]
    pub fn alternate_name(mut self, name: impl Into<String>, host: impl Into<String>) -> Self {
        self.alternates.push((name.into(), host.into()));
        self
    }

    fn judge(
        &self,
        name: Option<&str>,
        certificate: Option<&PeerCertificate>,
    ) -> Result<Identity, Denied> {
        let Some(certificate) = certificate else {
            return Err(Denied::new(
                "the connection has no client certificate: TLS must ask for one, and an HTTP server must pass it on as \
                `grid::PeerCertificate`",
            ));
        };
        // The upgrade request states no name yet.
        let Some(name) = name else { return Ok(Identity::unproven(&certificate.names())) };
        if is_guest_name(name) {
            return Ok(Identity::unproven(&certificate.names()));
        }
        let alternates =
            self.alternates.iter().filter(|(of, _)| of == name).map(|(_, host)| &**host);
        let mut hosts = [host_of(name)].into_iter().chain(alternates);
        if hosts.any(|host| certificate.is_for_host(host))
            || certificate.uri_names().iter().any(|uri| uri == name)
        {
            return Ok(Identity::of_node(name).with_subject(&certificate.names()));
        }
        let names = certificate.names();
        Err(Denied::new(one_line(&format!("the certificate is for {names}, and not for {name}"))))
    }
}

impl Authenticate for CertificateName {
    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async { Ok(Token::new("")) })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let judged = self.judge(claim.name, claim.certificate);
        Box::pin(async { judged })
    }

    fn verify<'a>(&'a self, answer: Answer<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let judged = match answer.certificate {
            Some(own) => Ok(Identity::of_node(answer.peer).with_subject(&own.names())),
            None => Err(Denied::new(
                "the connection is without TLS, so the listener has proven no name: `CertificateName` needs names that \
                begin with https://",
            )),
        };
        Box::pin(async { judged })
    }
}
