//! Single requests.

use std::fmt::Display;

use grid::{Call, CallError, Retry};

use super::attempt::Attempt;
use super::outcome::Outcome;
use super::service::ChaosClient;
use super::shared::Shared;
use crate::content::{Answer, Ask, Refusal};
use crate::shape::Shape;

/// Makes a single request and checks its answer.
pub(super) async fn request(
    shared: &Shared,
    client: &ChaosClient,
    retry: &Retry,
    attempt: &Attempt,
    ask: &Ask,
) -> Outcome {
    match attempt.shape {
        Shape::Failing => {
            let call = with_options(client.fail(ask.clone()), retry, attempt);
            failing(shared, ask, call.await)
        }
        Shape::Post => match with_options(client.note(ask.clone()), retry, attempt).post() {
            Ok(()) => Outcome::posted(),
            Err(error) => Outcome::failed(&error),
        },
        Shape::Blocking => {
            let call = with_options(client.block(ask.clone()), retry, attempt);
            answered(shared, ask, call.await)
        }
        _ => {
            let call = with_options(client.answer(ask.clone()), retry, attempt);
            answered(shared, ask, call.await)
        }
    }
}

fn with_options<T, E>(call: Call<T, E>, retry: &Retry, attempt: &Attempt) -> Call<T, E> {
    let call = match attempt.timeout {
        Some(timeout) => call.timeout(timeout),
        None => call,
    };
    match attempt.shape {
        Shape::Waiting => call.wait_connected(),
        Shape::Retried => call.retry(retry),
        _ => call,
    }
}

/// Checks an answer.
pub(super) fn answered<E: Display>(
    shared: &Shared,
    ask: &Ask,
    result: Result<Answer, CallError<E>>,
) -> Outcome {
    match result {
        Ok(answer) => {
            shared.check(ask.call, ask.to, answer.check(shared.key(), ask));
            Outcome::answered()
        }
        Err(error) => Outcome::failed(&error),
    }
}

/// Checks an error that was asked for.
fn failing(shared: &Shared, ask: &Ask, result: Result<(), CallError<Refusal>>) -> Outcome {
    match result {
        Ok(()) => {
            let wrong = Err("a handler that must fail has answered".to_owned());
            shared.check(ask.call, ask.to, wrong);
            Outcome::answered()
        }
        Err(CallError::Handler(Refusal::Asked(answer))) => {
            answered::<Refusal>(shared, ask, Ok(answer))
        }
        Err(error) => Outcome::failed(&error),
    }
}
