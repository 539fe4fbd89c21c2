//! How byte streams to other nodes are opened.

use std::pin::Pin;

use tokio::net::{TcpStream, lookup_host};

use super::name::Name;
use crate::error::LinkError;
use crate::net::transport::{Io, tune};

/// The future that [`Dial::dial`] returns.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Io>, LinkError>> + Send + 'a>>;

/// Opens byte streams to other nodes. Plain TCP by default; TLS or anything else can replace it with
/// [`Builder::dial_with`](crate::Builder::dial_with).
pub trait Dial: Send + Sync + 'static {
    /// Connects to the node with this name, a URL such as `http://node1:9000`.
    ///
    /// # Errors
    /// Why it cannot connect. [`LinkError::resolve`], [`LinkError::connect`] and [`LinkError::tls`] make such an error, and
    /// `?` on an [`io::Error`](std::io::Error) makes the second one.
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
                    "TLS is not built in: pass a dialer that speaks it to `Builder::dial_with`",
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
