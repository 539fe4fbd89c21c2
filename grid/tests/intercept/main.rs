//! Interceptors: what they see, what they may change, and those that come with the library.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "../support/log.rs"]
mod log;
#[path = "../support/mod.rs"]
mod support;

mod chain;
mod ready_made;
mod streams;
mod trace;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use grid::intercept::{Intercepted, Intercepting, Next};
use grid::{Context, Incoming, Outgoing, RemoteError};

#[grid::service]
trait Shop {
    async fn price(&self, of: String) -> Result<u32, RemoteError>;
    /// What the context says: the metadata `tenant`, and the milliseconds until the deadline.
    async fn seen(&self, cx: &Context) -> (Option<Bytes>, Option<u64>);
    /// The sum of the prices at the caller and here.
    async fn ask_both(&self, cx: &Context, of: String) -> Result<u32, RemoteError>;
    /// Never answers.
    async fn wait(&self);
    async fn list(&self, count: u32, out: Outgoing<u32>) -> Result<(), RemoteError>;
    async fn double(&self, numbers: Incoming<u32>, out: Outgoing<u32>) -> Result<(), RemoteError>;
}

struct Stall;

impl Shop for Stall {
    async fn price(&self, of: String) -> Result<u32, RemoteError> {
        match &*of {
            "nothing" => Err(RemoteError::new("not sold here")),
            "panic" => panic!("of the handler"),
            of => Ok(of.len() as u32),
        }
    }

    async fn seen(&self, cx: &Context) -> (Option<Bytes>, Option<u64>) {
        let left = cx.time_left().map(|left| left.as_millis() as u64);
        (cx.metadata("tenant").cloned(), left)
    }

    async fn ask_both(&self, cx: &Context, of: String) -> Result<u32, RemoteError> {
        let caller = ShopClient::new(cx.caller()).price(of.clone()).await?;
        Ok(caller + ShopClient::of(cx, cx.local())?.price(of).await?)
    }

    async fn wait(&self) {
        std::future::pending().await
    }

    async fn list(&self, count: u32, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        for number in 0..count {
            out.send(number).await?;
        }
        if count == 3 { Err(RemoteError::new("three is bad luck")) } else { Ok(()) }
    }

    async fn double(
        &self,
        mut numbers: Incoming<u32>,
        mut out: Outgoing<u32>,
    ) -> Result<(), RemoteError> {
        while let Some(number) = numbers.next().await {
            let _ = out.send(2 * number?).await;
        }
        Ok(())
    }
}

/// What interceptors have noted.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: String) {
        self.0.lock().unwrap().push(note);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// An interceptor that notes what it sees under this name.
    fn taker(&self, name: &'static str) -> impl Fn(Intercepted, Next) -> Intercepting + 'static {
        let notes = self.clone();
        move |call, next| {
            let notes = notes.clone();
            let side = if call.is_served() { "of" } else { "to" };
            notes.add(format!(
                "{name}: {}.{} {side} {}",
                call.service(),
                call.method(),
                call.peer()
            ));
            Box::pin(async move {
                let outcome = next.run(call).await;
                let (label, bytes) = (outcome.label(), outcome.answer_bytes());
                notes.add(format!("{name}: {label}, {bytes} bytes"));
                outcome
            })
        }
    }
}
