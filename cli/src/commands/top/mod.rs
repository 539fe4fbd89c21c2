//! `grid top`: the busiest methods and the links of a grid, live.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the command: asks the nodes, and shows what they say |
//! | `state.rs` | the latest reports, as the rows of a table |
//! | `screen.rs` | the rows on a terminal |

mod screen;
mod state;

use std::collections::{BTreeSet, HashMap};
use std::io::{IsTerminal as _, stdout};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use crossterm::event::{Event, EventStream, KeyEventKind};
use grid::admin::AdminClient;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::interval;

use self::screen::View;
use self::state::{Report, State};
use super::options::time_within;
use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::{From, Host, administered, follow};
use crate::output::{line, table};

/// Shows which methods are called how often, how long they take and how many fail, and the links.
///
/// On a terminal it is live: q ends it, s changes the order, g puts the peers of a method together, space stops the time.
/// Otherwise it prints one report.
#[derive(Debug, Args)]
pub struct Top {
    /// All nodes of the grid, not only this one. Then a call is counted where it is served, and not where it is made.
    #[arg(short, long)]
    all: bool,
    /// Time between two reports, from 100 ms to a minute.
    #[arg(short, long, default_value = "1s", value_parser = time_within(EVERY))]
    every: Duration,
    /// Prints one report, also on a terminal.
    #[arg(long)]
    once: bool,
}

/// What nodes accept as the time between two reports.
const EVERY: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// How long a node may need to list its links.
const LINKS_WITHIN: Duration = Duration::from_secs(5);

impl Top {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let every = u32::try_from(self.every.as_millis()).unwrap_or(u32::MAX);
        let hosts = global.one_or_all(self.all).await?;
        let mut missing: BTreeSet<_> = hosts.iter().map(|host| host.name.clone()).collect();
        let mut reports = reports(global, hosts, self.all, every);
        let mut state = State::new(self.all);
        if self.once || global.json || !stdout().is_terminal() {
            while !missing.is_empty() {
                let Some(report) = reports.recv().await else { break };
                missing.remove(&*report.node);
                if let Some(From { node, item }) = report.or_note(!self.all)? {
                    state.add(From { node, item: Ok(item) });
                }
            }
            return print(&state, global);
        }
        show(&mut state, &mut reports, !self.all).await
    }
}

/// The reports of all nodes. None of them waits for another.
fn reports(global: &Global, hosts: Vec<Host>, all: bool, every_ms: u32) -> Receiver<Report> {
    let (reports, received) = channel(hosts.len().max(1));
    let admins = Arc::new(Mutex::new(HashMap::<String, AdminClient>::new()));
    let known = Arc::clone(&admins);
    let mut activities = follow(global, hosts, all, move |admin| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(admin.connection().peer().to_owned(), admin.clone());
        async move { admin.activity(every_ms).await }
    });
    tokio::spawn(async move {
        while let Some(From { node, item }) = activities.recv().await {
            let admin = admins.lock().unwrap_or_else(PoisonError::into_inner).get(&*node).cloned();
            let reports = reports.clone();
            tokio::spawn(async move {
                let item = match item {
                    Ok(activity) => {
                        let admin = admin.expect("a node that reports was asked");
                        let links = administered(admin.links().timeout(LINKS_WITHIN).await);
                        links.map(|links| (activity, links))
                    }
                    Err(failure) => Err(failure),
                };
                // Nobody wants it any more if this fails.
                let _ = reports.send(From { node, item }).await;
            });
        }
    });
    received
}

/// Prints one report of all nodes.
fn print(state: &State, global: &Global) -> Result<(), Failure> {
    if global.json {
        return state.json().into_iter().try_for_each(line);
    }
    let methods = state.methods();
    table(
        [state::METHODS.map(str::to_owned)].into_iter().chain(methods.iter().map(|of| of.cells())),
    )?;
    line("")?;
    table([state::LINKS.map(str::to_owned)].into_iter().chain(state.links().map(|of| of.cells)))
}

/// Shows reports until the user ends it.
async fn show(
    state: &mut State,
    reports: &mut Receiver<Report>,
    is_alone: bool,
) -> Result<(), Failure> {
    let mut terminal = ratatui::try_init()?;
    let ended = live(&mut terminal, state, reports, is_alone).await;
    ratatui::try_restore()?;
    ended
}

async fn live(
    terminal: &mut ratatui::DefaultTerminal,
    state: &mut State,
    reports: &mut Receiver<Report>,
    is_alone: bool,
) -> Result<(), Failure> {
    use futures_util::StreamExt as _;

    let (mut keys, mut view) = (EventStream::new(), View::default());
    // Drawn at intervals, however many nodes report.
    let mut frames = interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            biased;
            key = keys.next() => match key.transpose()? {
                Some(Event::Key(key)) if key.kind == KeyEventKind::Press => {
                    if view.press(key, state).is_break() {
                        return Ok(());
                    }
                }
                Some(_) => {}
                None => return Ok(()),
            },
            report = reports.recv() => match report {
                Some(From { item: Err(failure), .. }) if is_alone => return Err(failure),
                Some(report) => if !view.is_stopped { state.add(report) },
                None => return Ok(()),
            },
            _ = frames.tick() => { terminal.draw(|frame| view.draw(frame, state))?; }
        }
    }
}
