//! A server that verifies client certificates passes them on: to the authenticator, and to handlers.

use grid::{CertificateName, Context, Dial, Dialing, Io, Manager, PeerCertificate};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use tokio::io::duplex;

use crate::support::{A, B, sides};
use crate::{Hyper, SOON};

#[grid::service]
trait Shown {
    /// The host in the certificate of the caller.
    async fn host(&self, cx: &Context) -> Option<String>;
}

struct Shows;

impl Shown for Shows {
    async fn host(&self, cx: &Context) -> Option<String> {
        cx.certificate()?.dns_names().first().cloned()
    }
}

fn certificate(host: &str) -> PeerCertificate {
    let params = CertificateParams::new([host.to_owned()]).unwrap();
    let signed = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    PeerCertificate::from_chain(vec![signed.der().to_vec()]).unwrap()
}

/// hyper in memory, whose clients have shown this certificate.
struct Verified(Hyper, Option<PeerCertificate>);

impl Dial for Verified {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        let (near, far) = duplex(64 * 1024);
        let Self(Hyper(grid), certificate) = self;
        let (grid, certificate) = (grid.clone(), certificate.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            if let Some(certificate) = certificate.clone() {
                request.extensions_mut().insert(certificate);
            }
            grid.call(request)
        });
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(far), service).with_upgrades(),
        );
        Box::pin(async move { Ok(Box::new(near) as Box<dyn Io>) })
    }
}

fn node(name: &str) -> grid::Builder {
    Manager::builder(name).hosts([A, B]).service(ShownServer::new(Shows))
}

/// The host of a node's name, which its certificate must be for.
fn host(name: &str) -> &str {
    name.split("://").nth(1).unwrap().split(':').next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn authenticator_and_handlers_see_the_certificate_of_the_request() {
    let (dialer, listener) = sides();
    let listening = node(listener).token(CertificateName::new()).build().unwrap();
    let server = Verified(Hyper(listening.http_service()), Some(certificate(host(dialer))));
    let dialing = node(dialer).token(grid::NoAuth).dial_with(server).build().unwrap();
    let connection = dialing.connection(listener).unwrap();
    connection.wait_connected(SOON).await.unwrap();
    let seen = ShownClient::new(connection).host().await.unwrap();
    assert_eq!(seen.as_deref(), Some(host(dialer)));
    // The certificate of the server is known to the code that dials, which has not stated one.
    let back = ShownClient::new(listening.connection(dialer).unwrap());
    assert_eq!(back.host().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn without_a_certificate_or_with_that_of_another_host_there_is_no_link() {
    let (dialer, listener) = sides();
    let cases = [(None, "no client certificate"), (Some("other.example"), "other.example")];
    for (shown, reason) in cases {
        let listening = node(listener).token(CertificateName::new()).build().unwrap();
        let server = Verified(Hyper(listening.http_service()), shown.map(certificate));
        let dialing = node(dialer).token(grid::NoAuth).dial_with(server).build().unwrap();
        let connection = dialing.connection(listener).unwrap();
        let error = connection.wait_connected(SOON).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
