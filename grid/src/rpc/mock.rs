//! A test double that answers selected methods, without an implementation of the whole service.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::args::ArgTuple;
use super::handlers::Handlers;
use super::method::{ClientStreamMethod, Method, ServerStreamMethod, TwoWayMethod};
use super::registrar::Registrar;
use super::stream::{Incoming, Outgoing};
use crate::Connection;
use crate::net::Registry;

/// A peer that answers selected methods; calls of other methods fail with
/// [`ErrorCode::UnknownHandler`](crate::ErrorCode::UnknownHandler).
///
/// Arguments and answers are encoded and decoded, as over a link. For an implementation of the whole service, use the
/// `in_process` function of its client.
///
/// ```
/// # #[grid::service]
/// # trait Clock { async fn now(&self) -> u64; async fn add(&self, a: u64, b: u64) -> Result<u64, grid::RemoteError>; }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), grid::CallError<grid::RemoteError>> {
/// let connection = grid::Mock::new().on(ClockClient::ADD, |(a, b)| Ok(a + b)).connection();
/// let clock = ClockClient::new(connection);
/// assert_eq!(clock.add(1, 2).await?, 3);
/// assert!(clock.now().await.is_err());
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Mock {
    registry: Registry,
}

const TWICE: &str = "a mock was given two answers for the same method";

impl Mock {
    /// Creates a peer that does not answer any method yet.
    #[must_use]
    pub fn new() -> Self {
        Self { registry: Registry::new() }
    }

    /// Answers a single request with the closure's result. The closure may block if the method has
    /// `#[handler(blocking)]`.
    ///
    /// # Panics
    ///
    /// If the method already has an answer. The other methods of this type panic in the same case.
    #[must_use]
    pub fn on<A, O, E, K, F>(self, method: &'static Method<A, O, E, K>, answer: F) -> Self
    where
        A: ArgTuple,
        O: Send + 'static,
        E: Send + 'static,
        F: Fn(A) -> Result<O, E> + Send + Sync + 'static,
    {
        self.answer(answer, |to| match method.info.is_blocking() {
            true => to.blocking(method, |answer, _, args| answer(args)),
            false => {
                to.single(method, |answer, _, request| async move { Ok(answer(request.decode()?)) })
            }
        })
    }

    /// Answers with the stream that the closure's future sends.
    #[must_use]
    pub fn on_server_stream<A, O, E, F, Fut>(
        self,
        method: &'static ServerStreamMethod<A, O, E>,
        run: F,
    ) -> Self
    where
        A: ArgTuple,
        O: 'static,
        E: 'static,
        F: Fn(A, Outgoing<O>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.answer(run, |to| {
            to.server_stream(method, |run, _, request, out| async move {
                let running = run(request.decode()?, out);
                Ok(running.await)
            });
        })
    }

    /// Passes the stream of input to the closure and answers with the result of its future.
    #[must_use]
    pub fn on_client_stream<A, I, O, E, F, Fut>(
        self,
        method: &'static ClientStreamMethod<A, I, O, E>,
        run: F,
    ) -> Self
    where
        A: ArgTuple,
        I: 'static,
        O: 'static,
        E: 'static,
        F: Fn(A, Incoming<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
    {
        self.answer(run, |to| {
            to.client_stream(method, |run, _, request, input| async move {
                let running = run(request.decode()?, input);
                Ok(running.await)
            });
        })
    }

    /// Passes the stream of input to the closure and answers with the stream that its future sends.
    #[must_use]
    pub fn on_two_way<A, I, O, E, F, Fut>(
        self,
        method: &'static TwoWayMethod<A, I, O, E>,
        run: F,
    ) -> Self
    where
        A: ArgTuple,
        I: 'static,
        O: 'static,
        E: 'static,
        F: Fn(A, Incoming<I>, Outgoing<O>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.answer(run, |to| {
            to.two_way(method, |run, _, request, input, out| async move {
                let running = run(request.decode()?, input, out);
                Ok(running.await)
            });
        })
    }

    fn answer<F>(mut self, answer: F, add: impl FnOnce(&mut Handlers<'_, F>)) -> Self {
        let mut handlers = Handlers::new(Arc::new(answer), Registrar::new(&mut self.registry));
        add(&mut handlers);
        handlers.finish().expect(TWICE);
        self
    }

    /// Returns a connection to this peer, for the clients under test.
    #[must_use]
    pub fn connection(self) -> Connection {
        crate::net::in_process(self.registry)
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mock")
    }
}
