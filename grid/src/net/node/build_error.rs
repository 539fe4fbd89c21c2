//! [`BuildError`]: why a node could not be started.

use super::name::NameError;
use crate::error::did_you_mean;
use crate::net::serve::registry::RegisterError;

/// Why a node could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A name is not a URL that consists of scheme, host and port.
    #[error(transparent)]
    BadName(#[from] NameError),
    /// A name is in the list more than once.
    #[error("{host} is in the host list twice")]
    #[non_exhaustive]
    HostTwice {
        /// The name.
        host: String,
    },
    /// Two names lead to the same host and port: they differ only in case, a default port, a dot at the end, or the scheme.
    #[error(
        "{one} and {other} are the same host and port: write the name in one way, on all nodes"
    )]
    #[non_exhaustive]
    SameHost {
        /// The name that comes first.
        one: String,
        /// The other name.
        other: String,
    },
    /// A name is the address `0.0.0.0` or `[::]`, on which a node can listen, and to which no node can connect.
    #[error("no node can connect to {host}: use the name or address that other nodes dial")]
    #[non_exhaustive]
    Unspecified {
        /// The name.
        host: String,
    },
    /// This node dials a name with `https://` or `wss://`, for which it needs TLS or a dialer.
    #[error(
        "this node dials {host}, and has no TLS: add `.tls(…)` to the builder (feature `tls`), pass a TLS dialer to `Builder::dial_with`, or use http://"
    )]
    #[non_exhaustive]
    NoTlsDialer {
        /// The name.
        host: String,
    },
    /// There are other nodes, and [`Builder::token`](crate::Builder::token) was not called.
    #[error(
        "who may connect? pass a `SharedSecret` to `Builder::token`, `CertificateName` with mutual TLS, or `NoAuth` to accept every node that states a name of the list"
    )]
    NoAuthenticator,
    /// TLS cannot be set up.
    #[cfg(feature = "tls-no-provider")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[error(transparent)]
    Tls(#[from] crate::net::tls::TlsError),
    /// The authenticator cannot work: see [`Authenticate::ready`](crate::Authenticate::ready).
    #[error("bad authenticator: {0}")]
    Auth(String),
    /// The node's own name is not in the list.
    #[error("{local} is not in its own host list ({}){}", hosts.join(", "), did_you_mean(.nearest.as_deref()))]
    #[non_exhaustive]
    LocalMissing {
        /// The node's name.
        local: String,
        /// The most similar name in the list, if one is similar.
        nearest: Option<String>,
        /// The list.
        hosts: Vec<String>,
    },
    /// No protocol extension has this name.
    #[error("there is no extension `{name}`, only {}", known.join(", "))]
    #[non_exhaustive]
    UnknownExtension {
        /// The name that was given.
        name: String,
        /// The known names.
        known: Vec<String>,
    },
    /// A Unix socket was set for a name that is not in the host list.
    #[error("a Unix socket is set for {host}, which is not in the host list{}", did_you_mean(.nearest.as_deref()))]
    #[non_exhaustive]
    UnixSocketHost {
        /// The name.
        host: String,
        /// The most similar name in the list, if one is similar.
        nearest: Option<String>,
    },
    /// Two handlers use the same id and subroute, or a handler has the id 0.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// A setting is out of range.
    #[error("bad configuration: {0}")]
    Config(String),
    /// `build` was called outside a tokio runtime.
    #[error("a node must be built inside a tokio runtime")]
    NoRuntime,
}
