//! What has gone wrong with TLS, in words that name the cause and the node that has to be corrected.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible,
};

use crate::error::{LinkError, Utc, one_line};

/// Which side of a connection this node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Dialer,
    Listener,
}

impl Side {
    /// The other side.
    fn peer(self) -> &'static str {
        match self {
            Self::Dialer => "listener",
            Self::Listener => "dialer",
        }
    }
}

/// Why a handshake has failed.
pub(super) fn of_handshake(side: Side, error: &io::Error) -> LinkError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let peer = side.peer();
    let text = match (of_library(side, error), error.kind()) {
        (Some(text), _) => text,
        (None, UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe) => {
            let hint = match side {
                Side::Dialer => ": does it speak TLS? Its log may say why",
                Side::Listener => "",
            };
            format!("the {peer} closed the connection during the TLS handshake{hint}")
        }
        (None, _) => format!("the connection failed during the TLS handshake: {error}"),
    };
    LinkError::tls(text)
}

/// The text for an error of the TLS library; `None` if it is one of the byte stream.
pub(super) fn of_library(side: Side, error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(one_line(&of_error(side, error)))
}

fn of_error(side: Side, error: &Error) -> String {
    let peer = side.peer();
    match error {
        Error::InvalidCertificate(error) => {
            format!("the {peer}'s certificate {}", of_certificate(side, error))
        }
        Error::InvalidCertRevocationList(error) => {
            format!("the revocation list for the {peer}'s certificate cannot be used: {error:?}")
        }
        Error::NoCertificatesPresented => {
            "the dialer has no client certificate, which this node requires".to_owned()
        }
        Error::AlertReceived(alert) => of_alert(side, *alert),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            format!("the {peer} speaks something else than TLS, probably plain HTTP")
        }
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => format!("the {peer} supports no TLS version that this node supports"),
        error => format!("the TLS handshake with the {peer} failed: {error}"),
    }
}

/// Completes "the certificate …".
fn of_certificate(side: Side, error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::ExpiredContext { time, not_after } => {
            let (until, now) = (utc(*not_after), utc(*time));
            format!("has expired: it was valid until {until}, and this node's clock is at {now}")
        }
        E::NotValidYetContext { time, not_before } => {
            let (from, now) = (utc(*not_before), utc(*time));
            format!(
                "is not valid yet: it is valid from {from} on, and this node's clock is at {now}"
            )
        }
        E::NotValidForNameContext { expected, presented } => {
            let (expected, presented) = (expected.to_str(), presented.join(", "));
            format!("is not for {expected}, but for {presented}")
        }
        E::UnknownIssuer => "is signed by no CA that this node trusts".to_owned(),
        E::Revoked => "is revoked".to_owned(),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            let purpose = match side {
                Side::Dialer => "servers",
                Side::Listener => "clients",
            };
            format!("is not for TLS {purpose}, by its extended key usage")
        }
        error => format!("is invalid: {error}"),
    }
}

/// What the other side has said before it ended the connection.
fn of_alert(side: Side, alert: AlertDescription) -> String {
    use AlertDescription as A;
    let peer = side.peer();
    let cause = match alert {
        A::CertificateRequired => {
            return format!(
                "the {peer} requires a client certificate, and this node has none for it: see `Tls::client_certificate`"
            );
        }
        A::CertificateExpired => "it has expired, or is not valid yet by the peer's clock",
        A::CertificateRevoked => "it is revoked",
        A::UnknownCA => "it is signed by no CA that the peer trusts",
        A::BadCertificate => "it is not for the name that the peer expects, or malformed",
        A::UnsupportedCertificate => "it is not for this use, by its extended key usage",
        A::CertificateUnknown | A::AccessDenied => "the log of the peer may say why",
        A::ProtocolVersion => {
            return format!("the {peer} supports no TLS version that this node supports");
        }
        A::HandshakeFailure | A::InsufficientSecurity => {
            return format!(
                "the {peer} found no cipher suite, key exchange or certificate that both nodes accept"
            );
        }
        A::UnrecognisedName => {
            return format!("the {peer} has no certificate for the name that this node dials");
        }
        alert => return format!("the {peer} ended TLS with the alert {alert:?}"),
    };
    format!("the peer refused this node's certificate: {cause}")
}

fn utc(time: UnixTime) -> String {
    // A time beyond the range of the clock is far away in any case.
    let moment = UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
    moment.map_or_else(|| "a time out of range".to_owned(), |moment| Utc(moment).to_string())
}
