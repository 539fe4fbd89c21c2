//! `grid call`.

use clap::Args;

use super::options::{CallOptions, Prepared, with_options};
use crate::connect::Global;
use crate::failure::Failure;
use crate::output::lines;

/// Makes a single request, and prints its answer as JSON.
#[derive(Debug, Args)]
pub struct Call {
    #[command(flatten)]
    options: CallOptions,
}

impl Call {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let options = &self.options;
        let prepared = options.prepare(global).await?;
        let Prepared { target, schemas, .. } = &prepared;
        let answer = with_options!(prepared.request(), options, target.method).await;
        let answer = answer.map_err(|error| target.failure(error))?;
        let answer = schemas.output(answer.as_deref());
        let text = match global.json {
            true => serde_json::to_string(&answer),
            false => serde_json::to_string_pretty(&answer),
        };
        lines(text.unwrap_or_default())
    }
}
