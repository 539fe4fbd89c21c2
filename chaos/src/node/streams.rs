//! Streams.
//!
//! A caller that gives up a stream must cancel it before it ends the input, or the handler takes the input for complete. So in
//! each function the answer's handle is declared after the input's, and dropped before it.

use std::pin::pin;
use std::time::Duration;

use grid::{CallError, Opening, Requests};
use tokio::time::sleep;

use super::attempt::Attempt;
use super::outcome::Outcome;
use super::service::ChaosClient;
use super::shared::Shared;
use super::single;
use crate::content::{Ask, Direction, Item, Items, Refusal};
use crate::shape::Shape;

/// Opens a stream, and sends and checks its items until it ends.
pub(super) async fn stream(
    shared: &Shared,
    client: &ChaosClient,
    attempt: &Attempt,
    ask: &Ask,
) -> Outcome {
    match attempt.shape {
        Shape::ServerStream => receive(shared, client, attempt, ask).await,
        Shape::ClientStream => send(shared, client, attempt, ask).await,
        _ => talk(shared, client, attempt, ask).await,
    }
}

fn items(shared: &Shared, ask: &Ask, direction: Direction) -> Items {
    Items::new(shared.key(), ask.call, direction, ask.wanted.items, ask.wanted.item_bytes)
}

/// Opens a stream with the timeout of the attempt.
async fn open<H>(opening: Opening<H, Refusal>, attempt: &Attempt) -> Result<H, Outcome>
where
    Opening<H, Refusal>: Future<Output = Result<H, CallError<Refusal>>>,
{
    let opening = match attempt.timeout {
        Some(timeout) => opening.timeout(timeout),
        None => opening,
    };
    opening.await.map_err(|error| Outcome::failed(&error))
}

async fn receive(shared: &Shared, client: &ChaosClient, attempt: &Attempt, ask: &Ask) -> Outcome {
    let responses = match open(client.items(ask.clone()), attempt).await {
        Ok(responses) => responses,
        Err(failed) => return failed,
    };
    check_items(shared, ask, responses).await
}

async fn send(shared: &Shared, client: &ChaosClient, attempt: &Attempt, ask: &Ask) -> Outcome {
    let (requests, reply) = match open(client.collect(ask.clone()), attempt).await {
        Ok((requests, reply)) => (requests, reply),
        Err(failed) => return failed,
    };
    let mut requests = Some(requests);
    let mut reply = pin!(reply);
    tokio::select! {
        result = &mut reply => return early(shared, ask, single::answered(shared, ask, result)),
        is_complete = send_items(shared, ask, &mut requests) => if !is_complete {
            return early(shared, ask, single::answered(shared, ask, reply.await));
        }
    }
    single::answered(shared, ask, reply.await)
}

/// The end of a stream whose input could not be sent: an error, as no handler answers before it has all.
fn early(shared: &Shared, ask: &Ask, outcome: Outcome) -> Outcome {
    if outcome.label == "ok" {
        let wrong = Err("a stream was answered before its input had ended".to_owned());
        shared.check(ask.call, ask.to, wrong);
    }
    outcome
}

async fn talk(shared: &Shared, client: &ChaosClient, attempt: &Attempt, ask: &Ask) -> Outcome {
    let (requests, responses) = match open(client.talk(ask.clone()), attempt).await {
        Ok((requests, responses)) => (requests, responses),
        Err(failed) => return failed,
    };
    let mut requests = Some(requests);
    let mut received = pin!(check_items(shared, ask, responses));
    tokio::select! {
        outcome = &mut received => outcome,
        _ = send_items(shared, ask, &mut requests) => received.await,
    }
}

/// Sends all items and ends the input; false if the handler no longer reads it, which then is not ended.
async fn send_items(shared: &Shared, ask: &Ask, requests: &mut Option<Requests<Item>>) -> bool {
    let mut items = items(shared, ask, Direction::Input);
    while let Some((item, requests)) = items.make().zip(requests.as_mut()) {
        if requests.send(item).await.is_err() {
            return false;
        }
        sleep(Duration::from_millis(ask.wanted.pause_ms.into())).await;
    }
    *requests = None;
    true
}

/// Receives and checks all items.
async fn check_items(
    shared: &Shared,
    ask: &Ask,
    mut responses: grid::Responses<Item, Refusal>,
) -> Outcome {
    let mut items = items(shared, ask, Direction::Output);
    let outcome = loop {
        match responses.next().await {
            Some(Ok(item)) => shared.check(ask.call, ask.to, items.take(&item)),
            Some(Err(error)) => break Outcome::failed(&error),
            None => {
                shared.check(ask.call, ask.to, items.end());
                break Outcome::answered();
            }
        }
    };
    outcome.with_items(items.passed())
}
