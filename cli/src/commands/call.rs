//! `grid call`.

use clap::Args;
use grid::{HandlerId, MethodKind};

use super::options::{CallOptions, with_options};
use crate::connect::Global;
use crate::failure::Failure;
use crate::methods::Target;
use crate::output::line;
use crate::payload::{Schemas, read_json, request};

/// Makes a single request, and prints its answer as JSON.
#[derive(Debug, Args)]
pub struct Call {
    #[command(flatten)]
    options: CallOptions,
}

impl Call {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let options = &self.options;
        // Before anything is connected: what cannot be read is the user's mistake.
        let arguments = options.arguments.as_deref().map(read_json).transpose()?;
        let guest = global.connect().await?;
        let connection = guest.connection();
        let target = Target::find(&connection, &options.method).await?;
        if target.method.kind != MethodKind::Single {
            let name = target.name();
            return Err(Failure::Usage(format!("{name} is a stream: use `grid stream {name}`")));
        }
        let schemas = Schemas::of(&target.method);
        let request = request(&target.method, &schemas, arguments)?;
        let call =
            target.connection(&connection).request(HandlerId::new(target.method.id), request);
        let answer = with_options!(call, options, target.method).await?;
        let answer = schemas.output(answer.as_deref());
        let text = match global.json {
            true => serde_json::to_string(&answer),
            false => serde_json::to_string_pretty(&answer),
        };
        line(text.unwrap_or_default())
    }
}
