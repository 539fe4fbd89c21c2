//! [`Reloading`]: the TLS of a node. It performs the handshakes, and reads the files again when they change.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::BufReader;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::error::TlsError;
use super::files::Files;
use super::load::{Loaded, check, check_validity};
use super::settings::Tls;
use super::stream::{TlsIo, end};
use super::texts::{Side, of_handshake};
use crate::certificate::{PeerCertificate, host_of};
use crate::error::LinkError;
use crate::net::catch::log;
use crate::net::transport::{Io, Secured, Securing, Security, TLS_READ_BYTES};
use crate::proto::is_guest_name;

/// See the module.
pub(in crate::net) struct Reloading {
    /// The name of the node.
    local: Arc<str>,
    tls: Arc<Tls>,
    current: Mutex<Arc<Loaded>>,
}

impl Reloading {
    /// Reads the files for the first time.
    pub(in crate::net) fn load(local: &str, tls: Tls) -> Result<Self, TlsError> {
        check(&tls)?;
        let files = Files::read(tls.files())?;
        check_validity(&tls, &files)?;
        let loaded = Loaded::new(&tls, &files)?;
        warn_of(local, &tls, &loaded);
        let current = Mutex::new(Arc::new(loaded));
        Ok(Self { local: local.into(), tls: Arc::new(tls), current })
    }

    fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Performs the handshake of the dialing side with this host.
    pub(in crate::net) async fn connect(
        &self,
        host: &str,
        stream: Box<dyn Io>,
    ) -> Result<Secured, LinkError> {
        let name = ServerName::try_from(host.trim_end_matches('.').to_owned())
            .map_err(|_| LinkError::tls(format!("no certificate can be for the host {host:?}")))?;
        let connector = TlsConnector::from(Arc::clone(&self.current().client));
        let stream = BufReader::with_capacity(TLS_READ_BYTES, stream);
        match connector.connect(name, stream).into_fallible().await {
            Ok(stream) => {
                let certificate = certificate(stream.get_ref().1.peer_certificates());
                Ok((Box::new(TlsIo::new(stream, Side::Dialer)), certificate))
            }
            Err((error, stream)) => {
                // In the background: the next attempt is a second later at the earliest, and this one has ended.
                tokio::spawn(end(stream));
                Err(of_handshake(Side::Dialer, &error))
            }
        }
    }

    /// Reads the files, and uses them from now on if they have changed.
    async fn reload(&self) -> Result<bool, TlsError> {
        let (tls, known) = (Arc::clone(&self.tls), self.current().fingerprint);
        // Files can be on a slow disk.
        let loaded = tokio::task::spawn_blocking(move || {
            let files = Files::read(tls.files())?;
            if files.fingerprint() == known {
                return Ok(None);
            }
            let loaded = Loaded::new(&tls, &files)?;
            // Not an error: a new revocation list must count although the node's own certificate was not renewed.
            let invalid = check_validity(&tls, &files).err();
            Ok(Some((loaded, invalid)))
        });
        // The runtime ends.
        let Ok(loaded) = loaded.await else { return Ok(false) };
        let Some((loaded, invalid)) = loaded? else { return Ok(false) };
        warn_of_name(&self.local, &self.tls, &loaded);
        if let Some(reason) = invalid {
            log!(warn, local = %self.local, %reason, "other nodes refuse the certificate of this node");
        }
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(true)
    }

    async fn watch(&self) {
        let local = &*self.local;
        // The error of the last attempt, and whether it was logged. Files may be replaced one after the other, so an error
        // counts only if it is still there at the next attempt.
        let mut failed: Option<(TlsError, bool)> = None;
        loop {
            tokio::time::sleep(self.tls.reload_interval).await;
            match (self.reload().await, &mut failed) {
                (Ok(reloaded), _) => {
                    failed = None;
                    if reloaded {
                        log!(
                            info,
                            local,
                            "the TLS files have changed, and new connections use them"
                        );
                    }
                }
                (Err(error), Some((known, is_logged))) if error == *known => {
                    if !std::mem::replace(is_logged, true) {
                        log!(
                            warn, local, reason = %error,
                            "cannot use the changed TLS files: new connections use the previous ones"
                        );
                    }
                }
                (Err(error), _) => failed = Some((error, false)),
            }
        }
    }
}

impl Security for Reloading {
    fn can_listen(&self) -> bool {
        self.current().server.is_some()
    }

    fn accept(&self, stream: Box<dyn Io>, limit: Duration) -> Securing<'_> {
        Box::pin(async move {
            let Some(server) = self.current().server.clone() else {
                return Err(LinkError::tls("this node has no certificate to listen with"));
            };
            let handshake = TlsAcceptor::from(server).accept(stream).into_fallible();
            let late = LinkError::TimedOut {
                step: "no TLS handshake",
                limit,
                setting: Some("connect_timeout"),
            };
            match tokio::time::timeout(limit, handshake).await.map_err(|_| late)? {
                Ok(stream) => {
                    let certificate = certificate(stream.get_ref().1.peer_certificates());
                    let stream = TlsIo::new(stream, Side::Listener);
                    Ok((Box::new(stream) as Box<dyn Io>, certificate))
                }
                Err((error, stream)) => {
                    // Here and not in a task, so that strangers whose handshakes fail are counted until they are closed.
                    end(stream).await;
                    Err(of_handshake(Side::Listener, &error))
                }
            }
        })
    }

    fn watch(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            // Whole configurations have no files.
            if self.tls.files().next().is_some() {
                Self::watch(self).await;
            }
            std::future::pending().await
        })
    }
}

/// The certificate that the other side has shown.
fn certificate(chain: Option<&[CertificateDer<'static>]>) -> Option<PeerCertificate> {
    let chain = chain?.iter().map(|certificate| certificate.to_vec()).collect();
    // A certificate that this crate cannot read counts as none, so authenticators refuse it.
    PeerCertificate::from_chain(chain).ok()
}

/// Logs what is probably a mistake.
fn warn_of(local: &str, tls: &Tls, loaded: &Loaded) {
    // A guest has a random name, and does not listen.
    if loaded.server.is_some()
        && !is_guest_name(local)
        && !["https://", "wss://"].iter().any(|scheme| local.starts_with(scheme))
    {
        log!(
            warn,
            local,
            "the node has a TLS certificate, and its name begins with http://: it listens without TLS"
        );
    }
    warn_of_name(local, tls, loaded);
}

/// Logs that other nodes will refuse the certificate of this node. No name is compared with that of a guest.
fn warn_of_name(local: &str, tls: &Tls, loaded: &Loaded) {
    if let Some(own) = &loaded.own
        && !is_guest_name(local)
        && !own.is_for_host(host_of(local))
        && !tls.alternates_of(host_of(local)).any(|host| own.is_for_host(host))
    {
        let names = own.names();
        log!(warn, local, names, "the TLS certificate of this node is not for its name");
    }
}
