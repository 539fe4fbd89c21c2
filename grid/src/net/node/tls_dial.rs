//! The dialing side of a node with TLS.

use std::sync::Arc;

use super::dial::{Dial, Dialing, DialingCertified, TcpDial};
use super::name::Name;
use crate::error::LinkError;
use crate::net::tls::{Reloading, Tls, TlsError};
use crate::net::transport::{Io, Security};

/// The dialer of a node, and its TLS.
pub(super) type Secured = (Option<Arc<dyn Dial>>, Option<Arc<dyn Security>>);

/// Loads the files of TLS. `dial` is the user's dialer, which does TLS itself; `below` opens the byte streams below TLS.
pub(super) fn secured(
    name: &str,
    dial: Option<Arc<dyn Dial>>,
    tls: Option<Tls>,
    below: Option<Arc<dyn Dial>>,
) -> Result<Secured, TlsError> {
    let Some(tls) = tls else { return Ok((dial, None)) };
    let loaded = Arc::new(Reloading::load(name, tls)?);
    let dial = dial.unwrap_or_else(|| {
        let tls = Arc::clone(&loaded);
        Arc::new(TlsDial { tls, below, tcp: TcpDial::default() })
    });
    Ok((Some(dial), Some(loaded)))
}

/// Dials names that begin with `https://` with TLS, and others without.
struct TlsDial {
    tls: Arc<Reloading>,
    /// Opens the byte streams below TLS; `None`: TCP.
    below: Option<Arc<dyn Dial>>,
    tcp: TcpDial,
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
