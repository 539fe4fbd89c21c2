//! [`Authenticate`]: the trait of authenticators, and what its methods are given and return.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use super::identity::Identity;
use crate::certificate::PeerCertificate;
use crate::entropy;

/// Maximum length of what [`Authenticate::prove`] returns, in bytes. It has room for a signature with a few certificates
/// of elliptic keys.
pub const PROOF_BYTES_MAX: usize = 4096;

/// The future that methods of [`Authenticate`] return.
pub type Authenticating<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The future of [`Authenticate::token`].
pub type TokenFuture<'a> = Authenticating<'a, Result<Token, Box<dyn Error + Send + Sync>>>;

/// Sends and checks the tokens of a grid.
///
/// All nodes of a grid need authenticators that accept each other's tokens. Of each connection, the dialer sends a
/// [`token`](Self::token), and the listener [checks](Self::check) it. If the listener can also
/// [prove](Self::prove) itself, the dialer [verifies](Self::verify) that. Both methods are optional: the default is that a
/// listener proves nothing.
///
/// The token is sent in the upgrade request and again in the handshake. It is not encrypted unless the dialer uses TLS.
///
/// The methods may block and panic: that harms only the connection that they are called for. Each call is limited by
/// [`Config::connect_timeout`](crate::Config::connect_timeout).
///
/// What else is known of the holder of a token is left for handlers with [`Identity::with_details`]:
///
/// ```
/// use grid::{Ask, Authenticate, Authenticating, Claim, Context, Denied, Identity, TokenFuture};
///
/// #[derive(Clone, Copy, PartialEq)]
/// enum Role {
///     Reader,
///     Writer,
/// }
///
/// /// A token per node, and what the node may do.
/// struct PerNode(std::collections::HashMap<String, (String, Role)>);
///
/// impl Authenticate for PerNode {
///     fn token<'a>(&'a self, ask: Ask<'a>) -> TokenFuture<'a> {
///         let token = self.0.get(ask.local).map(|(token, _)| token.clone());
///         Box::pin(async { Ok(token.ok_or("no token")?.into()) })
///     }
///
///     fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
///         let owner = self.0.iter().find(|(_, (token, _))| *token == claim.token);
///         Box::pin(async move {
///             let (name, (_, role)) = owner.ok_or_else(|| Denied::new("invalid token"))?;
///             // The node that states another name is refused.
///             Ok(Identity::of_node(name).with_details(*role))
///         })
///     }
/// }
///
/// /// For handlers: whether the caller may write.
/// fn may_write(cx: &Context) -> bool {
///     cx.identity().details() == Some(&Role::Writer)
/// }
/// ```
pub trait Authenticate: Send + Sync + 'static {
    /// The token that this node sends when it dials a peer: printable ASCII that does not end with a space, because it is
    /// sent in an HTTP header. Called once per attempt to connect.
    ///
    /// # Errors
    /// Why there is no token. The peer is dialed again later. The error becomes the source of
    /// [`LinkError::Token`](crate::LinkError::Token).
    fn token<'a>(&'a self, ask: Ask<'a>) -> TokenFuture<'a>;

    /// Checks a node that has dialed this one, and returns what its token proves. Called twice per connection: for the
    /// upgrade request, which states no name, and for the handshake, which states one. A token that can be used once must
    /// be used up by the latter.
    ///
    /// If the identity has a [name](Identity::name), a dialer that states another one is refused. If it has none, the
    /// dialer is believed, unless a connection that has proven the name is up.
    ///
    /// # Errors
    /// [`Denied`] with a reason, which is sent to the dialer.
    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>>;

    /// Checks, when a node is built, what can be checked then. Default: nothing.
    ///
    /// # Errors
    /// What is wrong. [`Builder::build`](crate::Builder::build) fails with it.
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Proves to a dialer that this node, the listener, may have its name: at most [`PROOF_BYTES_MAX`] bytes, such as a MAC
    /// over what is in the dialer's token. A longer one is not sent. Default: no proof.
    ///
    /// It is sent with the answer of the handshake, also with a refusal, if both nodes have the extension `proof`. So this
    /// is called before [`check`](Self::check), and must return nothing for a token that this authenticator cannot tell
    /// from one of a stranger.
    fn prove<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Option<Vec<u8>>> {
        let _ = claim;
        Box::pin(async { None })
    }

    /// Checks the proof of a listener that this node has dialed, and returns what it proves. Default: the listener is
    /// believed without a proof.
    ///
    /// # Errors
    /// [`Denied`] with the reason why the listener is not believed, nor its reason if it has refused this node. The
    /// connection fails with [`LinkError::Unproven`](crate::LinkError::Unproven).
    fn verify<'a>(&'a self, answer: Answer<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let _ = answer;
        Box::pin(async { Ok(Identity::unproven("a listener without proof")) })
    }
}

/// A token, which is a secret: [`Debug`](fmt::Debug) omits it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Creates a token with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What a token is needed for, for [`Authenticate::token`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Ask<'a> {
    /// The name of this node, the dialer.
    pub local: &'a str,
    /// The name of the node that is dialed.
    pub peer: &'a str,
    /// The time of this node's clock, at which the token is made.
    pub now: SystemTime,
}

impl<'a> Ask<'a> {
    /// Creates a question for a token that is made now, for tests of an authenticator.
    pub fn new(local: &'a str, peer: &'a str) -> Self {
        Self { local, peer, now: entropy::time_of_day() }
    }
}

/// What a dialer sent about itself, for [`Authenticate::check`] and [`Authenticate::prove`].
///
/// ```
/// use grid::{Authenticate, Claim, Denied, Identity};
///
/// fn check(claim: &Claim<'_>) -> Result<Identity, Denied> {
///     match (claim.name, claim.token) {
///         (Some(name), "open sesame") => Ok(Identity::of_node(name)),
///         _ => Err(Denied::new("say the words")),
///     }
/// }
/// # let _ = check;
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Claim<'a> {
    /// The name of this node, the listener.
    pub local: &'a str,
    /// The name that the dialer sent; `None` for the upgrade request.
    pub name: Option<&'a str>,
    /// The token that the dialer sent; empty if it sent none.
    pub token: &'a str,
    /// The address of the dialer, if the listener knows it.
    pub address: Option<SocketAddr>,
    /// The time of the dialer's clock, if it sent one.
    pub time: Option<SystemTime>,
    /// The time of this node's clock.
    pub now: SystemTime,
    /// How far the two clocks may differ: [`Config::clock_skew_max`](crate::Config::clock_skew_max).
    pub skew_max: Duration,
    /// The client certificate of the dialer, if TLS has verified one.
    pub certificate: Option<&'a PeerCertificate>,
}

impl<'a> Claim<'a> {
    /// Creates a claim with only this token, made now, for tests of an authenticator. The listener has no name, and the
    /// clocks may differ by 5 minutes.
    pub fn new(token: &'a str) -> Self {
        Self {
            local: "",
            name: None,
            token,
            address: None,
            time: None,
            now: entropy::time_of_day(),
            skew_max: Duration::from_secs(5 * 60),
            certificate: None,
        }
    }

    /// Sets the name that the dialer states.
    #[must_use]
    pub fn with_name(self, name: &'a str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// Sets the name of the listener.
    #[must_use]
    pub fn with_local(self, local: &'a str) -> Self {
        Self { local, ..self }
    }

    /// Sets the client certificate.
    #[must_use]
    pub fn with_certificate(self, certificate: &'a PeerCertificate) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    /// Sets the time of the listener's clock.
    #[must_use]
    pub fn with_now(self, now: SystemTime) -> Self {
        Self { now, ..self }
    }
}

/// Omits the token, which must not be logged.
impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("local", &self.local)
            .field("name", &self.name)
            .field("address", &self.address)
            .field("time", &self.time)
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// What a listener answered to a token of this node, for [`Authenticate::verify`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// The name of this node, the dialer.
    pub local: &'a str,
    /// The name of the node that this node has dialed.
    pub peer: &'a str,
    /// The name that the listener states. If it is another one than `peer`, the connection fails with
    /// [`LinkError::WrongNode`](crate::LinkError::WrongNode) once the listener is believed.
    pub answered: &'a str,
    /// The token that this node has sent.
    pub token: &'a str,
    /// What the listener's [`Authenticate::prove`] has returned, if it has sent that.
    pub proof: Option<&'a [u8]>,
    /// The certificate of the listener, which TLS has verified against the name that was dialed. `None` without TLS.
    pub certificate: Option<&'a PeerCertificate>,
}

impl<'a> Answer<'a> {
    /// Creates an answer of the dialed node to a token that was made for `ask`, for tests of an authenticator.
    pub fn new(ask: Ask<'a>, token: &'a str, proof: Option<&'a [u8]>) -> Self {
        let Ask { local, peer, .. } = ask;
        Self { local, peer, answered: peer, token, proof, certificate: None }
    }

    /// Sets the certificate of the listener.
    #[must_use]
    pub fn with_certificate(self, certificate: &'a PeerCertificate) -> Self {
        Self { certificate: Some(certificate), ..self }
    }
}

/// Omits token and proof, which must not be logged.
impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .field("answered", &self.answered)
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// A node or a call is not permitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Denied(String);

impl Denied {
    /// Creates a refusal with this reason. It is sent to the other node, so it must not reveal a secret.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
