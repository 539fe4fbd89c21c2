//! POST /api/call: makes a single request.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Json, Response};
use grid::{CallError, ErrorCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::app::Shared;
use super::origin::Kind;
use crate::failure::Failure;
use crate::methods::Target;
use crate::nodes::Node;
use crate::payload::{Schemas, request};

/// The header without which nothing is called: a page of another site cannot send it without asking, and is refused.
const HEADER: &str = "x-grid-console";

/// The longest time that a call may take.
const DEADLINE_MAX: Duration = Duration::from_secs(300);

/// The deadline of a call that has none, and whose method has none.
const DEADLINE_DEFAULT: Duration = Duration::from_secs(60);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    node: String,
    method: String,
    #[serde(default)]
    arguments: Option<Value>,
    #[serde(default)]
    deadline_ms: Option<u64>,
}

/// Makes the call, if the console may.
pub(super) async fn call(State(app): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let refused = |status: StatusCode, text: String| (status, text).into_response();
    if !app.allows_calls {
        let text = "the console only reads: start it with --allow-calls";
        return refused(StatusCode::FORBIDDEN, text.to_owned());
    }
    if !headers.contains_key(HEADER) {
        return refused(StatusCode::FORBIDDEN, format!("the header {HEADER} is missing"));
    }
    let Kind::Live(board) = &app.origin.kind else {
        return refused(StatusCode::CONFLICT, "there is no node to call".to_owned());
    };
    let asked: Request = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => {
            return refused(StatusCode::BAD_REQUEST, format!("the body is not a call: {error}"));
        }
    };
    let Some(node) = board.node(&asked.node) else {
        let text = format!("{} is not connected", asked.node);
        return refused(StatusCode::NOT_FOUND, text);
    };
    let Ok(_permit) = app.calls.try_acquire() else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too many calls are in flight".to_owned());
    };
    let began = Instant::now();
    match made(&node, asked).await {
        Ok(answer) => {
            let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            // As text: a browser would round large integers.
            let answer = serde_json::to_string_pretty(&answer).expect("its keys are strings");
            Json(json!({ "answer": answer, "took_us": took_us })).into_response()
        }
        Err(failure) => refused(status(&failure), failure.to_string()),
    }
}

async fn made(node: &Node, asked: Request) -> Result<Value, Failure> {
    let connection = node.connection();
    let target = Target::find_single(&connection, &asked.method).await?;
    let deadline = asked.deadline_ms.map(Duration::from_millis).or(target.method.timeout());
    let deadline = deadline.unwrap_or(DEADLINE_DEFAULT).min(DEADLINE_MAX);
    let schemas = Schemas::of(&target.method).without_files();
    let request = request(&target.method, &schemas, asked.arguments)?;
    let answer = target
        .request(&connection, request)
        .timeout(deadline)
        .await
        .map_err(|error| target.failure(error))?;
    Ok(schemas.output(answer.as_deref()))
}

fn status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::Usage(_) | Failure::Input(_) => StatusCode::BAD_REQUEST,
        Failure::Unknown(_) => StatusCode::NOT_FOUND,
        Failure::Call(CallError::DeadlineExceeded { .. }) => StatusCode::GATEWAY_TIMEOUT,
        Failure::Call(CallError::Remote(error)) => match error.code {
            ErrorCode::Handler | ErrorCode::Text => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::NotPermitted => StatusCode::FORBIDDEN,
            ErrorCode::UnknownHandler => StatusCode::NOT_FOUND,
            ErrorCode::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            ErrorCode::Overloaded | ErrorCode::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        },
        _ => StatusCode::BAD_GATEWAY,
    }
}
