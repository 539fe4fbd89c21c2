//! The handlers: each reports that it runs, checks what it has received, and does what was asked for.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use grid::{Context, Incoming, Outgoing};
use tokio::time::sleep;

use super::service::Chaos;
use super::shared::Shared;
use crate::content::{Answer, Ask, Direction, Item, Items, Refusal};
use crate::message::Report;

pub(super) struct Handlers {
    shared: Arc<Shared>,
}

impl Handlers {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The first thing that every handler does.
    fn begin(&self, cx: &Context, ask: &Ask) {
        let shared = &self.shared;
        // Before anything that the caller could learn of.
        shared.reporter.report(&Report::Ran(ask.call));
        let from = shared.node_named(cx.peer());
        self.check(ask, ask.check(shared.key(), from, shared.setup.life.node));
    }

    fn check(&self, ask: &Ask, checked: Result<(), String>) {
        self.shared.check(ask.call, ask.call.caller().node, checked);
    }

    /// Like `check`, for a handler that can fail.
    fn insist(&self, ask: &Ask, checked: Result<(), String>) -> Result<(), Refusal> {
        self.check(ask, checked.clone());
        checked.map_err(Refusal::Wrong)
    }

    fn items(&self, ask: &Ask, direction: Direction) -> Items {
        let wanted = &ask.wanted;
        Items::new(self.shared.key(), ask.call, direction, wanted.items, wanted.item_bytes)
    }
}

fn pause(ask: &Ask) -> Duration {
    Duration::from_millis(ask.wanted.pause_ms.into())
}

impl Chaos for Handlers {
    async fn answer(&self, cx: &Context, ask: Ask) -> Answer {
        self.begin(cx, &ask);
        if ask.wanted.pause_ms > 0 {
            sleep(pause(&ask)).await;
        }
        Answer::to(self.shared.key(), &ask)
    }

    async fn note(&self, cx: &Context, ask: Ask) {
        self.begin(cx, &ask);
    }

    fn block(&self, cx: &Context, ask: Ask) -> Answer {
        self.begin(cx, &ask);
        thread::sleep(pause(&ask));
        Answer::to(self.shared.key(), &ask)
    }

    async fn fail(&self, cx: &Context, ask: Ask) -> Result<(), Refusal> {
        self.begin(cx, &ask);
        Err(Refusal::Asked(Answer::to(self.shared.key(), &ask)))
    }

    async fn items(&self, cx: &Context, ask: Ask, mut out: Outgoing<Item>) -> Result<(), Refusal> {
        self.begin(cx, &ask);
        let mut items = self.items(&ask, Direction::Output);
        while let Some(item) = items.make() {
            out.send(item).await?;
            sleep(pause(&ask)).await;
        }
        Ok(())
    }

    async fn collect(
        &self,
        cx: &Context,
        ask: Ask,
        mut input: Incoming<Item>,
    ) -> Result<Answer, Refusal> {
        self.begin(cx, &ask);
        let mut items = self.items(&ask, Direction::Input);
        while let Some(item) = input.next().await {
            self.insist(&ask, items.take(&item?))?;
        }
        self.insist(&ask, items.end())?;
        Ok(Answer::to(self.shared.key(), &ask))
    }

    async fn talk(
        &self,
        cx: &Context,
        ask: Ask,
        mut input: Incoming<Item>,
        mut out: Outgoing<Item>,
    ) -> Result<(), Refusal> {
        self.begin(cx, &ask);
        let mut items = self.items(&ask, Direction::Input);
        let mut answers = self.items(&ask, Direction::Output);
        while let Some(item) = input.next().await {
            self.insist(&ask, items.take(&item?))?;
            if let Some(answer) = answers.make() {
                out.send(answer).await?;
            }
        }
        self.insist(&ask, items.end())
    }
}
