//! [`Worker`]: the handlers of one node.

use std::time::Duration;

use grid::{Context, Incoming, Outgoing};
use tokio::time::Instant;

use crate::calls::{Caller, LATE_MAX};
use crate::ledger::Ledger;
use crate::panics::ASKED;
use crate::service::{
    Done, End, Failure, Item, Job, METADATA, Part, SUBROUTE, Work, WorkClient, content, pause,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) caller: Caller,
}

impl Worker {
    fn ledger(&self) -> &Ledger {
        &self.caller.ledger
    }

    fn begin(&self, cx: &Context, job: &Job) {
        self.ledger().ran(job.id, cx.local(), cx.peer());
        let metadata = job.metadata.map(|value| value.to_string());
        if cx.metadata(METADATA).map(|value| &**value) != metadata.as_ref().map(String::as_bytes) {
            self.ledger().violation(format_args!("call {}: other metadata", job.id));
        }
        if cx.subroute() != job.has_subroute.then_some(SUBROUTE) {
            self.ledger().violation(format_args!("call {}: served at another subroute", job.id));
        }
        if job.content != content(job.id, Part::Request, job.request_bytes) {
            self.ledger().violation(format_args!("call {}: a request with other bytes", job.id));
        }
    }

    async fn single(&self, cx: &Context, job: Job) -> Result<Done, Failure> {
        self.begin(cx, &job);
        self.pause(cx, job.id, job.pause).await;
        if job.calls_back {
            self.caller.call_back(WorkClient::new(cx.caller()), cx).await;
        }
        end(&job)?;
        Ok(done(&job, 0))
    }

    /// Takes some time, which ends with the deadline of the call.
    async fn pause(&self, cx: &Context, id: u64, time: Duration) {
        pause(time).await;
        let late = cx.deadline().map(|deadline| Instant::now().saturating_duration_since(deadline));
        if let Some(late) = late.filter(|late| *late > LATE_MAX) {
            self.ledger()
                .violation(format_args!("call {id}: its handler runs {late:?} after the deadline"));
        }
    }

    /// Reads the next item of an input.
    async fn read(
        &self,
        job: &Job,
        input: &mut Incoming<Item>,
        index: u32,
    ) -> Result<Option<Item>, Failure> {
        let Some(item) = input.next().await else {
            self.ledger().input_ended(job.id, index);
            return Ok(None);
        };
        let item = item?;
        self.ledger().read(&item, &Item::new(job.id, index, job.bytes), "the handler");
        Ok(Some(item))
    }
}

fn end(job: &Job) -> Result<(), Failure> {
    match job.end {
        End::Well => Ok(()),
        End::Fails => Err(Failure::Asked),
        End::Panics => std::panic::panic_any(ASKED),
    }
}

fn done(job: &Job, items: u32) -> Done {
    Done { id: job.id, items, content: content(job.id, Part::Answer, job.bytes) }
}

impl Work for Worker {
    async fn run(&self, cx: &Context, job: Job) -> Result<Done, Failure> {
        self.single(cx, job).await
    }

    async fn look(&self, cx: &Context, job: Job) -> Result<Done, Failure> {
        self.single(cx, job).await
    }

    fn compute(&self, cx: &Context, job: Job) -> Result<Done, Failure> {
        self.begin(cx, &job);
        end(&job)?;
        Ok(done(&job, 0))
    }

    async fn note(&self, cx: &Context, job: Job) -> Result<(), Failure> {
        self.begin(cx, &job);
        end(&job)
    }

    async fn list(&self, cx: &Context, job: Job, mut out: Outgoing<Item>) -> Result<(), Failure> {
        self.begin(cx, &job);
        for index in 0..job.items {
            self.pause(cx, job.id, job.pause).await;
            out.send(Item::new(job.id, index, job.bytes)).await?;
        }
        end(&job)
    }

    async fn gather(
        &self,
        cx: &Context,
        job: Job,
        mut input: Incoming<Item>,
    ) -> Result<Done, Failure> {
        self.begin(cx, &job);
        let mut items = 0;
        while items < job.items && self.read(&job, &mut input, items).await?.is_some() {
            items += 1;
            self.pause(cx, job.id, job.pause).await;
        }
        end(&job)?;
        Ok(done(&job, items))
    }

    async fn talk(
        &self,
        cx: &Context,
        job: Job,
        mut input: Incoming<Item>,
        mut out: Outgoing<Item>,
    ) -> Result<(), Failure> {
        self.begin(cx, &job);
        let mut items = 0;
        while items < job.items
            && let Some(item) = self.read(&job, &mut input, items).await?
        {
            items += 1;
            self.pause(cx, job.id, job.pause).await;
            out.send(item).await?;
        }
        end(&job)
    }
}
