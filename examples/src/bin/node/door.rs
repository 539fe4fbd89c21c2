//! The HTTP server of the port: like `axum::serve`, with TLS, time-outs, and a limit of connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use grid::{Io, PeerCertificate};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tower_service::Service as _;

use crate::tls::{Acceptor, Failure};

/// Connections of HTTP; those of the grid do not count. More wait in the backlog of the socket.
const CONNECTIONS_MAX: usize = 4096;
/// From the first byte of a request to the end of its headers; an idle connection is closed after it as well.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// From the headers of a request to those of its response. Calls between nodes take at most 5 s.
const REQUEST_TIME: Duration = Duration::from_secs(15);
/// For the last responses, after the node has ended.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// The server. It serves until it is closed.
pub(crate) struct Door {
    close: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Door {
    pub(crate) fn open(listener: TcpListener, acceptor: Option<Acceptor>, app: Router) -> Self {
        let (close, mut closed) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let (acceptor, graceful) = (acceptor.map(Arc::new), GracefulShutdown::new());
            let watching = acceptor
                .clone()
                .map(|acceptor| tokio::spawn(async move { acceptor.watch().await }));
            tokio::select! {
                () = accept(listener, acceptor, app, &graceful) => {}
                _ = &mut closed => {}
            }
            if let Some(watching) = watching {
                watching.abort();
            }
            if timeout(CLOSE_TIME, graceful.shutdown()).await.is_err() {
                tracing::info!("closing connections that have not ended by themselves");
            }
        });
        Self { close, serving }
    }

    /// Stops accepting, and lets requests finish for [`CLOSE_TIME`].
    pub(crate) async fn close(self) {
        let _ = self.close.send(());
        if let Err(error) = self.serving.await {
            tracing::error!("the server has failed: {error}");
        }
    }
}

/// Accepts connections for ever.
async fn accept(
    listener: TcpListener,
    acceptor: Option<Arc<Acceptor>>,
    app: Router,
    graceful: &GracefulShutdown,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Most often there are no file descriptors left, which takes time to change.
                tracing::warn!("cannot accept: {error}");
                sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let (acceptor, app, watcher) = (acceptor.clone(), app.clone(), graceful.watcher());
        tokio::spawn(async move {
            if let Err(error) = connection(stream, address, acceptor, app, watcher).await {
                tracing::debug!(%address, "the connection has ended: {error}");
            }
            drop(place);
        });
    }
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<Arc<Acceptor>>,
    app: Router,
    watcher: Watcher,
) -> Result<(), Failure> {
    grid::tune(&stream)?;
    let (stream, certificate): (Box<dyn Io>, _) = match acceptor {
        None => (Box::new(stream), None),
        Some(acceptor) => {
            let (stream, certificate) = acceptor.accept(stream).await?;
            (Box::new(stream), certificate)
        }
    };
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
    server.http2().timer(TokioTimer::new()).keep_alive_interval(HEADER_TIME);
    let service = hyper::service::service_fn(move |request| {
        respond(app.clone(), request, address, certificate.clone())
    });
    let served = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
    watcher.watch(served.into_owned()).await
}

/// Passes a request on to the routes, with what is known of its connection.
async fn respond(
    mut app: Router,
    mut request: Request<Incoming>,
    address: SocketAddr,
    certificate: Option<PeerCertificate>,
) -> Result<Response, Infallible> {
    request.extensions_mut().insert(address);
    if let Some(certificate) = certificate {
        // The grid shows it to the authenticator and to handlers.
        request.extensions_mut().insert(certificate);
    }
    match timeout(REQUEST_TIME, app.call(request)).await {
        Ok(response) => response,
        Err(_) => Ok(StatusCode::REQUEST_TIMEOUT.into_response()),
    }
}
