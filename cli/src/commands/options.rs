//! Options of calls of every shape.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use grid::{Guest, RawCall};
use humantime::{format_duration, parse_duration};

use crate::connect::Global;
use crate::failure::Failure;
use crate::methods::Target;
use crate::payload::{Schemas, read_json, request};

/// Options of calls of every shape.
#[derive(Debug, Args)]
pub(crate) struct CallOptions {
    /// The method: Service/method, or subroute:Service/method.
    pub(super) method: String,
    /// The arguments as JSON, @file, or - for standard input. A single argument is the whole value; several are an object of
    /// their names. Bytes are base64, or `@file` or `text:…` with what follows.
    pub(super) arguments: Option<String>,
    /// How long the call may take. Default: as the method says, or a minute; none for a stream.
    #[arg(short, long, value_parser = parse_duration, value_name = "TIME")]
    pub(super) deadline: Option<Duration>,
    /// Metadata of the call. May be given several times.
    #[arg(short, long, value_parser = key_value, value_name = "KEY=VALUE")]
    pub(super) metadata: Vec<(String, String)>,
}

/// A single request that can be made, several times.
pub(super) struct Prepared {
    pub(super) target: Target,
    pub(super) schemas: Schemas,
    request: Option<Bytes>,
    guest: Guest,
}

impl CallOptions {
    /// Connects, finds the method, which must not be a stream, and encodes the arguments.
    pub(super) async fn prepare(&self, global: &Global) -> Result<Prepared, Failure> {
        // Before anything is connected: what cannot be read is the user's mistake.
        let arguments = self.arguments.as_deref().map(read_json).transpose()?;
        let guest = global.connect().await?;
        let target = Target::find_single(&guest.connection(), &self.method).await?;
        let schemas = Schemas::of(&target.method);
        let request = request(&target.method, &schemas, arguments)?;
        Ok(Prepared { target, schemas, request, guest })
    }
}

impl Prepared {
    /// The request, which is sent when it is awaited.
    pub(super) fn request(&self) -> RawCall {
        self.target.request(&self.guest.connection(), self.request.clone())
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Reads a time that must be in this range.
pub(super) fn time_within(
    range: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |text| {
        let time = parse_duration(text).map_err(|error| error.to_string())?;
        if range.contains(&time) {
            return Ok(time);
        }
        let [least, most] = [*range.start(), *range.end()].map(format_duration);
        Err(format!("it must be from {least} to {most}"))
    }
}

/// Sets the options of a call at the byte level.
macro_rules! with_options {
    ($call:expr, $options:expr, $method:expr) => {{
        let mut call = $call;
        if let Some(deadline) = $options.deadline.or($method.timeout()) {
            call = call.timeout(deadline);
        }
        for (key, value) in &$options.metadata {
            call = call.metadata(key, value.clone().into_bytes());
        }
        call
    }};
}
pub(super) use with_options;
