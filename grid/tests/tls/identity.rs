//! Who the other side is: certificates for handlers and authenticators.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use grid::rustls::pki_types::CertificateDer;
use grid::rustls::pki_types::pem::PemObject as _;
use grid::{
    Accepted, Ask, Authenticate, Authenticating, Builder, CertificateName, Claim, Context, Denied,
    Dial, Dialing, DialingCertified, HandlerId, Identity, Io, Manager, NoAuth, PeerCertificate,
    TokenFuture,
};
use rcgen::SanType;
use tokio::io::duplex;

use crate::network::{World, apart, connected, hosts, names, start};
use crate::pki::Stated;

/// A node that answers with the DNS names of its caller's certificate.
fn telling(builder: Builder) -> Builder {
    builder.single_handler(HandlerId::from(7), None, async |context: Context, _| {
        let names = context.certificate().map(|certificate| certificate.dns_names().join(","));
        Ok(Some(Bytes::from(names.unwrap_or_else(|| "none".to_owned()))))
    })
}

async fn ask(from: &Manager, to: &str) -> String {
    let connection = from.connection(to).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    let answer = connection.request(HandlerId::from(7), None).await.unwrap().unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn handlers_see_the_certificate_of_the_other_side() {
    let world = World::new("handlers");
    let (dialer, listening) = hosts();
    let (at_dialer, at_listener) = (world.mutual(dialer), world.mutual(listening));
    let (dialing, node) = start(
        |node, route| telling(node.tls_over(at_dialer, route)),
        |node| telling(node.tls(at_listener)),
    );
    assert_eq!(ask(&dialing, names().1).await, dialer);
    assert_eq!(ask(&node, names().0).await, listening, "also for calls of the listener");
    assert_eq!(ask(&node, names().1).await, "none", "the link of a node to itself");

    let (at_dialer, at_listener) = (world.client(), world.server(listening));
    let (dialing, node) = start(
        |node, route| telling(node.tls_over(at_dialer, route)),
        |node| telling(node.tls(at_listener)),
    );
    assert_eq!(ask(&dialing, names().1).await, "none");
    assert_eq!(ask(&node, names().0).await, listening);
}

/// Records what it is asked.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

impl Authenticate for Asked {
    fn token<'a>(&'a self, ask: Ask<'a>) -> TokenFuture<'a> {
        NoAuth.token(ask)
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let names = claim.certificate.map(|certificate| certificate.dns_names().join(","));
        self.0.lock().unwrap().push(format!("{:?} {names:?}", claim.name));
        Box::pin(async { Ok(Identity::unproven("a test")) })
    }
}

#[tokio::test(start_paused = true)]
async fn authenticators_see_the_certificate_of_the_dialer_twice() {
    let world = World::new("authenticators");
    let (dialer, listening) = hosts();
    let (at_dialer, at_listener) = (world.mutual(dialer), world.mutual(listening));
    let asked = Asked::default();
    let (dialing, _node) = start(
        |node, route| node.tls_over(at_dialer, route),
        |node| node.tls(at_listener).token(asked.clone()),
    );
    connected(&dialing).await;
    let name = names().0;
    let expected = [format!("None Some({dialer:?})"), format!("Some({name:?}) Some({dialer:?})")];
    assert_eq!(*asked.0.lock().unwrap(), expected);
}

/// Dials a node that admits only certificates for the claimed name, with a certificate that has this one. Returns what the
/// dialer logs if that is wrong.
async fn dial_as(world: &World, san: SanType, auth: CertificateName, is_right: bool) -> String {
    let (_, listening) = hosts();
    let stated = Stated { names: vec![san], ..Stated::host("x") };
    let (certificate, key) = world.folder.pair("client", &world.ca.sign_as(stated));
    let at_dialer = world.client().client_certificate(certificate, key);
    let at_listener = world.mutual(listening);
    let (dialing, _node) = start(
        |node, route| node.tls_over(at_dialer, route),
        |node| node.tls(at_listener).token(auth),
    );
    if is_right {
        connected(&dialing).await;
        return String::new();
    }
    let (dialed, refused) = apart(&dialing).await;
    assert_eq!(refused.len(), 1, "{refused:#?}");
    dialed
}

#[tokio::test(start_paused = true)]
async fn a_certificate_authenticates_its_own_name_only() {
    let world = World::new("names");
    let (dialer, _) = hosts();
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let uri = |name: &str| SanType::URI(name.try_into().unwrap());
    let plain = CertificateName::new;
    dial_as(&world, dns(dialer), plain(), true).await;
    dial_as(&world, uri(names().0), plain(), true).await;
    dial_as(&world, dns("old"), plain().alternate_name(names().0, "old"), true).await;
    let other = format!("the certificate is for other, and not for {}", names().0);
    let refused = dial_as(&world, dns("other"), plain(), false).await;
    assert!(refused.contains(&other), "{refused}");
    for wrong in [
        dial_as(&world, dns("old"), plain().alternate_name(names().1, "old"), false).await,
        dial_as(&world, uri(&format!("spiffe://{dialer}/anything")), plain(), false).await,
        dial_as(&world, uri(names().1), plain(), false).await,
    ] {
        assert!(wrong.contains("the certificate is for"), "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_name_needs_a_certificate() {
    let world = World::new("no-certificate");
    let (_, listening) = hosts();
    let (at_dialer, at_listener) = (world.client(), world.server(listening));
    let (dialing, _node) = start(
        |node, route| node.tls_over(at_dialer, route),
        |node| node.tls(at_listener).token(CertificateName::new()),
    );
    let (dialed, refused) = apart(&dialing).await;
    let text = "403 Forbidden instead of a WebSocket: auth token: the connection has no client certificate";
    let text = text.replace("auth token: ", "");
    assert!(dialed.replace("auth token: ", "").contains(&text), "{dialed}");
    assert_eq!(refused.len(), 1, "{refused:#?}");
}

/// TLS of the application's own: both sides state certificates.
struct Own {
    node: Manager,
    shown: PeerCertificate,
    seen: PeerCertificate,
}

impl Dial for Own {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        unreachable!("`dial_certified` is called")
    }

    fn dial_certified<'a>(&'a self, _: &'a str) -> DialingCertified<'a> {
        let (near, far) = duplex(64 * 1024);
        let accepted = Accepted::new(far).with_certificate(self.shown.clone());
        let node = self.node.clone();
        tokio::spawn(async move { node.accept_from(accepted).await });
        let seen = self.seen.clone();
        Box::pin(async move { Ok((Box::new(near) as Box<dyn Io>, Some(seen))) })
    }
}

#[tokio::test(start_paused = true)]
async fn applications_with_their_own_tls_state_certificates() {
    let world = World::new("own");
    let (dialer, listening) = hosts();
    let certificate = |host: &str| {
        let pem = world.ca.sign(host).certificate;
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        PeerCertificate::from_chain(vec![der.to_vec()]).unwrap()
    };
    let node = telling(crate::network::node(names().1)).build().unwrap();
    let own = Own { node: node.clone(), shown: certificate(dialer), seen: certificate(listening) };
    let dialing = telling(crate::network::node(names().0)).dial_with(own).build().unwrap();
    assert_eq!(ask(&dialing, names().1).await, dialer);
    assert_eq!(ask(&node, names().0).await, listening);
}
