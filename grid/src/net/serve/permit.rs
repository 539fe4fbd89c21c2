//! Permissions: asks the hook of the application before a handler runs.
//!
//! The hook becomes part of each handler when the node is built. So it runs where handlers run, and what protects links
//! from handlers that block or panic also protects them from the hook. Without a hook nothing is added.

use std::fmt;
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;

use super::registry::{RawHandler, Registry};
use crate::auth::{Denied, Identity};
use crate::descriptor::MethodInfo;
use crate::error::{ErrorCode, Fault};
use crate::net::call::context::Context;
use crate::net::call::method::split;
use crate::net::catch::{self, log};

/// The hook of a node.
pub(crate) type Hook = dyn Fn(&CallInfo) -> Result<(), Denied> + Send + Sync;

/// A call that a peer has made, for [`Builder::permit`](crate::Builder::permit): everything but its arguments, which are
/// not decoded yet.
pub struct CallInfo {
    context: Context,
    info: Option<&'static MethodInfo>,
}

impl CallInfo {
    /// Name of the node that calls.
    pub fn peer(&self) -> &str {
        self.context.peer()
    }

    /// What was proven about the node that calls; see [`Context::identity`].
    pub fn identity(&self) -> &Identity {
        self.context.identity()
    }

    /// Name of the service; empty for a handler at the byte level.
    pub fn service(&self) -> &str {
        split(self.context.method()).0
    }

    /// Name of the method without its service; of a handler at the byte level, `handler` with its id.
    pub fn method(&self) -> &str {
        split(self.context.method()).1
    }

    /// Describes the method; `None` for a handler at the byte level.
    pub fn descriptor(&self) -> Option<&'static MethodInfo> {
        self.info
    }

    /// Everything that the handler would know about the call: metadata, subroute, deadline.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

impl fmt::Debug for CallInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallInfo")
            .field("context", &self.context)
            .field("identity", self.identity())
            .finish_non_exhaustive()
    }
}

/// Makes all handlers of a node ask the hook.
pub(in crate::net) fn guard(registry: &mut Registry, hook: &Arc<Hook>) {
    registry.wrap(|_, handler, info| guarded(handler, hook, info));
}

/// Makes the handlers of one service ask the hook.
pub(crate) fn guard_service(registry: &mut Registry, service: &str, hook: &Arc<Hook>) {
    registry.wrap(|name, handler, info| match split(name).0 == service {
        true => guarded(handler, hook, info),
        false => handler.clone(),
    });
}

/// The same handler, which runs only if the hook permits it.
fn guarded(
    handler: &RawHandler,
    hook: &Arc<Hook>,
    info: Option<&'static MethodInfo>,
) -> RawHandler {
    let hook = Arc::clone(hook);
    match handler {
        RawHandler::Single { run, inline } => {
            let run = Arc::clone(run);
            let guarded = move |context, payload: Option<Bytes>| match ask(&*hook, context, info) {
                Ok(context) => run(context, payload),
                Err(fault) => Box::pin(ready(Err(fault))),
            };
            RawHandler::Single { run: Arc::new(guarded), inline: *inline }
        }
        RawHandler::Stream { capacities, run } => {
            let run = Arc::clone(run);
            let guarded = move |context, payload: Option<Bytes>, input, output| match ask(
                &*hook, context, info,
            ) {
                Ok(context) => run(context, payload, input, output),
                Err(fault) => Box::pin(ready(Err(fault))),
            };
            RawHandler::Stream { capacities: *capacities, run: Arc::new(guarded) }
        }
    }
}

/// Asks the hook. A hook that panics permits nothing.
fn ask(hook: &Hook, context: Context, info: Option<&'static MethodInfo>) -> Result<Context, Fault> {
    let call = CallInfo { context, info };
    let (local, peer, method) = (call.context.local(), call.peer(), call.context.method());
    let text = match catch_unwind(AssertUnwindSafe(|| hook(&call))) {
        Ok(Ok(())) => return Ok(call.context),
        Ok(Err(denied)) => {
            log!(debug, local, peer, method, reason = %denied, "a call is not permitted");
            format!("not permitted: {denied}")
        }
        Err(panic) => {
            let text = catch::text(&panic);
            log!(error, local, peer, method, panic = text, "the permission hook panicked");
            catch::discard(panic);
            "not permitted: the permission hook panicked; the log of its node has the message"
                .to_owned()
        }
    };
    Err(Fault::new(ErrorCode::NotPermitted, text))
}
