//! `grid ls`.

use clap::Args;

use crate::connect::Global;
use crate::failure::Failure;
use crate::methods::list;
use crate::outline::{full_name, outline};
use crate::output::line;

/// Lists the services and methods of the node.
#[derive(Debug, Args)]
pub struct Ls {
    /// Lists services only.
    #[arg(short, long)]
    services: bool,
    /// Lists those that every node has as well.
    #[arg(short, long)]
    all: bool,
}

impl Ls {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let guest = global.connect().await?;
        let mut services = list(&guest.connection()).await?;
        services.retain(|service| self.all || !service.name.starts_with("grid."));
        if global.json {
            return line(serde_json::to_string(&services).unwrap_or_default());
        }
        for service in &services {
            line(full_name(service))?;
            for method in service.methods.iter().filter(|_| !self.services) {
                line(format_args!("  {}", outline(method)))?;
            }
        }
        Ok(())
    }
}
