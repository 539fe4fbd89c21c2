//! In builds with debug assertions: notices handlers that make calls which may take longer than they may themselves.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use super::context::Context;

type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Starts the handler of a call.
#[cfg(not(debug_assertions))]
pub(in crate::net) fn watch<T>(
    context: Context,
    start: impl FnOnce(Context) -> Running<T>,
) -> Running<T> {
    start(context)
}

/// Runs a handler that stays on one thread, which is not the one where [`watch`] has started it.
#[cfg(not(debug_assertions))]
pub(crate) fn watch_local<F: Future>(_: &Context, running: F) -> F {
    running
}

/// A call with this deadline begins.
#[cfg(not(debug_assertions))]
pub(super) fn check(_: Option<Instant>, _: impl Fn() -> Arc<str>) {}

/// Runs code whose calls need no deadline of the handler.
#[cfg(not(debug_assertions))]
pub(super) fn exempt<T>(run: impl FnOnce() -> T) -> T {
    run()
}

#[cfg(debug_assertions)]
pub(in crate::net) use self::watched::watch;
#[cfg(debug_assertions)]
pub(crate) use self::watched::watch_local;
#[cfg(debug_assertions)]
pub(super) use self::watched::{check, exempt};

#[cfg(debug_assertions)]
mod watched {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::pin::pin;

    use super::{Arc, Context, Instant, Running};
    use crate::net::link::peer::Peer;
    use crate::proto::RouteIndex;

    thread_local! {
        /// The handler that is polled on this thread.
        static SERVING: RefCell<Option<Arc<Serving>>> = const { RefCell::new(None) };
    }

    struct Serving {
        peer: Arc<Peer>,
        route: RouteIndex,
        deadline: Instant,
    }

    impl Serving {
        /// `None` without a deadline, which calls could inherit.
        fn of(context: &Context) -> Option<Arc<Self>> {
            let deadline = context.deadline()?.into_std();
            let (peer, route) = (Arc::clone(context.link()), context.route());
            Some(Arc::new(Self { peer, route, deadline }))
        }
    }

    /// Calls that are made until this is dropped are those of the handler.
    struct Entered(Option<Arc<Serving>>);

    fn enter(serving: &Arc<Serving>) -> Entered {
        Entered(SERVING.replace(Some(Arc::clone(serving))))
    }

    impl Drop for Entered {
        fn drop(&mut self) {
            SERVING.set(self.0.take());
        }
    }

    pub(in crate::net) fn watch<T: 'static>(
        context: Context,
        start: impl FnOnce(Context) -> Running<T>,
    ) -> Running<T> {
        let serving = Serving::of(&context);
        let mut running = start(context);
        let Some(serving) = serving else { return running };
        Box::pin(poll_fn(move |cx| {
            let _entered = enter(&serving);
            running.as_mut().poll(cx)
        }))
    }

    pub(in crate::net::call) fn exempt<T>(run: impl FnOnce() -> T) -> T {
        let _entered = Entered(SERVING.take());
        run()
    }

    pub(crate) fn watch_local<F: Future>(
        context: &Context,
        running: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let serving = Serving::of(context);
        async move {
            let mut running = pin!(running);
            poll_fn(|cx| {
                let _entered = serving.as_ref().map(enter);
                running.as_mut().poll(cx)
            })
            .await
        }
    }

    pub(in crate::net::call) fn check(deadline: Option<Instant>, called: impl Fn() -> Arc<str>) {
        let Some(serving) = SERVING.with_borrow(Clone::clone) else { return };
        if deadline.is_none_or(|deadline| deadline > serving.deadline) {
            serving.peer.lints.not_inherited(serving.route, called());
        }
    }
}
