//! The certificate of servers with TLS, which this process has made for itself.

use std::sync::LazyLock;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};

/// A host for which the certificate is, besides the loopback address.
pub(super) const HOST: &str = "localhost";

static CERTIFIED: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(|| {
    let names = [HOST, "127.0.0.1"].map(str::to_owned);
    generate_simple_self_signed(names).expect("the names are valid")
});

/// The certificate as PEM, which is also the CA that clients trust.
pub(super) fn certificate() -> String {
    CERTIFIED.cert.pem()
}

/// Its key as PEM.
pub(super) fn key() -> String {
    CERTIFIED.signing_key.serialize_pem()
}
