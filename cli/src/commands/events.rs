//! `grid events`.

use std::sync::Arc;

use clap::Args;
use grid::admin::{AdminClient, AdminEvent};
use serde_json::json;

use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::{Asked, From, follow};
use crate::output::{clock_time, line};

/// Prints what has happened, and what happens: links that come and go, members, and warnings.
#[derive(Debug, Args)]
pub struct Events {
    /// All nodes of the grid, not only this one.
    #[arg(short, long)]
    all: bool,
    /// How many events of the past, at most 256 of each node.
    #[arg(short, long, default_value_t = 20)]
    recent: u32,
    /// Only warnings, which somebody should look at.
    #[arg(short, long)]
    warnings: bool,
    /// Ends after the events of the past.
    #[arg(long)]
    no_follow: bool,
}

impl Events {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        if self.no_follow {
            return self.past(global).await;
        }
        let hosts = global.one_or_all(self.all).await?;
        let recent = self.recent;
        let open = move |admin: AdminClient| async move { admin.events(recent).await };
        let mut events = follow(global, hosts, self.all, open);
        while let Some(event) = events.recv().await {
            if let Some(event) = event.or_note(!self.all)? {
                self.show(global, &event.node, &event.item)?;
            }
        }
        Ok(())
    }

    async fn past(&self, global: &Global) -> Result<(), Failure> {
        let recent = self.recent;
        let asked = global.ask(self.all, |admin| async move { admin.recent_events(recent).await });
        let Asked { answers, end } = asked.await?;
        let mut all = Vec::new();
        for From { node, item: events } in answers {
            all.extend(events.into_iter().map(|event| (Arc::clone(&node), event)));
        }
        all.sort_by_key(|(_, event)| event.at_unix_ms);
        all.iter().try_for_each(|(node, event)| self.show(global, node, event))?;
        end
    }

    fn show(&self, global: &Global, node: &str, event: &AdminEvent) -> Result<(), Failure> {
        if self.warnings && !event.is_warning {
            return Ok(());
        }
        if global.json {
            return line(json!({ "node": node, "event": event }));
        }
        let AdminEvent { at_unix_ms, kind, peer, text, .. } = event;
        let of = if self.all { format!("{node}  ") } else { String::new() };
        // The text of a warning names the peer.
        let peer = peer.as_deref().filter(|_| !event.is_warning);
        let peer = peer.map(|peer| format!("{peer}: ")).unwrap_or_default();
        line(format_args!("{}  {of}{kind:<10}  {peer}{text}", clock_time(*at_unix_ms)))
    }
}
