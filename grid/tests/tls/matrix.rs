//! What is right connects, and what is wrong is named at both ends.

use std::sync::Arc;
use std::time::Duration;

use grid::rustls::pki_types::pem::PemObject as _;
use grid::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use grid::rustls::{
    self, ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, crypto::ring,
    version,
};
use grid::{Dial, Dialing, Io, LinkError, Manager, State, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::time::sleep;
use tracing::Level;
use tracing::subscriber::DefaultGuard;

use crate::log::Lines;

use crate::network::{
    Route, World, apart, connected, hosts, listener, names, node, start, start_with,
};
use crate::pki::{Ca, Leaf, Stated};

/// Both nodes stay apart; checks what the dialer says, and the one line of the listener. `None`: the listener logs nothing.
async fn fails(
    case: &str,
    dialer: Tls,
    listening: Tls,
    at_dialer: &str,
    at_listener: Option<&str>,
) {
    let (dialing, _listening) = start_with(dialer, listening);
    let (dialed, refused) = apart(&dialing).await;
    println!("{case}\n  dialer:   {dialed}\n  listener: {}\n", refused.join("\n            "));
    assert!(dialed.contains(at_dialer), "{case}: {dialed}");
    match at_listener {
        Some(text) => {
            assert_eq!(refused.len(), 1, "{case}: {refused:#?}");
            assert!(refused[0].contains(text), "{case}: {refused:#?}");
        }
        None => assert!(refused.is_empty(), "{case}: {refused:#?}"),
    }
    let State::Error(reason) = dialing.connection(names().1).unwrap().state() else {
        panic!("{case}: no reason")
    };
    assert!(matches!(*reason, LinkError::Tls(_)), "{case}: {reason:?}");
}

#[tokio::test(start_paused = true)]
async fn right_certificates_connect() {
    let world = World::new("right");
    let (_, listening) = hosts();
    let (dialing, _node) = start_with(world.client(), world.server(listening));
    connected(&dialing).await;
    let (dialer, listening) = hosts();
    let (dialing, _node) = start_with(world.mutual(dialer), world.mutual(listening));
    connected(&dialing).await;
}

#[tokio::test(start_paused = true)]
async fn certificates_of_listeners_that_are_wrong() {
    let world = World::new("listeners");
    let (_, host) = hosts();
    let with = |name: &str, stated: Stated| {
        let (certificate, key) = world.folder.pair(name, &world.ca.sign_as(stated));
        Tls::server(certificate, key).ca(world.folder.path("ca.pem"))
    };
    let wrong_name = with("wrong-name", Stated::host("c.example"));
    let at_dialer = format!("the listener's certificate is not for {host}, but for c.example");
    let refused = "refused this node's certificate: it is not for the name";
    fails("wrong name", world.client(), wrong_name, &at_dialer, Some(refused)).await;

    let (dialing, _node) = start_with(
        world.client().alternate_name_of(names().1, "c.example"),
        with("alternate", Stated::host("c.example")),
    );
    connected(&dialing).await;
    let (dialing, _node) = start_with(
        world.client().alternate_name("c.example"),
        with("alternate", Stated::host("c.example")),
    );
    connected(&dialing).await;
    let other = world.client().alternate_name_of(names().0, "c.example");
    let wrong_name = with("alternate", Stated::host("c.example"));
    fails("alternate of another node", other, wrong_name, &at_dialer, Some(refused)).await;

    let stranger = Ca::new("another CA");
    let (certificate, key) = world.folder.pair("stranger", &stranger.sign(host));
    let unknown_ca = Tls::server(certificate, key).ca(world.folder.path("ca.pem"));
    let at_dialer = "the listener's certificate is signed by no CA that this node trusts";
    let refused = "refused this node's certificate: it is signed by no CA that the peer trusts";
    fails("unknown CA", world.client(), unknown_ca, at_dialer, Some(refused)).await;

    let purposes = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let purpose = with("purpose", Stated { purposes, ..Stated::host(host) });
    let at_dialer = "the listener's certificate is not for TLS servers, by its extended key usage";
    let refused = "refused this node's certificate: it is not for this use";
    fails("wrong purpose", world.client(), purpose, at_dialer, Some(refused)).await;
}

/// A configuration of rustls itself, for what a node does not load: a certificate that has expired since, or one version of
/// TLS only.
fn of_listener(leaf: &Leaf, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(chain(leaf), key(leaf)).unwrap())
}

/// Likewise, for a dialer that trusts the CA.
fn of_dialer(
    world: &World,
    leaf: &Leaf,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(world.ca.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots);
    Arc::new(builder.with_client_auth_cert(chain(leaf), key(leaf)).unwrap())
}

fn chain(leaf: &Leaf) -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap()]
}

fn key(leaf: &Leaf) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap()
}

const BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

#[tokio::test(start_paused = true)]
async fn certificates_of_listeners_that_are_out_of_date() {
    let world = World::new("out-of-date");
    let (_, host) = hosts();
    for (valid, text) in [
        ((2001, 2002), "has expired: it was valid until 2002-01-01T00:00:00Z, and this node's"),
        ((2098, 2099), "is not valid yet: it is valid from 2098-01-01T00:00:00Z on, and this"),
    ] {
        let leaf = world.ca.sign_as(Stated { valid, ..Stated::host(host) });
        let config = of_listener(&leaf, &version::TLS13);
        let listening = Tls::with_configs(of_dialer(&world, &leaf, &version::TLS13), Some(config));
        let refused = "refused this node's certificate: it has expired, or is not valid yet";
        fails("out of date", world.client(), listening, text, Some(refused)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn certificates_of_clients() {
    let world = World::new("clients");
    let (dialer, listening) = hosts();
    let required = || world.mutual(listening);
    let at_dialer = "the listener requires a client certificate, and this node has none for it";
    let at_listener = "the dialer has no client certificate, which this node requires";
    fails("no client certificate", world.client(), required(), at_dialer, Some(at_listener)).await;

    let with = |name: &str, leaf: Leaf| {
        let (certificate, key) = world.folder.pair(name, &leaf);
        world.client().client_certificate(certificate, key)
    };
    let stranger = with("stranger", Ca::new("another CA").sign(dialer));
    let at_dialer = "the peer refused this node's certificate: it is signed by no CA that the peer";
    let at_listener = "the dialer's certificate is signed by no CA that this node trusts";
    fails("client of unknown CA", stranger, required(), at_dialer, Some(at_listener)).await;

    let purposes = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let purpose = world.ca.sign_as(Stated { purposes, ..Stated::host(dialer) });
    let at_dialer = "the peer refused this node's certificate: it is not for this use";
    let at_listener = "the dialer's certificate is not for TLS clients";
    fails("not for clients", with("server", purpose), required(), at_dialer, Some(at_listener))
        .await;

    world.folder.write("crl.pem", world.ca.revoke(&[77]));
    let revoked = with("revoked", world.ca.sign_as(Stated { serial: 77, ..Stated::host(dialer) }));
    let at_dialer = "the peer refused this node's certificate: it is revoked";
    let at_listener = "the dialer's certificate is revoked";
    let required_and_checked = required().crl(world.folder.path("crl.pem"));
    fails("revoked", revoked, required_and_checked, at_dialer, Some(at_listener)).await;
    let (dialing, _node) =
        start_with(world.mutual(dialer), required().crl(world.folder.path("crl.pem")));
    connected(&dialing).await;

    for (version, valid) in
        BOTH.into_iter().flat_map(|version| [(version, (2001, 2002)), (version, (2098, 2099))])
    {
        let leaf = world.ca.sign_as(Stated { valid, ..Stated::host(dialer) });
        let dialing = Tls::with_configs(of_dialer(&world, &leaf, version), None);
        let at_dialer = "the peer refused this node's certificate: it has expired, or is not valid";
        let at_listener = if valid.0 == 2001 {
            "the dialer's certificate has expired"
        } else {
            "is not valid yet"
        };
        fails("client out of date", dialing, required(), at_dialer, Some(at_listener)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_revoked() {
    let world = World::new("revoked-listener");
    let (_, host) = hosts();
    let leaf = world.ca.sign_as(Stated { serial: 78, ..Stated::host(host) });
    let (certificate, key) = world.folder.pair("revoked", &leaf);
    let dialer = world.client().crl(world.folder.write("crl.pem", world.ca.revoke(&[78])));
    let refused = "the peer refused this node's certificate: it is revoked";
    let at_dialer = "the listener's certificate is revoked";
    fails("revoked", dialer, Tls::server(certificate, key), at_dialer, Some(refused)).await;
}

#[tokio::test(start_paused = true)]
async fn versions_of_tls() {
    let world = World::new("versions");
    let (dialer, host) = hosts();
    let (leaf, client) = (world.ca.sign(host), world.ca.sign(dialer));
    for (one, other) in [(BOTH[0], BOTH[1]), (BOTH[1], BOTH[0])] {
        let dialing = Tls::with_configs(of_dialer(&world, &client, one), None);
        let config = Some(of_listener(&leaf, other));
        let listening = Tls::with_configs(of_dialer(&world, &leaf, other), config);
        let at_dialer = "the listener supports no TLS version that this node supports";
        let at_listener = "the dialer supports no TLS version that this node supports";
        fails("versions", dialing, listening, at_dialer, Some(at_listener)).await;
    }
    for version in BOTH {
        let dialing = Tls::with_configs(of_dialer(&world, &client, version), None);
        let (dialing, _node) = start_with(dialing, world.mutual(host));
        connected(&dialing).await;
    }
}

/// A dialer of streams without TLS, whatever the name says.
struct Plain(Route);

impl Dial for Plain {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        self.0.dial(name)
    }
}

#[tokio::test(start_paused = true)]
async fn tls_at_one_end_only() {
    let world = World::new("one-end");
    let (_, host) = hosts();
    let server = world.server(host);
    let (dialing, _listening) =
        start(|node, route| node.dial_with(Plain(route)), |node| node.tls(server));
    let (dialed, refused) = apart(&dialing).await;
    println!("no TLS at the dialer\n  dialer:   {dialed}\n  listener: {refused:#?}\n");
    let text =
        "400 Bad Request instead of a WebSocket: the listener expects TLS: use names with https://";
    assert!(dialed.contains(text), "{dialed}");
    assert!(refused.len() == 1 && refused[0].contains(text), "{refused:#?}");

    // The listener has no certificate, as behind a proxy.
    let (dialer, listening) = (world.client(), world.client());
    let at_dialer = "the listener closed the connection during the TLS handshake";
    let at_listener = "the dialer begins with TLS, and this listener does not";
    fails("no TLS at the listener", dialer, listening, at_dialer, Some(at_listener)).await;
}

/// Answers whatever it reads with these bytes, and closes.
struct Answers(&'static [u8]);

impl Dial for Answers {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        let (near, mut far) = duplex(4096);
        let Self(answer) = *self;
        tokio::spawn(async move {
            let _ = far.read(&mut [0; 4096]).await;
            let _ = far.write_all(answer).await;
        });
        Box::pin(async move { Ok(Box::new(near) as Box<dyn Io>) })
    }
}

#[tokio::test(start_paused = true)]
async fn listeners_that_are_something_else() {
    let world = World::new("something-else");
    for (answer, text) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "speaks something else than TLS, probably plain",
        ),
        (b"", "the listener closed the connection during the TLS handshake"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "found no cipher suite, key exchange or certificate"),
        (b"\x15\x03\x03\x00\x02\x02\x70", "has no certificate for the name that this node dials"),
        (b"\x15\x03\x03\x00\x02\x02\x50", "ended TLS with the alert InternalError"),
    ] {
        let (dialing, _node) =
            start(|node, _| node.tls_over(world.client(), Answers(answer)), |node| node);
        let (dialed, _) = apart(&dialing).await;
        println!("something else\n  dialer:   {dialed}\n");
        assert!(dialed.contains(text), "{dialed}");
    }
}

/// A node that listens, how to reach it, and what it logs at `info` and above about connections.
fn listening(world: &World, host: &str) -> (Manager, Route, Lines, DefaultGuard) {
    let (lines, guard) = Lines::collect();
    let (incoming, route) = listener();
    let manager = node(names().1).tls(world.server(host)).build().unwrap();
    tokio::spawn(manager.serve(incoming));
    (manager, route, lines, guard)
}

#[tokio::test(start_paused = true)]
async fn strangers_that_stop_in_their_handshake() {
    let world = World::new("stop");
    let (_node, route, lines, _guard) = listening(&world, hosts().1);
    let silent = route.open();
    sleep(Duration::from_secs(20)).await;
    assert!(lines.with(Level::INFO, "message=refused").is_empty(), "a health check");
    drop(silent);
    let mut slow = route.open();
    slow.write_all(b"\x16\x03\x01").await.unwrap();
    sleep(Duration::from_secs(9)).await;
    assert!(lines.with(Level::INFO, "message=refused").is_empty());
    sleep(Duration::from_secs(2)).await;
    let refused =
        lines.with(Level::WARN, "no TLS handshake within 10s (`Config::connect_timeout`)");
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert_eq!(slow.read(&mut [0; 100]).await.unwrap(), 0, "closed");
}

#[tokio::test(start_paused = true)]
async fn health_checks_with_tls_are_not_logged_and_broken_handshakes_are() {
    let world = World::new("health");
    let (dialer, host) = hosts();
    let (_node, route, lines, _guard) = listening(&world, host);
    let config = of_dialer(&world, &world.ca.sign(dialer), &version::TLS13);
    let connector = tokio_rustls::TlsConnector::from(config);
    let name = grid::rustls::pki_types::ServerName::try_from(host).unwrap();
    for request in [&b""[..], b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let mut stream = connector.connect(name.clone(), route.open()).await.unwrap();
        stream.write_all(request).await.unwrap();
        stream.flush().await.unwrap();
        drop(stream);
    }
    sleep(Duration::from_secs(1)).await;
    assert!(lines.with(Level::INFO, "message=refused").is_empty());
    // Different causes from one address are different lines, and repeats of one are not.
    for bytes in [&b"\x16\x03\x01\x00\x04junk"[..], b"\x16\x03", b"\x16\x03", b"\x16\x03"] {
        route.open().write_all(bytes).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    let refused = lines.with(Level::WARN, "message=refused");
    assert_eq!(refused.len(), 2, "{refused:#?}");
    assert!(refused[1].contains("the dialer closed the connection during the TLS handshake"));
}

#[test]
fn the_provider_of_the_tests_is_the_default() {
    // Nothing here installs one, so nodes use ring.
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}
