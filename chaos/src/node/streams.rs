//! Streams.
//!
//! A caller that gives up a stream must cancel it before it ends the input, or the handler takes the input for complete. So in
//! each function the answer's handle is declared after the input's, and dropped before it.

use std::pin::pin;
use std::time::Duration;

use grid::Requests;
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

async fn receive(shared: &Shared, client: &ChaosClient, attempt: &Attempt, ask: &Ask) -> Outcome {
    let mut opening = client.items(ask.clone());
    if let Some(timeout) = attempt.timeout {
        opening = opening.timeout(timeout);
    }
    let responses = match opening.await {
        Ok(responses) => responses,
        Err(error) => return Outcome::failed(&error),
    };
    check_items(shared, ask, responses).await
}

async fn send(shared: &Shared, client: &ChaosClient, attempt: &Attempt, ask: &Ask) -> Outcome {
    let mut opening = client.collect(ask.clone());
    if let Some(timeout) = attempt.timeout {
        opening = opening.timeout(timeout);
    }
    let (requests, reply) = match opening.await {
        Ok((requests, reply)) => (requests, reply),
        Err(error) => return Outcome::failed(&error),
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
    let mut opening = client.talk(ask.clone());
    if let Some(timeout) = attempt.timeout {
        opening = opening.timeout(timeout);
    }
    let (requests, responses) = match opening.await {
        Ok((requests, responses)) => (requests, responses),
        Err(error) => return Outcome::failed(&error),
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
