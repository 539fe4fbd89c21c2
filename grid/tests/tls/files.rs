//! Each wrong file is named when a node is built, with what is wrong with it.

use std::sync::Arc;
use std::time::Duration;

use grid::rustls::{ClientConfig, RootCertStore, crypto::ring};
use grid::{BuildError, Manager, Tls, TlsError};
use tracing::Level;

use crate::log::Lines;
use crate::network::World;
use crate::pki::{Ca, Stated};

const NODE: &str = "https://a:1";

fn refused(tls: Tls) -> TlsError {
    match Manager::builder(NODE).tls(tls).build() {
        Err(BuildError::Tls(error)) => {
            println!("{error}");
            error
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn wrong_files_are_named_with_the_reason() {
    let world = World::new("files");
    let folder = &world.folder;
    let path = |name: &str| folder.path(name);
    let (ca, certificate, key) = (path("ca.pem"), path("a.pem"), path("a.key"));
    Manager::builder(NODE).tls(Tls::mutual(&ca, &certificate, &key)).build().unwrap();

    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (name, content) in [
        ("empty", ""),
        ("text", "hello"),
        ("endless", "-----BEGIN CERTIFICATE-----\nAAAA\n"),
        ("base64", "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n"),
        ("zeros", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("encrypted", encrypted),
        ("crl", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"),
        ("badkey", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    ] {
        folder.write(name, content);
    }
    folder.pair("other", &Ca::new("x").sign("a"));
    for (name, valid) in [("old", (2001, 2002)), ("early", (2098, 2099))] {
        folder.pair(name, &world.ca.sign_as(Stated { valid, ..Stated::host("a") }));
    }
    #[cfg(unix)]
    assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    std::fs::create_dir(path("folder")).unwrap();
    let server = |certificate: &str, key: &str| Tls::server(path(certificate), path(key)).ca(&ca);
    for (tls, file, text) in [
        (server("none", "a.key"), "none", "cannot read the TLS file"),
        (server("a.pem", "none"), "none", "cannot read the TLS file"),
        (Tls::with_ca(path("none")), "none", "cannot read the TLS file"),
        (Tls::with_ca(&ca).crl(path("none")), "none", "cannot read the TLS file"),
        // Reading these would never end.
        #[cfg(unix)]
        (server("pipe", "a.key"), "pipe", "it is a pipe or a device, and not a file"),
        #[cfg(unix)]
        (server("a.pem", "/dev/zero"), "/dev/zero", "it is a pipe or a device, and not a file"),
        (server("folder", "a.key"), "folder", "it is a directory, and not a file"),
        (
            server("empty", "a.key"),
            "empty",
            "contains no certificate (`BEGIN CERTIFICATE`), but nothing",
        ),
        (server("text", "a.key"), "text", "but no PEM block at all"),
        (
            server("a.key", "a.key"),
            "a.key",
            "contains no certificate (`BEGIN CERTIFICATE`), but `BEGIN PRIVATE KEY`",
        ),
        (
            server("a.pem", "a.pem"),
            "a.pem",
            "contains no private key (`BEGIN PRIVATE KEY`), but `BEGIN CERTIFICATE`",
        ),
        (
            server("a.pem", "encrypted"),
            "encrypted",
            "but a key with a passphrase, which cannot be used",
        ),
        (Tls::with_ca(path("a.key")), "a.key", "contains no certificate"),
        (Tls::with_ca(&ca).crl(&certificate), "a.pem", "contains no certificate revocation list"),
        (server("endless", "a.key"), "endless", "a PEM block has no end"),
        (server("base64", "a.key"), "base64", "a PEM block is not valid Base64"),
        (server("zeros", "a.key"), "zeros", "not an X.509 certificate in DER"),
        (Tls::with_ca(path("zeros")), "zeros", "a CA certificate cannot be read"),
        (Tls::with_ca(&ca).crl(path("crl")), "crl", "a certificate revocation list cannot be read"),
        (server("a.pem", "badkey"), "badkey", "bad TLS file"),
        (server("a.pem", "other.key"), "other.key", "does not belong to the certificate in"),
        (
            server("old.pem", "old.key"),
            "old.pem",
            "has expired: it was valid until 2002-01-01T00:00:00Z",
        ),
        (server("early.pem", "early.key"), "early.pem", "it is valid from 2098-01-01T00:00:00Z on"),
        (
            Tls::with_ca(&ca).client_certificate(&certificate, path("other.key")),
            "other.key",
            "does not belong",
        ),
    ] {
        let error = refused(tls).to_string();
        let file = path(file).display().to_string();
        assert!(error.contains(&file) && error.contains(text), "{file}: {text}: {error}");
    }
}

#[tokio::test]
async fn settings_that_do_not_fit_together_are_refused() {
    let world = World::new("settings");
    let ca = world.folder.path("ca.pem");
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let whole = || Tls::with_configs(Arc::new(config.clone()), None);
    Manager::builder(NODE).tls(whole()).build().unwrap();
    for (tls, text) in [
        (whole().ca(&ca), "nothing else can be set"),
        (whole().alternate_name("x"), "nothing else can be set"),
        (whole().provider(provider), "nothing else can be set"),
        (Tls::with_ca(&ca).client_ca(&ca), "needs `Tls::certificate`"),
        (Tls::with_ca(&ca).reload_interval(Duration::ZERO), "`Tls::reload_interval` must be"),
        (Tls::with_ca(&ca).reload_interval(Duration::MAX), "`Tls::reload_interval` must be"),
    ] {
        let error = refused(tls);
        assert!(matches!(error, TlsError::Settings { .. }), "{error:?}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn what_is_probably_a_mistake_is_logged() {
    let world = World::new("mistakes");
    let warnings = |name: &str, tls: Tls| {
        let (lines, _guard) = Lines::collect();
        Manager::builder(name).tls(tls).build().unwrap();
        lines.with(Level::WARN, "")
    };
    assert!(warnings("https://a:1", world.server("a")).is_empty());
    let of_another = warnings("https://a:1", world.server("b"));
    assert!(
        of_another.len() == 1 && of_another[0].contains("is not for its name"),
        "{of_another:?}"
    );
    assert!(warnings("https://a:1", world.server("b").alternate_name("b")).is_empty());
    let plain = warnings("http://a:1", world.server("a"));
    assert!(plain.len() == 1 && plain[0].contains("it listens without TLS"), "{plain:?}");
}

#[tokio::test]
async fn nodes_with_https_names_need_tls() {
    let names: Vec<_> = (1..100).map(|n| format!("https://node{n}:9000")).collect();
    let error = Manager::builder(&names[0]).hosts(&names).token(grid::NoAuth).build().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("has no TLS: add `.tls(…)` to the builder (feature `tls`)"), "{text}");
    let world = World::new("https");
    Manager::builder(&names[0])
        .hosts(&names)
        .token(grid::NoAuth)
        .tls(world.client())
        .build()
        .unwrap();
}
