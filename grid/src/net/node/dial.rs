//! How byte streams to other nodes are opened.

use std::pin::Pin;

use tokio::net::{TcpStream, lookup_host};

use super::name::Name;
use crate::error::LinkError;
use crate::net::transport::{Io, tune};

/// The future that [`Dial::dial`] returns.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Io>, LinkError>> + Send + 'a>>;

/// Opens byte streams to other nodes. The default is plain TCP. [`Builder::dial_with`](crate::Builder::dial_with)
/// replaces it, for example by TLS.
pub trait Dial: Send + Sync + 'static {
    /// Connects to the node with this name, a URL such as `http://node1:9000`.
    ///
    /// # Errors
    /// A [`LinkError`] if it cannot connect, created by [`LinkError::resolve`], [`LinkError::connect`] or
    /// [`LinkError::tls`]. `?` on an [`io::Error`](std::io::Error) is the same as `LinkError::connect`.
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a>;
}

/// Dials over TCP.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TcpDial;

impl Dial for TcpDial {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            let name = Name::parse(name).map_err(LinkError::resolve)?;
            if name.is_secure() {
                return Err(LinkError::tls(
                    "TLS is not built in: pass a TLS dialer to `Builder::dial_with`",
                ));
            }
            let addresses = lookup_host((name.host(), name.port())).await;
            let addresses: Vec<_> = addresses.map_err(LinkError::resolve)?.collect();
            let stream = TcpStream::connect(&*addresses).await?;
            tune(&stream)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}
