//! The service of every node.

use grid::{Context, Incoming, Outgoing};

use crate::content::{Answer, Ask, Item, Refusal};

/// One method for each kind of method.
#[grid::service]
pub(super) trait Chaos {
    /// Answers after the pause that was asked for.
    async fn answer(&self, cx: &Context, ask: Ask) -> Answer;

    /// For posts.
    #[handler(inline)]
    async fn note(&self, cx: &Context, ask: Ask);

    /// Blocks a thread for the pause that was asked for.
    #[handler(blocking)]
    fn block(&self, cx: &Context, ask: Ask) -> Answer;

    /// Fails with `Refusal::Asked`.
    async fn fail(&self, cx: &Context, ask: Ask) -> Result<(), Refusal>;

    /// Sends items.
    async fn items(&self, cx: &Context, ask: Ask, out: Outgoing<Item>) -> Result<(), Refusal>;

    /// Takes items.
    async fn collect(
        &self,
        cx: &Context,
        ask: Ask,
        input: Incoming<Item>,
    ) -> Result<Answer, Refusal>;

    /// Answers each item with one.
    async fn talk(
        &self,
        cx: &Context,
        ask: Ask,
        input: Incoming<Item>,
        out: Outgoing<Item>,
    ) -> Result<(), Refusal>;
}
