//! Interceptors and recorders around the handlers of a node. Like the hook of permissions, they become part of each handler
//! that they apply to when the node is built.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::timeout_at;

use super::registry::{HandlerFuture, RawHandler, Registry, RunSingle, RunStream};
use super::task::panicked;
use crate::error::{CallFailure, ErrorCode, Fault};
use crate::net::call::context::Context;
use crate::net::call::intercept::call::{Intercepted, Of};
use crate::net::call::intercept::observe::Observer;
use crate::net::call::intercept::outcome::{Outcome, Success};
use crate::net::call::intercept::record::End;
use crate::net::call::intercept::recording::Recording;
use crate::net::call::intercept::{Chain, Wanted};
use crate::net::call::method::split;
use crate::net::catch::{Panic, caught};
use crate::proto::Body;

/// Puts the chain around the handlers that it applies to.
pub(in crate::net) fn intercept(registry: &mut Registry, chain: &Chain) {
    registry.wrap(|name, handler, _| {
        let (service, method) = split(name);
        let handler = match chain.intercepts(service, method) {
            true => &intercepted(handler, chain.clone()),
            false => handler,
        };
        match chain.may_record(service, method) {
            true => recorded(handler, chain.clone()),
            false => handler.clone(),
        }
    });
}

/// Reports the ends of a handler's calls.
fn recorded(handler: &RawHandler, chain: Chain) -> RawHandler {
    match handler {
        RawHandler::Single { run, inline } => {
            let run = Arc::clone(run);
            let run: Arc<RunSingle> = Arc::new(move |context, payload| {
                let Some(weight) = chain.sample(false) else { return run(context, payload) };
                let how = (false, weight);
                let recording = Recording::served(context, len(&payload), how, chain.clone());
                Box::pin(record(recording, Arc::clone(&run), |run, context| run(context, payload)))
            });
            RawHandler::Single { run, inline: *inline }
        }
        RawHandler::Stream { capacities, run } => {
            let run = Arc::clone(run);
            let run: Arc<RunStream> = Arc::new(move |context, payload, input, output| {
                let Some(weight) = chain.sample(true) else {
                    return run(context, payload, input, output);
                };
                let how = (true, weight);
                let recording = Recording::served(context, len(&payload), how, chain.clone());
                Box::pin(record(recording, Arc::clone(&run), |run, context| {
                    run(context, payload, input, output)
                }))
            });
            RawHandler::Stream { capacities: *capacities, run }
        }
    }
}

/// Runs a handler, and reports its end.
async fn record<R: ?Sized, T: Answers>(
    recording: Recording,
    run: Arc<R>,
    start: impl FnOnce(&R, Context) -> HandlerFuture<Result<T, Fault>>,
) -> Result<T, Fault> {
    let context = recording.context().expect("it is the recording of a call that is served");
    // In the future, so that a panic before the handler's first await is caught as well.
    let result = or_panicked(context, caught(async { start(&run, context.clone()).await }).await);
    match &result {
        Ok(answer) => recording.over(End::Ok(answer.bytes())),
        Err(fault) => recording.over(End::Fault(fault)),
    }
    result
}

/// What a handler returns.
trait Answers {
    /// Its length in encoded form.
    fn bytes(&self) -> usize;
}

impl Answers for Option<Body> {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, Body::len)
    }
}

impl Answers for () {
    fn bytes(&self) -> usize {
        0
    }
}

fn or_panicked<T>(context: &Context, ran: Result<Result<T, Fault>, Panic>) -> Result<T, Fault> {
    ran.unwrap_or_else(|panic| {
        Err(panicked(context.local(), context.peer(), context.method(), panic))
    })
}

fn intercepted(handler: &RawHandler, chain: Chain) -> RawHandler {
    match handler {
        RawHandler::Single { run, inline } => {
            RawHandler::Single { run: single(Arc::clone(run), chain), inline: *inline }
        }
        RawHandler::Stream { capacities, run } => {
            RawHandler::Stream { capacities: *capacities, run: stream(Arc::clone(run), chain) }
        }
    }
}

fn single(run: Arc<RunSingle>, chain: Chain) -> Arc<RunSingle> {
    Arc::new(move |context, payload| {
        let (call, wanted) = match wanted(&chain, context, &payload, false) {
            Ok(wanted) => wanted,
            Err(context) => return run(context, payload),
        };
        let run = Arc::clone(&run);
        let outcome = chain.run(call, wanted, move |call| {
            Box::pin(async move {
                let served = serve(call, |context, _| run(context, payload)).await;
                Outcome(served.map(Success::Answer))
            })
        });
        Box::pin(async move { answer_of(outcome.await) })
    })
}

fn stream(run: Arc<RunStream>, chain: Chain) -> Arc<RunStream> {
    Arc::new(move |context, payload, mut input, mut output| {
        let (call, wanted) = match wanted(&chain, context, &payload, true) {
            Ok(wanted) => wanted,
            Err(context) => return run(context, payload, input, output),
        };
        let run = Arc::clone(&run);
        let outcome = chain.run(call, wanted, move |call| {
            Box::pin(async move {
                let served = serve(call, |context, observer| {
                    input.set_observer(observer.clone());
                    output.set_observer(observer);
                    run(context, payload, input, output)
                });
                Outcome(served.await.map(|()| Success::Served))
            })
        });
        Box::pin(async move { answer_of(outcome.await).map(drop) })
    })
}

/// The call, and the interceptors that want it. Without any, returns the context.
fn wanted(
    chain: &Chain,
    context: Context,
    payload: &Option<Bytes>,
    is_stream: bool,
) -> Result<(Intercepted, Wanted), Context> {
    let call = Intercepted::served(context, len(payload), is_stream);
    match (chain.wanted(&call), call) {
        (Some(wanted), call) => Ok((call, wanted)),
        (None, Intercepted { of: Of::Served { context, .. }, .. }) => Err(context),
        (None, Intercepted { of: Of::Made { .. }, .. }) => unreachable!("it was made above"),
    }
}

fn len(payload: &Option<Bytes>) -> usize {
    payload.as_ref().map_or(0, Bytes::len)
}

/// Runs the handler, for no longer than the interceptors allow.
async fn serve<T>(
    call: Intercepted,
    run: impl FnOnce(Context, Option<Observer>) -> HandlerFuture<Result<T, Fault>>,
) -> Result<T, CallFailure> {
    let Intercepted { of: Of::Served { context, is_shortened }, observer, .. } = call else {
        panic!("an interceptor has passed on another call");
    };
    let deadline = context.deadline().filter(|_| is_shortened);
    let of_panic = context.clone();
    // In the future, so that a panic before the handler's first await is caught as well.
    let running = caught(async { run(context, observer).await });
    let ran = match deadline {
        None => running.await,
        Some(deadline) => timeout_at(deadline, running).await.unwrap_or_else(|_| {
            let text = "the handler did not finish in the time that an interceptor has set";
            Ok(Err(Fault::new(ErrorCode::DeadlineExceeded, text)))
        }),
    };
    or_panicked(&of_panic, ran).map_err(CallFailure::Handler)
}

/// What is sent to the caller.
fn answer_of(outcome: Outcome) -> Result<Option<Body>, Fault> {
    match outcome.0 {
        Ok(Success::Answer(answer)) => Ok(answer),
        Ok(Success::Served | Success::Opened(_)) => Ok(None),
        Err(CallFailure::Handler(fault)) => Err(fault),
        Err(other) => Err(Fault::new(ErrorCode::Handler, other.to_string())),
    }
}
