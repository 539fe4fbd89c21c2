//! [`TlsDial`]: the dialer of a node with TLS.

use std::sync::Arc;

use super::dial::{Dial, Dialing, DialingCertified, TcpDial};
use super::name::Name;
use crate::error::LinkError;
use crate::net::tls::Reloading;
use crate::net::transport::Io;

/// Dials names that begin with `https://` with TLS, and others without.
pub(super) struct TlsDial {
    tls: Arc<Reloading>,
    /// Opens the byte streams below TLS; `None`: TCP.
    below: Option<Arc<dyn Dial>>,
    tcp: TcpDial,
}

impl TlsDial {
    pub(super) fn new(tls: Arc<Reloading>, below: Option<Arc<dyn Dial>>) -> Self {
        Self { tls, below, tcp: TcpDial::default() }
    }
}

impl Dial for TlsDial {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move { Ok(self.dial_certified(name).await?.0) })
    }

    fn dial_certified<'a>(&'a self, name: &'a str) -> DialingCertified<'a> {
        Box::pin(async move {
            let parsed = Name::parse(name).map_err(LinkError::resolve)?;
            let stream = match &self.below {
                Some(below) => below.dial(name).await?,
                None => Box::new(self.tcp.connect(parsed).await?) as Box<dyn Io>,
            };
            match parsed.is_secure() {
                true => self.tls.connect(parsed.host(), stream).await,
                false => Ok((stream, None)),
            }
        })
    }
}
