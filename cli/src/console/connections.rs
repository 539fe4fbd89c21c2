//! [`serve`]: HTTP over a limited number of connections.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at once: ten browsers, of which each opens six. More wait.
const CONNECTIONS_MAX: usize = 64;

/// How long a connection may be without a request. `axum::serve` has no such limit: silent connections would take all places.
const SILENT_MAX: Duration = Duration::from_secs(10);

/// Serves the routes, for as long as it is polled.
pub(super) async fn serve(mut listener: TcpListener, router: Router) -> io::Result<Infallible> {
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(SILENT_MAX);
    loop {
        let permit = Arc::clone(&free).acquire_owned().await.map_err(io::Error::other)?;
        // The method of axum waits when the process has too many files.
        let (stream, _) = Listener::accept(&mut listener).await;
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // A connection that fails concerns its browser only.
            let _ = connection.await;
            drop(permit);
        });
    }
}
