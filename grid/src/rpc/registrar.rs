//! The callee's side: a service puts its methods into the node's table, each as one raw handler.
//!
//! Every future is boxed once, here; whatever spawns and polls it is compiled once for all handlers.

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::{Arc, OnceLock};

use super::args::ArgTuple;
use super::method::{ClientStreamMethod, Method, ServerStreamMethod, TwoWayMethod};
use super::stream::{Incoming, Outgoing};
use crate::descriptor::{MethodInfo, ServiceDescriptor};
use crate::error::Fault;
use crate::net::{Builder, RawHandler, RawSender, RegisterError, Registry, RunSingle, join};
use crate::{CodecError, Context, ErrorCode};

/// What can be given to a node to serve: the generated servers, or anything else that registers handlers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a grid service",
    label = "not a service",
    note = "wrap it in the server that `#[grid::service]` made of its trait: `DiskServer::new(disk)`"
)]
pub trait Service: Sized {
    /// Puts all handlers of the service into the table.
    ///
    /// # Errors
    ///
    /// If a handler's id and subroute are taken; the error names both methods.
    fn register(self, to: &mut Registrar<'_>) -> Result<(), RegisterError>;
}

/// The table of a node's handlers, as a [`Service`] sees it.
pub struct Registrar<'a> {
    registry: &'a mut Registry,
    subroute: Option<String>,
}

impl fmt::Debug for Registrar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar").field("subroute", &self.subroute).finish_non_exhaustive()
    }
}

impl<'a> Registrar<'a> {
    /// Makes a registrar of this table, without a subroute.
    pub(crate) fn new(registry: &'a mut Registry) -> Self {
        Self { registry, subroute: None }
    }

    /// The same table, for handlers under a further subroute, or under the same one if there is none.
    pub fn under(&mut self, subroute: Option<String>) -> Registrar<'_> {
        let subroute = match (self.subroute.clone(), subroute) {
            (Some(outer), Some(inner)) => Some(join(&outer, &inner)),
            (outer, inner) => outer.or(inner),
        };
        Registrar { registry: self.registry, subroute }
    }

    /// Adds a single request.
    ///
    /// # Errors
    ///
    /// If the method's id is taken under this subroute.
    pub fn single<S, A, O, E, F, Fut>(
        &mut self,
        service: &Arc<S>,
        method: &'static Method<A, O, E>,
        run: F,
    ) -> Result<(), RegisterError>
    where
        S: Send + Sync + 'static,
        A: ArgTuple,
        O: 'static,
        E: 'static,
        F: Fn(Arc<S>, Context, A) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
    {
        let service = service.clone();
        let run: Arc<RunSingle> = Arc::new(move |cx, payload| {
            let service = service.clone();
            Box::pin(async move {
                let args = A::__decode(payload, &method.args).map_err(bad_request)?;
                match run(service, cx, args).await {
                    Ok(answer) => method.output.encode(answer).map_err(bad_answer),
                    Err(error) => Err((method.error.encode)(error)),
                }
            })
        });
        let handler = RawHandler::Single { run, inline: method.info.is_inline() };
        self.insert(&method.info, handler)
    }

    /// Adds a method that answers with a stream.
    ///
    /// # Errors
    ///
    /// If the method's id is taken under this subroute.
    pub fn server_stream<S, A, O, E, F, Fut>(
        &mut self,
        service: &Arc<S>,
        method: &'static ServerStreamMethod<A, O, E>,
        run: F,
    ) -> Result<(), RegisterError>
    where
        S: Send + Sync + 'static,
        A: ArgTuple,
        O: 'static,
        E: 'static,
        F: Fn(Arc<S>, Context, A, Outgoing<O>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        let service = service.clone();
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, _, sender| {
                let service = service.clone();
                Box::pin(async move {
                    let args = A::__decode(payload, &method.args).map_err(bad_request)?;
                    let broken = Arc::default();
                    let out = Outgoing::new(sender, method.output, Arc::clone(&broken));
                    let result = run(service, cx, args, out).await;
                    end(result.map_err(method.error.encode), &broken)
                })
            }),
        };
        self.insert(&method.info, handler)
    }

    /// Adds a method that takes a stream and answers once.
    ///
    /// # Errors
    ///
    /// If the method's id is taken under this subroute.
    pub fn client_stream<S, A, I, O, E, F, Fut>(
        &mut self,
        service: &Arc<S>,
        method: &'static ClientStreamMethod<A, I, O, E>,
        run: F,
    ) -> Result<(), RegisterError>
    where
        S: Send + Sync + 'static,
        A: ArgTuple,
        I: 'static,
        O: 'static,
        E: 'static,
        F: Fn(Arc<S>, Context, A, Incoming<I>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
    {
        let service = service.clone();
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, receiver, sender| {
                let service = service.clone();
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
        self.insert(&method.info, handler)
    }

    /// Adds a method of a stream each way.
    ///
    /// # Errors
    ///
    /// If the method's id is taken under this subroute.
    pub fn two_way<S, A, I, O, E, F, Fut>(
        &mut self,
        service: &Arc<S>,
        method: &'static TwoWayMethod<A, I, O, E>,
        run: F,
    ) -> Result<(), RegisterError>
    where
        S: Send + Sync + 'static,
        A: ArgTuple,
        I: 'static,
        O: 'static,
        E: 'static,
        F: Fn(Arc<S>, Context, A, Incoming<I>, Outgoing<O>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        let service = service.clone();
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, receiver, sender| {
                let service = service.clone();
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
        self.insert(&method.info, handler)
    }

    /// Lists a service whose methods have been added, for [`Manager::services`](crate::Manager::services).
    pub fn describe(&mut self, descriptor: &'static ServiceDescriptor) {
        self.registry.describe(descriptor, self.subroute.as_deref());
    }

    fn insert(&mut self, info: &MethodInfo, handler: RawHandler) -> Result<(), RegisterError> {
        let name = format!("{}/{}", info.service(), info.name());
        self.registry.insert(name.into(), info.id(), self.subroute.as_deref(), handler)
    }
}

fn bad_request(error: CodecError) -> Fault {
    Fault::new(ErrorCode::BadRequest, format!("cannot decode the request: {error}"))
}

fn bad_answer(error: CodecError) -> Fault {
    Fault::new(ErrorCode::Handler, format!("cannot encode the answer: {error}"))
}

/// What a stream ends with: what the handler returned, unless an item of it could not be encoded.
fn end(result: Result<(), Fault>, broken: &OnceLock<CodecError>) -> Result<(), Fault> {
    match broken.get() {
        Some(error) => Err(bad_answer(error.clone())),
        None => result,
    }
}

/// Sends the one answer of a client stream. If the caller has gone, nobody is left to be told.
async fn send_last(mut sender: RawSender, answer: bytes::Bytes) {
    if poll_fn(|cx| sender.poll_ready(cx)).await.is_ok() {
        let _ = sender.start_send(answer);
    }
}

impl Builder {
    /// Serves a service: the server that `#[grid::service]` made of a trait, over the user's implementation.
    ///
    /// A method whose id is taken under its subroute makes [`build`](Self::build) fail.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// #[grid::service]
    /// trait Hello {
    ///     async fn greet(&self, name: String) -> String;
    /// }
    ///
    /// struct English;
    ///
    /// impl Hello for English {
    ///     async fn greet(&self, name: String) -> String {
    ///         format!("Hello, {name}!")
    ///     }
    /// }
    ///
    /// let node = "http://node1:9000";
    /// let manager = grid::Manager::builder(node).service(HelloServer::new(English)).build()?;
    /// let hello = HelloClient::new(manager.connection(node)?);
    /// assert_eq!(hello.greet("grid".into()).await?, "Hello, grid!");
    /// # Ok(())
    /// # }
    /// ```
    pub fn service(self, service: impl Service) -> Self {
        self.register(|registry| service.register(&mut Registrar::new(registry)))
    }
}
