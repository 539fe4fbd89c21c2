//! `grid stream`.

use std::{io, thread};

use clap::Args;
use grid::{HandlerId, MethodKind, RawReceiver, RawSender};
use tokio::sync::mpsc::{Receiver, channel};

use super::options::{CallOptions, with_options};
use crate::connect::Global;
use crate::failure::Failure;
use crate::methods::Target;
use crate::output::line;
use crate::payload::{Schemas, parse, read_json, request};

/// Opens a stream: each line of standard input is an item, and each item of the answer a line.
///
/// A line that does not fit the method ends the stream; the items before it were sent.
#[derive(Debug, Args)]
pub struct Stream {
    #[command(flatten)]
    options: CallOptions,
    /// Ends after this many items of the answer.
    #[arg(long, value_name = "COUNT")]
    take: Option<u64>,
}

impl Stream {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let options = &self.options;
        let arguments = options.arguments.as_deref().map(read_json).transpose()?;
        let guest = global.connect().await?;
        let connection = guest.connection();
        let target = Target::find(&connection, &options.method).await?;
        let kind = target.method.kind;
        if kind == MethodKind::Single {
            let name = target.name();
            return Err(Failure::Usage(format!("{name} is not a stream: use `grid call {name}`")));
        }
        let has_input = matches!(kind, MethodKind::ClientStream | MethodKind::TwoWay);
        if has_input && options.arguments.as_deref() == Some("-") {
            return Err(Failure::Usage(
                "standard input has the items: pass the arguments as JSON or @file".to_owned(),
            ));
        }
        let schemas = Schemas::of(&target.method);
        let request = request(&target.method, &schemas, arguments)?;
        let (id, capacities) = (HandlerId::new(target.method.id), target.capacities());
        let opening = target.connection(&connection).stream(id, capacities, request);
        let opened = with_options!(opening, options, target.method).await;
        let (input, output) = opened.map_err(|error| target.failure(error))?;
        let reading = read(output, &target, &schemas, self.take);
        if !has_input {
            drop(input);
            return reading.await;
        }
        tokio::select! {
            biased;
            // The handler can end the stream before the input ends.
            ended = reading => ended,
            failed = send(input, &schemas) => Err(failed),
        }
    }
}

/// Prints items until the end.
async fn read(
    mut output: RawReceiver,
    target: &Target,
    schemas: &Schemas,
    take: Option<u64>,
) -> Result<(), Failure> {
    let mut left = take.unwrap_or(u64::MAX);
    while left > 0
        && let Some(item) = output.next().await
    {
        let item = item.map_err(|error| target.failure(error))?;
        line(schemas.output(Some(&item)))?;
        left -= 1;
    }
    Ok(())
}

/// Sends each line of standard input. Returns only if one of them cannot be sent.
async fn send(mut input: RawSender, schemas: &Schemas) -> Failure {
    let mut lines = input_lines();
    let mut number = 0;
    while let Some(text) = lines.recv().await {
        number += 1;
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                let text = format!("cannot read line {number} of standard input: {error}");
                return Failure::Usage(text);
            }
        };
        if text.trim().is_empty() {
            continue;
        }
        let item = parse(&text, &format!("line {number} of standard input"));
        let item = match item.and_then(|item| schemas.input(&item)) {
            Ok(item) => item,
            Err(failure) => return failure,
        };
        // The stream has ended; its reader says why.
        if input.send(item).await.is_err() {
            break;
        }
    }
    drop(input);
    std::future::pending().await
}

/// The lines of standard input, read by a thread of their own: a runtime would wait at its end for a read that is pending.
fn input_lines() -> Receiver<io::Result<String>> {
    let (lines, received) = channel(16);
    thread::spawn(move || {
        for line in io::stdin().lines() {
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
    });
    received
}
