//! [`HttpService`]: accepts the connections of other nodes from an HTTP server of the user.
//!
//! The server reads the request, and passes the connection on after the response. The judgement of the request, the limits
//! and the handshake are those of the node's own listener, in judge.rs and accept.rs.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use hyper::upgrade::OnUpgrade;
use tokio::sync::oneshot;
use tower_service::Service;

use super::accept::{self, Upgrade, Upgraded};
use super::judge::{Origin, judge};
use super::refusals::{Refusal, RefusalLog};
use super::shared::Node;
use super::steps::within;
use super::strangers::{Entry, Stage};
use crate::certificate::PeerCertificate;
use crate::error::LinkError;
use crate::net::catch::catch_future;
use crate::net::transport::upgrade::check::{Answer, Head};
use crate::net::transport::upgrade::mounted::upgraded;

type AddressOf = dyn Fn(&Parts) -> Option<SocketAddr> + Send + Sync;

/// The answer of a service that has no task any more.
const NOT_NOW: &str = "this node cannot accept the connection now";

/// Accepts the connections of other nodes from an HTTP server: a `Service` of tower and of hyper for the route of a grid,
/// returned by [`Manager::http_service`](crate::Manager::http_service).
///
/// It is used like any handler of the route, for example as axum's `route_service`. The server must pass upgraded
/// connections on, as axum does, and hyper with `with_upgrades`. It can serve other routes and protocols on the same port.
/// TLS is terminated by the server, or by a proxy in front of it.
///
/// Other nodes reach the service at the host and port of this node's name and at
/// [`Config::route`](crate::Config::route). Two nodes of two grids can share a server if their routes differ.
///
/// | request | response |
/// |---|---|
/// | an upgrade to a WebSocket with an accepted token | 101, or 200 for an extended CONNECT over HTTP/2 |
/// | another path than the route | 404 |
/// | another method than GET; over HTTP/2, than CONNECT | 405 with `Allow` |
/// | no upgrade to a WebSocket, HTTP/1.0, or another version of WebSockets | 426 with `Upgrade` and `Sec-WebSocket-Version` |
/// | no `Sec-WebSocket-Key`; over HTTP/2, another protocol than WebSockets | 400 |
/// | a token that the authenticator does not accept | 403 |
/// | any, after the node was shut down, while too many connections are in their handshake, or if the closure of [`address_from`](Self::address_from) panics | 503 |
/// | an upgrade that the server does not offer, such as hyper without `with_upgrades` | 500 |
///
/// HTTP/2 needs the feature `http2`, and a server that enables extended CONNECT (RFC 8441): nodes dial with HTTP/1.1, but
/// proxies may change the version.
///
/// The limits, timeouts and log lines are those of [`Manager::serve`](crate::Manager::serve), except that the server limits
/// the time for the first byte and the headers. Timeouts of the server end with the upgrade. The server should pass its
/// sockets to [`tune`](crate::tune): otherwise small messages may be sent with a delay.
///
/// A server that verifies client certificates can pass them on: the extension of the type
/// [`PeerCertificate`] becomes [`Claim::certificate`](crate::Claim::certificate) and
/// [`Context::certificate`](crate::Context::certificate).
///
/// The service does not keep the node alive. It must be called inside a tokio runtime, and its tasks run there.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, routing::get};
///
/// let manager = grid::Manager::builder("http://node1:9000").build()?;
/// let app = Router::new()
///     .route("/health", get(|| async { "ok" }))
///     .route_service(grid::ROUTE, manager.http_service());
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:9000").await?;
/// let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
///     let _ = grid::tune(stream);
/// });
/// axum::serve(listener, app).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HttpService {
    node: Arc<Node>,
    log: Arc<RefusalLog>,
    path: Arc<str>,
    address_of: Arc<AddressOf>,
}

/// The future of [`HttpService`].
pub type HttpFuture =
    Pin<Box<dyn Future<Output = Result<Response<HttpBody>, Infallible>> + Send + 'static>>;

impl HttpService {
    pub(super) fn new(node: Arc<Node>) -> Self {
        let path = node.config.route.as_str().into();
        let address_of = Arc::new(|request: &Parts| request.extensions.get().copied());
        Self { node, log: Arc::default(), path, address_of }
    }

    /// Sets how the address of a dialer is found. It is used in logs, for
    /// [`Claim::address`](crate::Claim::address), and to limit the connections of one address that are in their handshake.
    ///
    /// Default: the extension of the type [`SocketAddr`], which hyper does not set. With axum, it is in `ConnectInfo`; behind
    /// a proxy, in a header that the proxy sets. A header that dialers can set themselves lets them avoid the limit.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::net::SocketAddr;
    /// use axum::extract::ConnectInfo;
    ///
    /// let manager = grid::Manager::builder("http://node1:9000").build()?;
    /// let grid = manager
    ///     .http_service()
    ///     .address_from(|request| request.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0));
    /// let app = axum::Router::<()>::new().route_service(grid::ROUTE, grid);
    /// let app = app.into_make_service_with_connect_info::<SocketAddr>();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn address_from(
        self,
        address_of: impl Fn(&Parts) -> Option<SocketAddr> + Send + Sync + 'static,
    ) -> Self {
        Self { address_of: Arc::new(address_of), ..self }
    }

    /// Sets the path at which the service expects requests. Default: [`Config::route`](crate::Config::route).
    ///
    /// Needed if a router removes a prefix, as axum's `nest` does: with the route `/api/grid` in `nest("/api", …)`, the
    /// service receives requests for `/grid`. Nodes still dial `Config::route`.
    #[must_use]
    pub fn path(self, path: &str) -> Self {
        Self { path: path.into(), ..self }
    }

    async fn answer(self, request: Parts) -> Answer {
        let node = Arc::clone(&self.node);
        let unavailable = || {
            let text = if node.over.is_set() {
                LinkError::ShutDown.to_string()
            } else {
                NOT_NOW.to_owned()
            };
            Answer::new(StatusCode::SERVICE_UNAVAILABLE, text)
        };
        if node.over.is_set() {
            return unavailable();
        }
        let (answer, answered) = oneshot::channel();
        // A task of its own, because it continues after the response, and the user's authenticator may block in it. It ends
        // when this future is dropped before the response. `Strangers` bounds the number of these tasks.
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = self.node.over.wait() => {}
                () = self.accept(request, answer) => {}
            }
        });
        answered.await.unwrap_or_else(|_| unavailable())
    }

    /// Accepts the connection of one request, or logs why it is refused.
    async fn accept(&self, request: Parts, answer: oneshot::Sender<Answer>) {
        let Self { node, path, address_of, .. } = self;
        // Code of the user, which may block or panic.
        let address = node.loopback.workers.guard(async { address_of(&request) });
        let address = catch_future(address).await;
        let refused = match address {
            Ok(address) => {
                let path = Arc::clone(path);
                let mounted = Mounted { request, path, address, answer };
                accept::accept(node, mounted).await.map_err(|refused| (address, refused))
            }
            Err(text) => {
                let (reason, stage) = (LinkError::Panicked { text }, Stage::Unknown);
                Err((None, Refusal { reason, stage, is_logged: false }))
            }
        };
        if let Err((address, refused)) = refused {
            self.log.refused(node, address, &refused);
        }
    }
}

/// A request that an HTTP server has received.
struct Mounted {
    request: Parts,
    path: Arc<str>,
    address: Option<SocketAddr>,
    /// Where the response is sent.
    answer: oneshot::Sender<Answer>,
}

impl Upgrade for Mounted {
    fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    async fn upgrade(self, node: &Node, entry: &mut Entry) -> Result<Upgraded, LinkError> {
        let Self { mut request, path, address, mut answer } = self;
        // Of the server's TLS, if it passes one on.
        let certificate = request.extensions.remove::<PeerCertificate>();
        let origin = Origin { address, certificate: certificate.as_ref() };
        let upgrade = request.extensions.remove::<OnUpgrade>();
        let judged = tokio::select! {
            biased;
            judged = judge(node, head(&request), &path, origin, entry) => judged,
            () = answer.closed() => return Err(gone()),
        };
        let judged = judged.and_then(|accepted| match upgrade {
            Some(upgrade) => Ok((accepted, upgrade)),
            None => {
                let text = "the HTTP server offers no upgrade of this request";
                Err(Answer::new(StatusCode::INTERNAL_SERVER_ERROR, text))
            }
        });
        match judged {
            Ok((accepted, upgrade)) => {
                answer.send(accepted).map_err(|_| gone())?;
                let limit = node.config.connect_timeout;
                let upgrade = upgraded(upgrade);
                let transport = within(limit, "the upgrade was not read", upgrade).await?;
                Ok((transport, certificate))
            }
            Err(refused) => {
                let (status, text) = (refused.status.to_string(), refused.text.clone());
                // Refused even if the dialer does not wait for the response.
                let _ = answer.send(refused);
                Err(LinkError::Upgrade { status, text, by_us: true })
            }
        }
    }
}

/// The dialer has not waited for the response.
fn gone() -> LinkError {
    LinkError::Closed { code: None, reason: String::new() }
}

fn head(request: &Parts) -> Head<'_> {
    #[cfg(feature = "http2")]
    let protocol = request.extensions.get::<hyper::ext::Protocol>().map(|name| name.as_str());
    #[cfg(not(feature = "http2"))]
    let protocol = None;
    Head {
        method: &request.method,
        version: request.version,
        path: request.uri.path(),
        headers: &request.headers,
        protocol,
    }
}

impl HttpService {
    fn respond<B>(&self, request: Request<B>) -> HttpFuture {
        // The body of the request is not read.
        let answer = self.clone().answer(request.into_parts().0);
        Box::pin(async move { Ok(response(answer.await)) })
    }
}

/// For hyper without an adapter.
impl<B> hyper::service::Service<Request<B>> for HttpService {
    type Response = Response<HttpBody>;
    type Error = Infallible;
    type Future = HttpFuture;

    fn call(&self, request: Request<B>) -> HttpFuture {
        self.respond(request)
    }
}

impl<B> Service<Request<B>> for HttpService {
    type Response = Response<HttpBody>;
    type Error = Infallible;
    type Future = HttpFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> HttpFuture {
        self.respond(request)
    }
}

fn response(answer: Answer) -> Response<HttpBody> {
    let Answer { status, headers, text } = answer;
    let mut response = Response::new(HttpBody((!text.is_empty()).then(|| Bytes::from(text))));
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    if response.body().0.is_some() {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
    }
    response
}

/// The body of a response of [`HttpService`]: a text that says why a request was refused, or nothing.
#[derive(Debug)]
pub struct HttpBody(Option<Bytes>);

impl Body for HttpBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|text| Ok(Frame::data(text))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |text| text.len() as u64))
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService")
            .field("node", &self.node.name)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
