//! A small HTTP client, with and without TLS.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use grid::Io;
use grid::rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::ServerName};
use hyper::http::request::Builder;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Time-out of every wait. Long enough for a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A client that trusts this CA, and has no certificate.
pub(crate) fn trusting(ca: &CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// Sends a request to the node of this name, and returns the response with its whole body.
pub(crate) async fn send(
    node: &str,
    tls: Option<&TlsConnector>,
    request: Builder,
    body: impl Into<Body>,
) -> Result<Response<Bytes>, Box<dyn std::error::Error>> {
    let (_, authority) = node.split_once("://").unwrap();
    let request = request.header("host", authority).body(body.into())?;
    timeout(LIMIT, exchange(authority, tls, request)).await.expect("a response in time")
}

async fn exchange(
    authority: &str,
    tls: Option<&TlsConnector>,
    request: Request<Body>,
) -> Result<Response<Bytes>, Box<dyn std::error::Error>> {
    let stream = TcpStream::connect(authority).await?;
    let stream: Box<dyn Io> = match tls {
        None => Box::new(stream),
        Some(tls) => {
            let (host, _) = authority.rsplit_once(':').unwrap();
            Box::new(tls.connect(ServerName::try_from(host.to_owned())?, stream).await?)
        }
    };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    Ok(Response::from_parts(head, to_bytes(Body::new(body), 1 << 20).await?))
}
