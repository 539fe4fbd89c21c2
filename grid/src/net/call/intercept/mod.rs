//! Interceptors: code of the application around the calls of a node.
//!
//! A call without interceptors does not come here, and allocates nothing for them. With interceptors, each of them returns a
//! boxed future, and the last link of the chain is the call itself: the handler (serve/intercept.rs), or the request
//! (call/chained.rs).
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | [`Intercept`], and the chain |
//! | `call.rs` | what an interceptor sees of a call |
//! | `outcome.rs` | how a call ended |
//! | `record.rs` | recorders, which only see the ends of calls |
//! | `recording.rs` | a call until it is over |
//! | `sampling.rs` | which calls a recorder sees |
//! | `observe.rs` | the items and the end of a stream |

pub(in crate::net) mod call;
pub(in crate::net) mod observe;
pub(in crate::net) mod outcome;
pub(in crate::net) mod record;
pub(in crate::net) mod recording;
pub(in crate::net) mod sampling;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use self::call::Intercepted;
use self::outcome::Outcome;
use self::record::{Finished, Record};
use self::sampling::Sampling;
use crate::net::call::context::Context;

/// The future that [`Intercept::intercept`] returns.
pub type Intercepting = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Code around the calls that a node serves ([`Builder::intercept`](crate::Builder::intercept)) or makes
/// ([`Builder::intercept_calls`](crate::Builder::intercept_calls)).
///
/// It sees the call before its handler, and the outcome after it. A function that takes the call and [`Next`] is an
/// interceptor:
///
/// ```
/// use grid::intercept::{Intercepted, Next};
///
/// let builder = grid::Manager::builder("http://node1:9000").intercept(
///     |call: Intercepted, next: Next| async move {
///         let (method, began) = (call.method().to_owned(), std::time::Instant::now());
///         let outcome = next.run(call).await;
///         println!("{method}: {} after {:?}", outcome.label(), began.elapsed());
///         outcome
///     },
/// );
/// # let _ = builder;
/// ```
///
/// A panic of an interceptor fails the call that this node serves, like a panic of its handler; of a call that this node makes,
/// it is a panic of the task that awaits the call. A panic of a handler is an outcome.
pub trait Intercept: Send + Sync + 'static {
    /// Passes the call on with [`Next::run`] and returns the outcome; or returns one without passing the call on, see
    /// [`Outcome::refuse`] and [`Outcome::answer`].
    ///
    /// The future is dropped when the call is cancelled.
    fn intercept(&self, call: Intercepted, next: Next) -> Intercepting;

    /// Whether calls of this method pass this interceptor. Default: all.
    ///
    /// Asked when a node is built, and for each call. So it must be quick, and always say the same. At the byte level, the
    /// service is empty.
    fn applies_to(&self, service: &str, method: &str) -> bool {
        let _ = (service, method);
        true
    }

    /// Whether this call passes this interceptor. Default: all.
    ///
    /// Asked once for each call that it [applies to](Self::applies_to), before any interceptor runs; from the 65th interceptor
    /// on, when it is its turn. A call that no interceptor wants costs next to nothing.
    fn wants(&self, call: &Intercepted) -> bool {
        let _ = call;
        true
    }
}

impl<F, Fut> Intercept for F
where
    F: Fn(Intercepted, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    fn intercept(&self, call: Intercepted, next: Next) -> Intercepting {
        Box::pin(self(call, next))
    }
}

/// The call itself, after all interceptors.
type Last = Box<dyn FnOnce(Intercepted) -> Intercepting + Send>;

/// The interceptors after this one, and then the call itself.
#[must_use = "the call is not made without it"]
pub struct Next {
    chain: Chain,
    at: usize,
    wanted: Wanted,
    last: Last,
}

/// Which interceptors a call passes. Those that have no bit are asked when it is their turn.
#[derive(Clone, Copy)]
pub(in crate::net) struct Wanted(u64);

impl Wanted {
    fn has(self, index: usize) -> Option<bool> {
        Some(self.0 & 1_u64.checked_shl(u32::try_from(index).ok()?)? != 0)
    }
}

impl Next {
    /// Passes the call on, and returns its outcome.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call.
    pub fn run(mut self, call: Intercepted) -> Intercepting {
        while let Some(interceptor) = self.chain.all().get(self.at) {
            let is_wanted = self.wanted.has(self.at);
            self.at += 1;
            if is_wanted.unwrap_or_else(|| wants(&**interceptor, &call)) {
                return Arc::clone(interceptor).intercept(call, self);
            }
        }
        (self.last)(call)
    }
}

fn wants(interceptor: &dyn Intercept, call: &Intercepted) -> bool {
    interceptor.applies_to(call.service(), call.method()) && interceptor.wants(call)
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("left", &(self.chain.all().len() - self.at)).finish()
    }
}

/// The interceptors of a node, in the order in which they see a call, and its recorders. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::net) struct Chain(Option<Arc<Around>>);

#[derive(Clone, Default)]
struct Around {
    interceptors: Vec<Arc<dyn Intercept>>,
    records: Vec<Recorder>,
}

/// A recorder of a node.
#[derive(Clone)]
pub(super) struct Recorder {
    record: Arc<dyn Record>,
    /// Which calls it sees; `None`: all.
    sampling: Option<Sampling>,
}

impl Recorder {
    fn is_on(&self) -> bool {
        self.sampling.as_ref().is_none_or(Sampling::is_on)
    }

    fn applies_to(&self, service: &str, method: &str) -> bool {
        self.is_on() && self.record.applies_to(service, method)
    }

    /// A call is over.
    pub(super) fn record(&self, call: &Finished<'_>, method: &str) {
        let is_seen = self.sampling.is_none() || call.weight() > 0;
        if is_seen && self.applies_to(call.service(), method) {
            self.record.record(call);
        }
    }
}

impl Chain {
    pub(in crate::net) fn add(&mut self, interceptor: impl Intercept) {
        let around = Arc::make_mut(self.0.get_or_insert_default());
        around.interceptors.push(Arc::new(interceptor));
    }

    pub(in crate::net) fn add_record(
        &mut self,
        record: Arc<dyn Record>,
        sampling: Option<Sampling>,
    ) {
        let around = Arc::make_mut(self.0.get_or_insert_default());
        around.records.push(Recorder { record, sampling });
    }

    /// What the calls pass that a handler makes.
    pub(in crate::net) fn of(context: &Context) -> Self {
        context.calls().downcast_ref::<Self>().expect("endpoints store a chain").clone()
    }

    /// The interceptors; empty without any.
    fn all(&self) -> &[Arc<dyn Intercept>] {
        self.0.as_deref().map_or(&[], |around| &around.interceptors)
    }

    pub(super) fn records(&self) -> &[Recorder] {
        self.0.as_deref().map_or(&[], |around| &around.records)
    }

    /// Whether there are neither interceptors nor recorders.
    pub(in crate::net) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(in crate::net) fn has_interceptors(&self) -> bool {
        !self.all().is_empty()
    }

    /// Whether one of the interceptors applies to this method.
    pub(in crate::net) fn intercepts(&self, service: &str, method: &str) -> bool {
        self.all().iter().any(|interceptor| interceptor.applies_to(service, method))
    }

    /// Whether one of the recorders applies to this method, now or when it is switched on.
    pub(in crate::net) fn may_record(&self, service: &str, method: &str) -> bool {
        self.records().iter().any(|recorder| recorder.record.applies_to(service, method))
    }

    /// Whether one of the recorders applies to this method now.
    pub(in crate::net) fn records_of(&self, service: &str, method: &str) -> bool {
        self.records().iter().any(|recorder| recorder.applies_to(service, method))
    }

    /// Whether one of the recorders is on.
    pub(in crate::net) fn is_recording(&self) -> bool {
        self.records().iter().any(Recorder::is_on)
    }

    /// Whether a call that begins now is recorded, and for how many calls it stands to those recorders that do not see all; 0 if
    /// they do not see it. Streams are few, so each one is seen.
    pub(in crate::net) fn sample(&self, is_stream: bool) -> Option<u32> {
        let (mut is_seen, mut weight) = (false, 0);
        for recorder in self.records() {
            match &recorder.sampling {
                None => is_seen = true,
                Some(sampling) if is_stream => weight = weight.max(sampling.is_on().into()),
                Some(sampling) => weight = weight.max(sampling.weight()),
            }
        }
        (is_seen || weight > 0).then_some(weight)
    }

    /// Which interceptors want this call; `None` if none does.
    pub(in crate::net) fn wanted(&self, call: &Intercepted) -> Option<Wanted> {
        let (asked, others) = self.all().split_at(self.all().len().min(u64::BITS as usize));
        let bits = asked.iter().enumerate();
        let wanted = bits.fold(0, |wanted, (index, interceptor)| {
            wanted | u64::from(wants(&**interceptor, call)) << index
        });
        (wanted != 0 || !others.is_empty()).then_some(Wanted(wanted))
    }

    /// Runs a call through the chain.
    pub(in crate::net) fn run(
        &self,
        call: Intercepted,
        wanted: Wanted,
        last: impl FnOnce(Intercepted) -> Intercepting + Send + 'static,
    ) -> Intercepting {
        Next { chain: self.clone(), at: 0, wanted, last: Box::new(last) }.run(call)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} interceptors, {} recorders", self.all().len(), self.records().len())
    }
}
