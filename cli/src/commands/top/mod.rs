//! `grid top`: the busiest methods and the links of a grid, live.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the command: asks the nodes, and shows what they say |
//! | `state.rs` | the latest reports, as the rows of a table |
//! | `screen.rs` | the rows on a terminal |

mod screen;
mod state;

use std::io::{IsTerminal as _, stdout};
use std::time::Duration;

use clap::Args;
use crossterm::event::{Event, EventStream, KeyEventKind};
use grid::admin::{Activity, LinkStatus};
use tokio::sync::mpsc::Receiver;
use tokio::time::interval;

use self::screen::View;
use self::state::State;
use crate::connect::Global;
use crate::failure::Failure;
use crate::nodes::{From, Node, administered, follow};
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
    /// Time between two reports.
    #[arg(short, long, default_value = "1s", value_parser = humantime::parse_duration)]
    every: Duration,
    /// Prints one report, also on a terminal.
    #[arg(long)]
    once: bool,
}

/// What a node has said.
type Report = From<(Activity, Vec<LinkStatus>)>;

impl Top {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let every = u32::try_from(self.every.as_millis()).unwrap_or(u32::MAX);
        let nodes = global.nodes(self.all).await?;
        let count = nodes.len();
        let mut reports = reports(nodes, every);
        let mut state = State::new(self.all);
        if self.once || global.json || !stdout().is_terminal() {
            for _ in 0..count {
                let Some(report) = reports.recv().await else { break };
                state.add(report?);
            }
            return print(&state, global);
        }
        show(&mut state, &mut reports).await
    }
}

/// The reports of all nodes.
fn reports(nodes: Vec<Node>, every_ms: u32) -> Receiver<Result<Report, Failure>> {
    let admins: Vec<_> = nodes.iter().map(|node| (node.name.clone(), node.admin.clone())).collect();
    let mut activities = follow(nodes, move |admin| async move { admin.activity(every_ms).await });
    let (reports, all) = tokio::sync::mpsc::channel(admins.len().max(1));
    tokio::spawn(async move {
        while let Some(activity) = activities.recv().await {
            let report = match activity {
                Ok(From { node, item }) => {
                    let Some((_, admin)) = admins.iter().find(|(name, _)| *name == node) else {
                        continue;
                    };
                    // A node that was lost in between says so in its stream.
                    let Ok(links) = administered(admin.links().await) else { continue };
                    Ok(From { node, item: (item, links) })
                }
                Err(failure) => Err(failure),
            };
            if reports.send(report).await.is_err() {
                break;
            }
        }
    });
    all
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
    reports: &mut Receiver<Result<Report, Failure>>,
) -> Result<(), Failure> {
    let mut terminal = ratatui::try_init()?;
    let ended = live(&mut terminal, state, reports).await;
    ratatui::try_restore()?;
    ended
}

async fn live(
    terminal: &mut ratatui::DefaultTerminal,
    state: &mut State,
    reports: &mut Receiver<Result<Report, Failure>>,
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
                Some(report) => if !view.is_stopped { state.add(report?) },
                None => return Ok(()),
            },
            _ = frames.tick() => { terminal.draw(|frame| view.draw(frame, state))?; }
        }
    }
}
