//! [`Listen`]: accepts byte streams from other nodes.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::certificate::PeerCertificate;
use crate::net::transport::{Io, tune};

/// Accepts byte streams from other nodes, for [`Manager::serve`](crate::Manager::serve): a `tokio::net::TcpListener`,
/// or your own listener.
///
/// A node with a TLS certificate (feature `tls`) performs the TLS handshake on the streams of a `TcpListener`, and on those
/// of other listeners that are marked with [`Accepted::before_tls`].
pub trait Listen: Send + 'static {
    /// The address, for logs.
    ///
    /// # Errors
    /// An error if the listener cannot be used. [`Manager::serve`](crate::Manager::serve) returns it.
    fn local_addr(&self) -> io::Result<String>;

    /// Waits for the next byte stream.
    ///
    /// # Errors
    /// An error if no stream could be accepted. It is logged, and `accept` is called again: at once if the error
    /// concerns one connection (refused, aborted, reset), otherwise after a pause. A panic counts as an error.
    ///
    /// # Cancel safety
    /// Must be cancel safe: no connection may be lost when the future is dropped.
    fn accept(&mut self) -> impl Future<Output = io::Result<Accepted>> + Send;
}

impl Listen for TcpListener {
    fn local_addr(&self) -> io::Result<String> {
        Self::local_addr(self).map(|address| address.to_string())
    }

    async fn accept(&mut self) -> io::Result<Accepted> {
        let (stream, address) = Self::accept(self).await?;
        // A socket that is gone already fails in its handshake, which affects no other.
        let _ = tune(&stream);
        Ok(Accepted::new(stream).with_address(address).before_tls())
    }
}

/// A byte stream that another node has opened, after the TLS handshake if there is one, unless it is marked with
/// [`before_tls`](Self::before_tls).
pub struct Accepted {
    pub(super) stream: Box<dyn Io>,
    pub(super) address: Option<SocketAddr>,
    pub(super) certificate: Option<PeerCertificate>,
    /// The TLS handshake is left to the node, if it has a certificate.
    pub(super) is_before_tls: bool,
}

impl Accepted {
    /// Creates an accepted stream with an unknown address.
    pub fn new(stream: impl Io + 'static) -> Self {
        Self { stream: Box::new(stream), address: None, certificate: None, is_before_tls: false }
    }

    /// Sets the address, for logs and for [`Claim::address`](crate::Claim::address).
    #[must_use]
    pub fn with_address(self, address: SocketAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// Sets the client certificate that your own TLS has verified, for
    /// [`Claim::certificate`](crate::Claim::certificate) and [`Context::certificate`](crate::Context::certificate).
    #[must_use]
    pub fn with_certificate(self, certificate: PeerCertificate) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    /// Leaves the TLS handshake to the node. It performs one if its name begins with `https://` and it was built with
    /// `Builder::tls` and a certificate to listen with (feature `tls`); otherwise this has no effect.
    #[must_use]
    pub fn before_tls(self) -> Self {
        Self { is_before_tls: true, ..self }
    }
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepted").field("address", &self.address).finish_non_exhaustive()
    }
}
