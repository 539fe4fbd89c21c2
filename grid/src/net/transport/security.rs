//! [`Security`]: TLS for accepted byte streams, as the accepting side sees it. `net/tls/` implements it with the feature
//! `tls`; everything else works without.

use std::pin::Pin;
use std::time::Duration;

use super::Io;
use crate::certificate::PeerCertificate;
use crate::error::LinkError;

/// A byte stream after its TLS handshake, and the certificate of the peer if it has shown one.
pub(in crate::net) type Secured = (Box<dyn Io>, Option<PeerCertificate>);

/// The future of [`Security::accept`].
pub(in crate::net) type Securing<'a> =
    Pin<Box<dyn Future<Output = Result<Secured, LinkError>> + Send + 'a>>;

/// The TLS of one node.
pub(in crate::net) trait Security: Send + Sync {
    /// Whether this node has a certificate with which it can listen.
    fn can_listen(&self) -> bool;

    /// Performs the handshake of the listening side within this time. If it fails, the other side may take a moment more to
    /// read why.
    fn accept(&self, stream: Box<dyn Io>, limit: Duration) -> Securing<'_>;

    /// Reloads the files when they change. Never ends.
    fn watch(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}
