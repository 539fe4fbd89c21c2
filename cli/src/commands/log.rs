//! `grid log`.

use clap::Args;
use serde_json::json;

use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::From;
use crate::output::line;

/// Shows or sets what the node writes to its log.
#[derive(Debug, Args)]
pub struct Log {
    /// The new filter, as the program of the node understands it, such as `info,grid=debug`.
    filter: Option<String>,
    /// All nodes of the grid, not only this one.
    #[arg(short, long)]
    all: bool,
}

impl Log {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let wanted = &self.filter;
        let asked = global.ask(self.all, |admin| async move {
            if let Some(filter) = wanted {
                admin.set_log_filter(filter.clone()).await?;
            }
            admin.log_filter().await
        });
        let asked = asked.await?;
        for From { node, item: filter } in &asked.answers {
            match global.json {
                true => line(json!({ "node": &**node, "filter": filter }))?,
                false => line(format_args!("{node}: {filter}"))?,
            }
        }
        asked.end
    }
}
