//! `grid log`.

use clap::Args;
use serde_json::json;

use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::administered;
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
        for node in global.nodes(self.all).await? {
            if let Some(filter) = &self.filter {
                administered(node.admin.set_log_filter(filter.clone()).await)?;
            }
            let filter = administered(node.admin.log_filter().await)?;
            match global.json {
                true => line(json!({ "node": &*node.name, "filter": filter }))?,
                false => line(format_args!("{}: {filter}", node.name))?,
            }
        }
        Ok(())
    }
}
