//! Services whose handlers stay on one thread: `#[grid::service(local)]`.
//!
//! [`LocalServed::local`] spawns a local task that owns the implementation. The handlers that are registered with the node
//! send it what a call consists of, and wait for the outcome. The future of a handler is made, polled and dropped on the
//! thread of that task; only bytes and the ends of streams change threads.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use super::args::ArgTuple;
use super::handlers::{Added, Decoded, Request, client_stream, server_stream, single, two_way};
use super::method::{ClientStreamMethod, Method, ServerStreamMethod, TwoWayMethod};
use super::registrar::{Registrar, Service};
use super::served::below;
use super::stream::{Incoming, Outgoing};
use crate::error::Fault;
use crate::intercept::in_trace;
use crate::net::{
    CaughtSpan, HandlerFuture, Panic, RawHandler, RegisterError, RunSingle, catch, caught,
    watch_local,
};
use crate::{Context, ErrorCode, ServiceDescriptor};

/// Calls in the queue of a service. Further ones wait in tasks of their own, where a cancelled call leaves nothing behind;
/// in the queue it leaves an entry until the thread of the service comes to it.
const QUEUE_CALLS_MAX: usize = 256;

type Running = Pin<Box<dyn Future<Output = ()>>>;

/// Starts a handler on the thread of its service, unless its call is over.
type Job<T> = Box<dyn FnOnce(Rc<T>) -> Option<Running> + Send>;

/// A server of a service with `#[grid::service(local)]`: an implementation `T` that stays on one thread.
///
/// `#[grid::service(local)]` on a trait `Counter` generates the alias `CounterServer<T>` of this type. The server can be
/// sent to the thread where the node is built; the implementation cannot, and need not be `Send`. See
/// [the attribute](crate::service#services-on-one-thread) for what happens when.
///
/// Clones are servers of the same implementation.
///
/// ```
/// use std::cell::Cell;
///
/// #[grid::service(local)]
/// trait Counter {
///     async fn add(&self, n: u64) -> u64;
/// }
///
/// struct Plain(Cell<u64>);
///
/// impl Counter for Plain {
///     async fn add(&self, n: u64) -> u64 {
///         self.0.set(self.0.get() + n);
///         self.0.get()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let local = tokio::task::LocalSet::new();
/// local.run_until(async {
///     let node = "http://node1:9000";
///     let server = CounterServer::local(Plain(Cell::new(0)));
///     let manager = grid::Manager::builder(node).service(server).build()?;
///     let counter = CounterClient::new(manager.connection(node)?);
///     counter.add(2).await?;
///     assert_eq!(counter.add(3).await?, 5);
///     Ok(())
/// }).await
/// # }
/// ```
#[must_use = "a server does nothing until it is registered with a node: `builder.service(server)`"]
pub struct LocalServed<T, S> {
    jobs: mpsc::Sender<Job<T>>,
    subroute: Option<String>,
    contract: PhantomData<fn() -> S>,
}

impl<T: 'static, S> LocalServed<T, S> {
    /// Creates a server of this implementation, whose handlers run in the current [`LocalSet`](tokio::task::LocalSet).
    ///
    /// # Panics
    ///
    /// Outside of a `LocalSet`.
    #[track_caller]
    pub fn local(service: T) -> Self {
        Self::from_rc(Rc::new(service))
    }

    /// The same for an implementation that other services of this thread share.
    ///
    /// # Panics
    ///
    /// Outside of a [`LocalSet`](tokio::task::LocalSet).
    #[track_caller]
    pub fn from_rc(service: Rc<T>) -> Self {
        let (jobs, mut queue) = mpsc::channel::<Job<T>>(QUEUE_CALLS_MAX);
        // It ends when the node is gone, and so do the handlers, each when its call is over.
        tokio::task::spawn_local(async move {
            while let Some(start) = queue.recv().await {
                // Of a call that is over, it drops what was sent, which can be a buffer of the user's.
                catch("the drop of a payload", || {
                    if let Some(handler) = start(Rc::clone(&service)) {
                        tokio::task::spawn_local(handler);
                    }
                });
            }
        });
        Self { jobs, subroute: None, contract: PhantomData }
    }

    /// Registers the service under this subroute. A second call appends to the first: `a`, then `b`, is `a/b`.
    pub fn subroute(mut self, path: impl Into<String>) -> Self {
        self.subroute = Some(below(self.subroute, path.into()));
        self
    }
}

impl<T, S> Clone for LocalServed<T, S> {
    fn clone(&self) -> Self {
        let Self { jobs, subroute, contract } = self;
        Self { jobs: jobs.clone(), subroute: subroute.clone(), contract: *contract }
    }
}

impl<T, S: LocallyServedBy<T>> fmt::Debug for LocalServed<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalServed")
            .field("service", &S::DESCRIPTOR.name())
            .field("subroute", &self.subroute)
            .finish_non_exhaustive()
    }
}

impl<T: 'static, S: LocallyServedBy<T>> Service for LocalServed<T, S> {
    fn register(self, to: &mut Registrar<'_>) -> Result<(), RegisterError> {
        let to = to.under(self.subroute.as_deref().unwrap_or_default());
        let thread = Thread { jobs: self.jobs, service: S::DESCRIPTOR.name() };
        let mut handlers = LocalHandlers { thread, added: Added::new(to) };
        S::add_methods(&mut handlers);
        handlers.added.finish()?.describe(S::DESCRIPTOR);
        Ok(())
    }
}

/// Generated code implements it for the client of a local service, where `T` is any implementation of the service.
pub trait LocallyServedBy<T> {
    /// Descriptor of the service.
    const DESCRIPTOR: &'static ServiceDescriptor;

    /// Adds one handler per method.
    fn add_methods(to: &mut LocalHandlers<'_, T>);
}

/// The way to the thread of a service.
struct Thread<T> {
    jobs: mpsc::Sender<Job<T>>,
    service: &'static str,
}

impl<T> Clone for Thread<T> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone(), service: self.service }
    }
}

/// How a handler has ended on its thread.
enum Outcome<R> {
    Returned(Result<R, Fault>),
    Panicked(Panic),
    /// The thread has not started it.
    Unstarted,
}

/// Where the outcome of a call is sent. Dropped before the handler starts, it says so.
struct Unstarted<R>(Option<oneshot::Sender<Outcome<R>>>);

impl<R> Drop for Unstarted<R> {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            let _ = answer.send(Outcome::Unstarted);
        }
    }
}

impl<T: 'static> Thread<T> {
    /// Runs a handler on the thread. Dropping the returned future drops the handler's on its thread.
    fn run<R, Fut>(
        &self,
        context: Context,
        handler: impl FnOnce(Rc<T>, Context) -> Fut + Send + 'static,
    ) -> HandlerFuture<Result<R, Fault>>
    where
        R: Send + 'static,
        Fut: Future<Output = Result<R, Fault>> + 'static,
    {
        let Self { jobs, service } = self.clone();
        Box::pin(async move {
            let (answer, outcome) = oneshot::channel();
            let mut unstarted = Unstarted(Some(answer));
            // The handler runs in another task, which has neither.
            let (span, trace) = (CaughtSpan::new(Span::current), context.trace());
            let job: Job<T> = Box::new(move |implementation| {
                let answer = unstarted.0.take().filter(|answer| !answer.is_closed())?;
                let running = run(answer, async move {
                    watch_local(&context.clone(), handler(implementation, context)).await
                });
                Some(Box::pin(span.enclose(in_trace(trace, running))))
            });
            // If the thread takes no jobs any more, dropping this one is the outcome.
            let _ = jobs.send(job).await;
            match outcome.await {
                Ok(Outcome::Returned(result)) => result,
                Ok(Outcome::Panicked(panic)) => std::panic::resume_unwind(panic),
                Ok(Outcome::Unstarted) => Err(Fault::new(
                    ErrorCode::ShuttingDown,
                    format!("the `LocalSet` of the service {service} has ended"),
                )),
                // Dropped while it ran. It may run again only if its caller says so.
                Err(_) => Err(Fault::new(
                    ErrorCode::Handler,
                    format!("the `LocalSet` of the service {service} has ended during the call"),
                )),
            }
        })
    }
}

/// Runs a handler until it returns or nobody waits for it.
async fn run<R>(
    mut answer: oneshot::Sender<Outcome<R>>,
    handler: impl Future<Output = Result<R, Fault>>,
) {
    let mut running = pin!(caught(handler));
    let ended = poll_fn(|cx| {
        if answer.poll_closed(cx).is_ready() {
            return Poll::Ready(None);
        }
        running.as_mut().poll(cx).map(Some)
    });
    if let Some(ended) = ended.await {
        let _ = answer.send(ended.map_or_else(Outcome::Panicked, Outcome::Returned));
    }
}

/// Adds the methods of one local implementation to the table; like [`Handlers`](super::handlers::Handlers).
pub struct LocalHandlers<'a, T> {
    thread: Thread<T>,
    added: Added<'a>,
}

impl<T> fmt::Debug for LocalHandlers<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalHandlers").field("to", &self.added.to).finish_non_exhaustive()
    }
}

impl<T: 'static> LocalHandlers<'_, T> {
    /// Adds a single request.
    pub fn single<A, O, E, K, F, Fut>(&mut self, method: &'static Method<A, O, E, K>, run: F)
    where
        A: ArgTuple,
        O: 'static,
        E: 'static,
        K: 'static,
        F: Fn(Rc<T>, Context, Request<A>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Decoded<Result<O, E>>> + 'static,
    {
        let thread = self.thread.clone();
        let run: Arc<RunSingle> = Arc::new(move |cx, payload| {
            thread.run(cx, move |service, cx| single(method, run, service, cx, payload))
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
        F: Fn(Rc<T>, Context, Request<A>, Outgoing<O>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Decoded<Result<(), E>>> + 'static,
    {
        let thread = self.thread.clone();
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, receiver, sender| {
                receiver.unused();
                thread.run(cx, move |service, cx| {
                    server_stream(method, run, service, cx, payload, sender)
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
        F: Fn(Rc<T>, Context, Request<A>, Incoming<I>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Decoded<Result<O, E>>> + 'static,
    {
        let thread = self.thread.clone();
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, receiver, sender| {
                thread.run(cx, move |service, cx| {
                    client_stream(method, run, service, cx, payload, (receiver, sender))
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
        F: Fn(Rc<T>, Context, Request<A>, Incoming<I>, Outgoing<O>) -> Fut
            + Copy
            + Send
            + Sync
            + 'static,
        Fut: Future<Output = Decoded<Result<(), E>>> + 'static,
    {
        let thread = self.thread.clone();
        let handler = RawHandler::Stream {
            capacities: method.info.capacities(),
            run: Arc::new(move |cx, payload, receiver, sender| {
                thread.run(cx, move |service, cx| {
                    two_way(method, run, service, cx, payload, (receiver, sender))
                })
            }),
        };
        self.added.insert(&method.info, handler);
    }
}

/// A server can be sent to the thread where the node is built, whatever its implementation is.
const _: () = {
    const fn anywhere<T: Send + Sync + 'static>() {}
    anywhere::<LocalServed<*const u8, *const u8>>();
};
