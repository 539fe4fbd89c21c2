//! Calls at nodes that operators can look into: nobody can, nobody does, and somebody does.

use std::net::SocketAddr;
use std::process::exit;

use ::grid::admin::{Activity, AdminClient, Operators, TapFilter, TappedCall};
use ::grid::{Guest, Guests, Manager, NoAuth, RemoteError, Responses};

use super::{Start, name, start_as};
use crate::error::Result;
use crate::peers::contender::{Listener, ended};

/// Time between two reports of a node, as the console has it.
const REPORT_EVERY_MS: u32 = 1000;

/// The share of the calls that is shown.
const TAPPED: f64 = 0.01;

/// How many are shown in a second, as the console has it.
const TAPPED_PER_SECOND_MAX: u32 = 400;

/// Calls at nodes without the built-in services.
pub(crate) struct Bare;

/// Calls at nodes with both built-in services, which nobody calls.
pub(crate) struct Administered;

/// Calls at nodes that somebody watches as the console does, with a tap.
pub(crate) struct Watched;

impl Start for Bare {
    async fn start(listener: Listener, peer: SocketAddr) -> Result<Manager> {
        start_as(listener, &[peer], name, |builder| builder.reflection(false))
    }
}

impl Start for Administered {
    async fn start(listener: Listener, peer: SocketAddr) -> Result<Manager> {
        start_as(listener, &[peer], name, |builder| {
            let guests = Guests::up_to(1).token(NoAuth);
            builder.guests(guests).admin(Operators::permit(|_| Ok(())))
        })
    }
}

impl Start for Watched {
    async fn start(listener: Listener, peer: SocketAddr) -> Result<Manager> {
        let node = Administered::start(listener, peer).await?;
        let watcher = Watcher::of(node.name()).await?;
        tokio::spawn(async move {
            let Err(error) = watcher.watch().await else { return };
            // The figures would be those of a node that nobody watches.
            eprintln!("the watcher of a node has failed: {error}");
            exit(1);
        });
        Ok(node)
    }
}

/// Somebody who watches a node from this process, so that the cost of reading is counted as well.
struct Watcher {
    _guest: Guest,
    admin: AdminClient,
    reports: Responses<Activity, RemoteError>,
    tapped: Responses<TappedCall, RemoteError>,
}

impl Watcher {
    async fn of(node: &str) -> Result<Self> {
        let guest = Guest::builder(node).configure(|guest| guest.token(NoAuth)).connect().await?;
        let admin = AdminClient::new(guest.connection());
        let mut filter = TapFilter::default();
        filter.share = TAPPED;
        filter.per_second_max = TAPPED_PER_SECOND_MAX;
        let (reports, tapped) = (admin.activity(REPORT_EVERY_MS).await?, admin.tap(filter).await?);
        Ok(Self { _guest: guest, admin, reports, tapped })
    }

    async fn watch(mut self) -> Result<()> {
        loop {
            tokio::select! {
                call = self.tapped.next() => drop(call.ok_or_else(ended)??),
                report = self.reports.next() => {
                    report.ok_or_else(ended)??;
                    self.admin.node().await?;
                    self.admin.links().await?;
                }
            }
        }
    }
}
