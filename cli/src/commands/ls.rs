//! `grid ls`.

use clap::Args;
use grid::MethodKind;
use grid::reflection::{MethodDescription, ServiceDescription};

use super::line;
use crate::connect::Global;
use crate::failure::Failure;
use crate::methods::list;

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

pub(super) fn full_name(service: &ServiceDescription) -> String {
    match &service.subroute {
        Some(subroute) => format!("{subroute}:{}", service.name),
        None => service.name.clone(),
    }
}

/// A method in one line.
pub(super) fn outline(method: &MethodDescription) -> String {
    let summary = method.docs.lines().next().unwrap_or_default();
    let kind = kind(method.kind);
    let signature = &method.signature;
    let text = if kind.is_empty() { signature.clone() } else { format!("{signature}  [{kind}]") };
    if summary.is_empty() { text } else { format!("{text}  {summary}") }
}

pub(super) fn kind(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::ServerStream => "stream of answers",
        MethodKind::ClientStream => "stream of input",
        MethodKind::TwoWay => "two-way stream",
        _ => "",
    }
}
