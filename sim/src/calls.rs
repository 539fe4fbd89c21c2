//! [`Caller`]: makes calls of every shape and option, and checks what it is answered.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grid::{CallError, Connection, Context, Hedge, Reply, Requests, Responses, Retry};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::call_spec::{ATTEMPT_TIMEOUT, CallGenerator, CallSpec, Shape};
use crate::ledger::{CallInfo, Ledger, Outcome};
use crate::service::{
    Done, Failure, Item, Job, METADATA, Part, SUBROUTE, WorkClient, content, pause,
};

/// A call ends this much after its deadline at the latest.
pub(crate) const LATE_MAX: Duration = Duration::from_secs(1);

/// A call without a deadline ends within this time, whatever happens to its link: a slow stream of large items takes minutes.
pub(crate) const ENDLESS_MAX: Duration = Duration::from_secs(30 * 60);

/// Single requests have this deadline if the caller sets none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// See the module. All clones are one node.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) ledger: Ledger,
    /// What decides about the calls of this node.
    pub(crate) generator: Arc<Mutex<CallGenerator>>,
}

/// A call that has begun.
struct ActiveCall<'a> {
    ledger: &'a Ledger,
    id: u64,
    deadline: Option<Instant>,
    spec: CallSpec,
    is_over: AtomicBool,
}

/// A handler that makes a call can be dropped, and the call with it. Nothing else drops one.
impl Drop for ActiveCall<'_> {
    fn drop(&mut self) {
        if !*self.is_over.get_mut() {
            self.ledger.end(self.id, Outcome::Lost);
        }
    }
}

/// Sets the options of a call of any kind.
macro_rules! with_options {
    ($call:expr, $active:expr) => {{
        let mut call = $call;
        if let Some(timeout) = $active.spec.timeout {
            call = call.timeout(timeout);
        }
        if $active.spec.waits {
            call = call.wait_connected();
        }
        if let Some(value) = $active.metadata() {
            call = call.metadata(METADATA, value.to_string());
        }
        call
    }};
}

impl Caller {
    /// Makes one random call, and waits for its end.
    pub(crate) async fn call_any(&self, from: &str, to: &Connection, other: Option<Connection>) {
        let spec = self.lock().next(to.peer(), other);
        let _ = self.call(from, to, spec).await;
    }

    /// Calls the caller of a handler back, within the handler's deadline.
    pub(crate) async fn call_back(&self, client: WorkClient, cx: &Context) {
        let to = client.connection().peer().to_owned();
        let spec = self.lock().back(&to);
        let inherited = cx.deadline();
        let active = self.begin(cx.local(), &to, spec, inherited);
        let call = client.run(active.job()).within(cx);
        active.finish(async { active.checked(active.in_time(call).await?) }).await;
    }

    /// Makes one call, and waits for its end. Returns whether it was answered.
    pub(crate) async fn call(&self, from: &str, to: &Connection, spec: CallSpec) -> bool {
        let mut client = WorkClient::new(to.clone());
        if spec.has_subroute {
            client = client.subroute(SUBROUTE);
        }
        let active = self.begin(from, to.peer(), spec, None);
        match active.spec.shape {
            Shape::Run => active.run(client.run(active.job())).await,
            Shape::Compute => active.run(client.compute(active.job())).await,
            Shape::Look => {
                let mut call = client.look(active.job());
                if active.spec.attempts > 1 {
                    let policy = Retry::new().attempts(active.spec.attempts);
                    call = call.retry(&policy.attempt_timeout(ATTEMPT_TIMEOUT));
                }
                if let Some((other, after)) = &active.spec.hedge {
                    call = call.hedge(&Hedge::after(*after), other);
                }
                active.run(call).await
            }
            Shape::Note => {
                let posted = with_options!(client.note(active.job()), active).post();
                active.post(posted)
            }
            Shape::List => active.list(&client).await,
            Shape::Gather => active.gather(&client).await,
            Shape::Talk => active.talk(&client).await,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, CallGenerator> {
        self.generator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(
        &self,
        from: &str,
        to: &str,
        spec: CallSpec,
        inherited: Option<Instant>,
    ) -> ActiveCall<'_> {
        let now = Instant::now();
        let default = (!spec.shape.is_stream()).then_some(DEFAULT_TIMEOUT);
        let own = spec.timeout.or(default).map(|timeout| now + timeout);
        let deadline = own.into_iter().chain(inherited).min();
        let call = CallInfo { from: from.into(), to: to.into(), spec: spec.clone(), deadline };
        let is_over = AtomicBool::new(false);
        ActiveCall { ledger: &self.ledger, id: self.ledger.begin(call), deadline, spec, is_over }
    }
}

impl ActiveCall<'_> {
    fn job(&self) -> Job {
        let CallSpec { pause, items, bytes, end, calls_back, has_subroute, request_bytes, .. } =
            self.spec;
        Job {
            id: self.id,
            pause,
            // One more, and a handler with an input reads up to its end.
            items: if self.spec.reads_on { items + 1 } else { items },
            bytes,
            end,
            calls_back,
            metadata: self.metadata(),
            has_subroute,
            request_bytes,
            content: content(self.id, Part::Request, request_bytes),
        }
    }

    /// What the handler must see as metadata.
    fn metadata(&self) -> Option<u64> {
        self.spec.has_metadata.then_some(self.id)
    }

    /// Runs a call to its end, and notes it. Returns whether it was answered.
    async fn finish(&self, call: impl Future<Output = Result<(), CallError<Failure>>>) -> bool {
        let dropped = async {
            match self.spec.dropped_after {
                Some(time) => sleep(time).await,
                None => std::future::pending().await,
            }
        };
        let outcome = tokio::select! {
            biased;
            result = call => result.map_or_else(Outcome::Failed, |()| Outcome::Ok),
            () = dropped => Outcome::Dropped,
        };
        let is_ok = matches!(outcome, Outcome::Ok);
        self.over(outcome);
        is_ok
    }

    async fn in_time<T>(&self, step: impl Future<Output = T>) -> T {
        in_time(self.ledger, self.id, self.deadline, step).await
    }

    fn writer(&self) -> Writer {
        let CallSpec { items, bytes, sender_pause, .. } = self.spec;
        let ledger = self.ledger.clone();
        Writer { ledger, id: self.id, deadline: self.deadline, items, bytes, pause: sender_pause }
    }

    /// A post ends for its caller as soon as it is queued.
    fn post(self, posted: Result<(), CallError<Failure>>) -> bool {
        let is_ok = posted.is_ok();
        self.over(posted.map_or_else(Outcome::Failed, |()| Outcome::Posted));
        is_ok
    }

    fn over(&self, outcome: Outcome) {
        self.is_over.store(true, Ordering::Relaxed);
        self.ledger.end(self.id, outcome);
    }

    async fn run<K: Send>(&self, call: grid::Call<Done, Failure, K>) -> bool
    where
        grid::Call<Done, Failure, K>: Future<Output = Result<Done, CallError<Failure>>>,
    {
        let call = with_options!(call, self);
        self.finish(async { self.checked(self.in_time(call).await?) }).await
    }

    fn checked(&self, done: Done) -> Result<(), CallError<Failure>> {
        if done.id != self.id || done.content != content(self.id, Part::Answer, self.spec.bytes) {
            let of = done.id;
            self.ledger.violation(format_args!("call {}: was answered with that of {of}", self.id));
        }
        Ok(())
    }

    async fn list(&self, client: &WorkClient) -> bool {
        let opening = with_options!(client.list(self.job()), self);
        self.finish(async { self.read(self.in_time(opening).await?, self.spec.items).await }).await
    }

    async fn gather(&self, client: &WorkClient) -> bool {
        let opening = with_options!(client.gather(self.job()), self);
        self.finish(async {
            let (requests, reply) = self.in_time(opening).await?;
            let (answered, sent) = tokio::join!(self.answer(reply), self.writer().send(requests));
            answered?;
            // A handler that ends its input early has not read all of it.
            if self.spec.reads_on && sent != self.spec.items {
                let of = self.spec.items;
                self.ledger.violation(format_args!(
                    "call {}: answered, with {sent} of {of} items sent",
                    self.id
                ));
            }
            Ok(())
        })
        .await
    }

    async fn answer(&self, reply: Reply<Done, Failure>) -> Result<(), CallError<Failure>> {
        let done = self.in_time(reply).await?;
        if done.items != self.spec.items {
            let (read, sent) = (done.items, self.spec.items);
            self.ledger
                .violation(format_args!("call {}: has read {read} items of {sent}", self.id));
        }
        self.checked(done)
    }

    async fn talk(&self, client: &WorkClient) -> bool {
        let opening = with_options!(client.talk(self.job()), self);
        self.finish(async {
            let (requests, responses) = self.in_time(opening).await?;
            // In a task of its own, which only its own waker wakes.
            let mut writer = JoinSet::new();
            writer.spawn(self.writer().send(requests));
            let (read, _) = tokio::join!(self.read(responses, self.spec.items), writer.join_next());
            read
        })
        .await
    }

    /// Reads a stream to its end. It is complete after `items`.
    async fn read(
        &self,
        mut responses: Responses<Item, Failure>,
        items: u32,
    ) -> Result<(), CallError<Failure>> {
        let mut count = 0;
        while let Some(item) = self.in_time(responses.next()).await {
            let item = match item {
                Ok(item) => item,
                Err(error) => {
                    self.expect_all(&error, count, items);
                    return Err(error);
                }
            };
            let expected = Item::new(self.id, count, self.spec.bytes);
            self.ledger.read(&item, &expected, "the caller");
            count += 1;
            pause(self.spec.reader_pause).await;
        }
        if responses.next().await.is_some() {
            self.ledger
                .violation(format_args!("call {}: the stream goes on after its end", self.id));
        }
        if count != items {
            self.ledger.violation(format_args!(
                "call {}: the stream ended without an error after {count} of {items} items",
                self.id
            ));
        }
        Ok(())
    }

    /// The handler fails after its last item, so all of them come before its error.
    fn expect_all(&self, error: &CallError<Failure>, count: u32, items: u32) {
        if matches!(error, CallError::Handler(Failure::Asked)) && count != items {
            self.ledger.violation(format_args!(
                "call {}: the handler's error came after {count} of {items} items",
                self.id
            ));
        }
    }
}

/// Sends the input of a call.
struct Writer {
    ledger: Ledger,
    id: u64,
    deadline: Option<Instant>,
    items: u32,
    bytes: u32,
    /// Before each item.
    pause: Duration,
}

impl Writer {
    /// Sends all items, as far as the other end reads them, and returns how many those were.
    async fn send(self, mut requests: Requests<Item>) -> u32 {
        for index in 0..self.items {
            pause(self.pause).await;
            self.ledger.sends(self.id);
            let item = Item::new(self.id, index, self.bytes);
            let sent = in_time(&self.ledger, self.id, self.deadline, requests.send(item));
            if sent.await.is_err() {
                return index;
            }
        }
        self.ledger.closes(self.id);
        drop(requests);
        self.items
    }
}

/// Waits for a step of a call, which must end soon after the deadline. What the caller does between two steps takes its own
/// time.
async fn in_time<T>(
    ledger: &Ledger,
    id: u64,
    deadline: Option<Instant>,
    step: impl Future<Output = T>,
) -> T {
    let mut step = pin!(step);
    let now = Instant::now();
    let late = deadline.map_or(now + ENDLESS_MAX, |at| at.max(now) + LATE_MAX);
    let result = timeout_at(late, &mut step).await;
    // The timeout polls the step once more. One that ends then would have slept on.
    if Instant::now() >= late {
        ledger.violation(format_args!("call {id}: has not ended in time"));
    }
    match result {
        Ok(result) => result,
        Err(_) => step.await,
    }
}
