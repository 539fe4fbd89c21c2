//! Verifies the certificates of listeners, which may be for an alternate name.

use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::settings::{Alternate, alternates_of};
use crate::certificate::PeerCertificate;

/// See the module. All but the name is left to the library.
#[derive(Debug)]
pub(super) struct WithAlternates {
    pub(super) inner: Arc<WebPkiServerVerifier>,
    pub(super) alternates: Vec<Alternate>,
}

impl ServerCertVerifier for WithAlternates {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |name: &ServerName<'_>| {
            self.inner.verify_server_cert(own, intermediates, name, ocsp, now)
        };
        // The name is checked last, so everything else is right if it is wrong.
        let expected = match verify(name) {
            Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext {
                expected,
                ..
            })) => expected,
            other => return other,
        };
        for host in alternates_of(&self.alternates, &name.to_str()) {
            if let Ok(alternate) = ServerName::try_from(host)
                && let Ok(verified) = verify(&alternate)
            {
                return Ok(verified);
            }
        }
        // The library's list has the form of its own types.
        let names = PeerCertificate::from_chain(vec![own.to_vec()]).map(|own| own.names());
        let presented = vec![names.unwrap_or_default()];
        Err(CertificateError::NotValidForNameContext { expected, presented }.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, own, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, own, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
