//! Turns typed methods into raw handlers, which decode the arguments, run the implementation and encode the answer.
//! [`Served`](super::Served) and [`Mock`](super::Mock) use it.
//!
//! Every future is boxed once, here, so the code that spawns and polls it is compiled once for all handlers.

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::{Arc, OnceLock};

use super::args::ArgTuple;
use super::method::{ClientStreamMethod, Method, ServerStreamMethod, TwoWayMethod};
use super::registrar::Registrar;
use super::stream::{Incoming, Outgoing};
use crate::descriptor::MethodInfo;
use crate::error::Fault;
use crate::net::{RawHandler, RawSender, RegisterError, RunSingle};
use crate::{CodecError, Context, ErrorCode};

/// Adds the methods of one implementation to the table.
///
/// After the first error it ignores further methods.
pub struct Handlers<'a, T> {
    service: Arc<T>,
    added: Added<'a>,
}

/// The part that is independent of the implementation, so that it is compiled once.
struct Added<'a> {
    to: Registrar<'a>,
    result: Result<(), RegisterError>,
}

impl Added<'_> {
    fn insert(&mut self, info: &MethodInfo, handler: RawHandler) {
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
        Self { service, added: Added { to, result: Ok(()) } }
    }

    /// Returns the table, or the first error.
    pub(super) fn finish(self) -> Result<Registrar<'a>, RegisterError> {
        self.added.result.map(|()| self.added.to)
    }
}

impl<T: Send + Sync + 'static> Handlers<'_, T> {
    /// Adds a single request.
    pub fn single<A, O, E, F, Fut>(&mut self, method: &'static Method<A, O, E>, run: F)
    where
        A: ArgTuple,
        O: 'static,
        E: 'static,
        F: Fn(Arc<T>, Context, A) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
    {
        let service = Arc::clone(&self.service);
        let run: Arc<RunSingle> = Arc::new(move |cx, payload| {
            let service = Arc::clone(&service);
            Box::pin(async move {
                let args = A::__decode(payload, &method.args).map_err(bad_request)?;
                match run(service, cx, args).await {
                    Ok(answer) => method.output.encode(answer).map_err(bad_answer),
                    Err(error) => Err((method.error.encode)(error)),
                }
            })
        });
        let handler = RawHandler::Single { run, inline: method.info.is_inline() };
        self.added.insert(&method.info, handler);
    }

    /// Adds a single request whose handler is a plain function that may block its thread.
    ///
    /// The arguments are decoded and the answer is encoded on that thread too, since the code of their types may block as
    /// well.
    pub fn blocking<A, O, E, F>(&mut self, method: &'static Method<A, O, E>, run: F)
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
                    Ok(answer) => method.output.encode(answer).map_err(bad_answer),
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
        F: Fn(Arc<T>, Context, A, Outgoing<O>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        let service = Arc::clone(&self.service);
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, receiver, sender| {
                receiver.unused();
                let service = Arc::clone(&service);
                Box::pin(async move {
                    let args = A::__decode(payload, &method.args).map_err(bad_request)?;
                    let broken = Arc::default();
                    let out = Outgoing::new(sender, method.output, Arc::clone(&broken));
                    let result = run(service, cx, args, out).await;
                    end(result.map_err(method.error.encode), &broken)
                })
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
        F: Fn(Arc<T>, Context, A, Incoming<I>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
    {
        let service = Arc::clone(&self.service);
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, receiver, sender| {
                let service = Arc::clone(&service);
                Box::pin(async move {
                    let args = A::__decode(payload, &method.args).map_err(bad_request)?;
                    let answer =
                        run(service, cx, args, Incoming::new(receiver, method.input)).await;
                    let answer = answer.map_err(method.error.encode)?;
                    if let Some(answer) = method.output.encode(answer).map_err(bad_answer)? {
                        send_last(sender, answer).await;
                    }
                    Ok(())
                })
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
        F: Fn(Arc<T>, Context, A, Incoming<I>, Outgoing<O>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        let service = Arc::clone(&self.service);
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, receiver, sender| {
                let service = Arc::clone(&service);
                Box::pin(async move {
                    let args = A::__decode(payload, &method.args).map_err(bad_request)?;
                    let broken = Arc::default();
                    let input = Incoming::new(receiver, method.input);
                    let out = Outgoing::new(sender, method.output, Arc::clone(&broken));
                    let result = run(service, cx, args, input, out).await;
                    end(result.map_err(method.error.encode), &broken)
                })
            }),
        };
        self.added.insert(&method.info, handler);
    }
}

fn bad_request(error: CodecError) -> Fault {
    Fault::new(ErrorCode::BadRequest, format!("cannot decode the request: {error}"))
}

fn bad_answer(error: CodecError) -> Fault {
    Fault::new(ErrorCode::Handler, format!("cannot encode the answer: {error}"))
}

/// The end of a stream: the handler's result, or the error of an item that could not be encoded.
fn end(result: Result<(), Fault>, broken: &OnceLock<CodecError>) -> Result<(), Fault> {
    match broken.get() {
        Some(error) => Err(bad_answer(error.clone())),
        None => result,
    }
}

/// Sends the answer of a client stream. Does nothing if the caller has gone.
async fn send_last(mut sender: RawSender, answer: bytes::Bytes) {
    if poll_fn(|cx| sender.poll_ready(cx)).await.is_ok() {
        let _ = sender.start_send(answer);
    }
}
