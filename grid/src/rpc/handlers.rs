//! Turns typed methods into raw handlers, which decode the arguments, run the implementation and encode the answer.
//! [`Served`](super::Served) and [`Mock`](super::Mock) use it; handlers that stay on one thread are in `local.rs`.
//!
//! Every future is boxed once, here, so the code that spawns and polls it is compiled once for all handlers.
#![expect(
    clippy::manual_async_fn,
    reason = "the future of an async function has room for each argument twice"
)]

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::args::ArgTuple;
use super::method::{ClientStreamMethod, Method, ServerStreamMethod, TwoWayMethod};
use super::registrar::Registrar;
use super::stream::{Incoming, Outgoing};
use crate::descriptor::MethodInfo;
use crate::error::Fault;
use crate::net::Body;
use crate::net::log;
use crate::net::{RawHandler, RawReceiver, RawSender, RegisterError, RunSingle};
use crate::{CodecError, Context, ErrorCode};

/// Adds the methods of one implementation to the table.
///
/// After the first error it ignores further methods.
pub struct Handlers<'a, T> {
    service: Arc<T>,
    added: Added<'a>,
}

/// The part that is independent of the implementation, so that it is compiled once.
pub(super) struct Added<'a> {
    pub(super) to: Registrar<'a>,
    result: Result<(), RegisterError>,
}

impl<'a> Added<'a> {
    pub(super) fn new(to: Registrar<'a>) -> Self {
        Self { to, result: Ok(()) }
    }

    /// Returns the table, or the first error.
    pub(super) fn finish(self) -> Result<Registrar<'a>, RegisterError> {
        self.result.map(|()| self.to)
    }

    pub(super) fn insert(&mut self, info: &MethodInfo, handler: RawHandler) {
        if self.result.is_ok() {
            self.result = self.to.insert(info, handler);
        }
    }
}

impl<T> fmt::Debug for Handlers<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers").field("to", &self.added.to).finish_non_exhaustive()
    }
}

impl<'a, T> Handlers<'a, T> {
    pub(super) fn new(service: Arc<T>, to: Registrar<'a>) -> Self {
        Self { service, added: Added::new(to) }
    }

    /// Returns the table, or the first error.
    pub(super) fn finish(self) -> Result<Registrar<'a>, RegisterError> {
        self.added.finish()
    }
}

impl<T: Send + Sync + 'static> Handlers<'_, T> {
    /// Adds a single request.
    pub fn single<A, O, E, K, F, Fut>(&mut self, method: &'static Method<A, O, E, K>, run: F)
    where
        A: ArgTuple,
        O: 'static,
        E: 'static,
        F: Fn(Arc<T>, Context, Request<A>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Decoded<Result<O, E>>> + Send + 'static,
    {
        let service = Arc::clone(&self.service);
        let run: Arc<RunSingle> = Arc::new(move |cx, payload| {
            Box::pin(single(method, run, Arc::clone(&service), cx, payload))
        });
        let handler = RawHandler::Single { run, inline: method.info.is_inline() };
        self.added.insert(&method.info, handler);
    }

    /// Adds a single request whose handler is a plain function that may block its thread.
    ///
    /// The arguments are decoded and the answer is encoded on that thread too, since the code of their types may block as
    /// well.
    pub fn blocking<A, O, E, K, F>(&mut self, method: &'static Method<A, O, E, K>, run: F)
    where
        A: ArgTuple,
        O: 'static,
        E: 'static,
        F: Fn(Arc<T>, Context, A) -> Result<O, E> + Copy + Send + Sync + 'static,
    {
        let service = Arc::clone(&self.service);
        let run: Arc<RunSingle> = Arc::new(move |cx, payload| {
            let service = Arc::clone(&service);
            Box::pin(cx.run_blocking(move |cx| {
                let args = A::__decode(payload, &method.args).map_err(bad_request)?;
                match run(service, cx, args) {
                    Ok(answer) => method.output.encode(answer).map_err(bad_answer(&method.info)),
                    Err(error) => Err((method.error.encode)(error)),
                }
            }))
        });
        self.added.insert(&method.info, RawHandler::Single { run, inline: false });
    }

    /// Adds a method that answers with a stream.
    pub fn server_stream<A, O, E, F, Fut>(
        &mut self,
        method: &'static ServerStreamMethod<A, O, E>,
        run: F,
    ) where
        A: ArgTuple,
        O: 'static,
        E: 'static,
        F: Fn(Arc<T>, Context, Request<A>, Outgoing<O>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Decoded<Result<(), E>>> + Send + 'static,
    {
        let service = Arc::clone(&self.service);
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, receiver, sender| {
                receiver.unused();
                Box::pin(server_stream(method, run, Arc::clone(&service), cx, payload, sender))
            }),
        };
        self.added.insert(&method.info, handler);
    }

    /// Adds a method that takes a stream and answers once.
    pub fn client_stream<A, I, O, E, F, Fut>(
        &mut self,
        method: &'static ClientStreamMethod<A, I, O, E>,
        run: F,
    ) where
        A: ArgTuple,
        I: 'static,
        O: 'static,
        E: 'static,
        F: Fn(Arc<T>, Context, Request<A>, Incoming<I>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Decoded<Result<O, E>>> + Send + 'static,
    {
        let service = Arc::clone(&self.service);
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, receiver, sender| {
                let ends = (receiver, sender);
                Box::pin(client_stream(method, run, Arc::clone(&service), cx, payload, ends))
            }),
        };
        self.added.insert(&method.info, handler);
    }

    /// Adds a method with a stream in each direction.
    pub fn two_way<A, I, O, E, F, Fut>(&mut self, method: &'static TwoWayMethod<A, I, O, E>, run: F)
    where
        A: ArgTuple,
        I: 'static,
        O: 'static,
        E: 'static,
        F: Fn(Arc<T>, Context, Request<A>, Incoming<I>, Outgoing<O>) -> Fut
            + Copy
            + Send
            + Sync
            + 'static,
        Fut: Future<Output = Decoded<Result<(), E>>> + Send + 'static,
    {
        let service = Arc::clone(&self.service);
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, receiver, sender| {
                let ends = (receiver, sender);
                Box::pin(two_way(method, run, Arc::clone(&service), cx, payload, ends))
            }),
        };
        self.added.insert(&method.info, handler);
    }
}

// What a handler does, by an implementation behind a pointer `P`: an `Arc`, or an `Rc` in `local.rs`.

pub(super) fn single<P, A: ArgTuple, O: 'static, E: 'static, K, Fut>(
    method: &'static Method<A, O, E, K>,
    run: impl FnOnce(P, Context, Request<A>) -> Fut,
    service: P,
    cx: Context,
    payload: Option<Bytes>,
) -> impl Future<Output = Result<Option<Body>, Fault>>
where
    Fut: Future<Output = Decoded<Result<O, E>>>,
{
    async move {
        let request = Request { payload, specs: &method.args };
        match run(service, cx, request).await? {
            Ok(answer) => method.output.encode(answer).map_err(bad_answer(&method.info)),
            Err(error) => Err((method.error.encode)(error)),
        }
    }
}

pub(super) fn server_stream<P, A: ArgTuple, O: 'static, E: 'static, Fut>(
    method: &'static ServerStreamMethod<A, O, E>,
    run: impl FnOnce(P, Context, Request<A>, Outgoing<O>) -> Fut,
    service: P,
    cx: Context,
    payload: Option<Bytes>,
    sender: RawSender,
) -> impl Future<Output = Result<(), Fault>>
where
    Fut: Future<Output = Decoded<Result<(), E>>>,
{
    async move {
        let request = Request { payload, specs: &method.args };
        let broken = Arc::default();
        let out = Outgoing::new(sender, method.output, Arc::clone(&broken));
        let result = run(service, cx, request, out).await?;
        end(result.map_err(method.error.encode), &broken, &method.info)
    }
}

pub(super) fn client_stream<P, A: ArgTuple, I: 'static, O: 'static, E: 'static, Fut>(
    method: &'static ClientStreamMethod<A, I, O, E>,
    run: impl FnOnce(P, Context, Request<A>, Incoming<I>) -> Fut,
    service: P,
    cx: Context,
    payload: Option<Bytes>,
    (receiver, sender): (RawReceiver, RawSender),
) -> impl Future<Output = Result<(), Fault>>
where
    Fut: Future<Output = Decoded<Result<O, E>>>,
{
    async move {
        let request = Request { payload, specs: &method.args };
        let input = Incoming::new(receiver, method.input);
        let answer = run(service, cx, request, input).await?;
        let answer = answer.map_err(method.error.encode)?;
        if let Some(answer) = method.output.encode(answer).map_err(bad_answer(&method.info))? {
            send_last(sender, answer).await;
        }
        Ok(())
    }
}

pub(super) fn two_way<P, A: ArgTuple, I: 'static, O: 'static, E: 'static, Fut>(
    method: &'static TwoWayMethod<A, I, O, E>,
    run: impl FnOnce(P, Context, Request<A>, Incoming<I>, Outgoing<O>) -> Fut,
    service: P,
    cx: Context,
    payload: Option<Bytes>,
    (receiver, sender): (RawReceiver, RawSender),
) -> impl Future<Output = Result<(), Fault>>
where
    Fut: Future<Output = Decoded<Result<(), E>>>,
{
    async move {
        let request = Request { payload, specs: &method.args };
        let broken = Arc::default();
        let input = Incoming::new(receiver, method.input);
        let out = Outgoing::new(sender, method.output, Arc::clone(&broken));
        let result = run(service, cx, request, input, out).await?;
        end(result.map_err(method.error.encode), &broken, &method.info)
    }
}

/// The request of a call, which is not decoded yet.
///
/// Generated code decodes it and passes the arguments on at once. A future that held them would not be `Send` if they are
/// not, and the compiler would report that as well as the argument's type.
pub struct Request<A: ArgTuple> {
    payload: Option<Bytes>,
    specs: &'static A::Specs,
}

impl<A: ArgTuple> Request<A> {
    /// Decodes the arguments.
    ///
    /// # Errors
    ///
    /// If the payload is not what the types expect. The handler does not run.
    pub fn decode(self) -> Decoded<A> {
        A::__decode(self.payload, self.specs).map_err(|error| BadRequest(bad_request(error)))
    }
}

impl<A: ArgTuple> fmt::Debug for Request<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").finish_non_exhaustive()
    }
}

/// A value, unless the request could not be decoded.
pub type Decoded<T> = Result<T, BadRequest>;

/// The request could not be decoded.
#[derive(Debug)]
pub struct BadRequest(Fault);

impl From<BadRequest> for Fault {
    fn from(BadRequest(fault): BadRequest) -> Self {
        fault
    }
}

fn bad_request(error: CodecError) -> Fault {
    Fault::new(ErrorCode::BadRequest, format!("cannot decode the request: {error}"))
}

fn bad_answer(method: &MethodInfo) -> impl FnOnce(CodecError) -> Fault {
    move |error| {
        let (service, method) = (method.service(), method.name());
        // The handler has returned: this is the only record on this node.
        log!(debug, service, method, %error, "cannot encode an answer");
        let text = format!("cannot encode the answer of {service}/{method}: {error}");
        Fault::new(ErrorCode::Handler, text)
    }
}

/// The end of a stream: the handler's result, or the error of an item that could not be encoded.
fn end(
    result: Result<(), Fault>,
    broken: &OnceLock<CodecError>,
    method: &MethodInfo,
) -> Result<(), Fault> {
    match broken.get() {
        Some(error) => Err(bad_answer(method)(error.clone())),
        None => result,
    }
}

/// Sends the answer of a client stream. Does nothing if the caller has gone.
async fn send_last(mut sender: RawSender, answer: Body) {
    if poll_fn(|cx| sender.poll_ready(cx)).await.is_ok() {
        let _ = sender.start_send(answer);
    }
}
