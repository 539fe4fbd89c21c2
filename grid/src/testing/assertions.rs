//! What tests assert of a [`TestGrid`]. An assertion waits until it holds, for a limited time, and then panics with what is
//! missing and where it was made.

use std::fmt::Write as _;
use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::grid::{Slot, TestGrid};
use crate::net::{ConnectionStats, Manager, State};

/// Between two looks at what no event tells.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

impl TestGrid {
    /// Waits until all running nodes are connected with each other, in both directions.
    ///
    /// A node that was restarted is connected when its peers have noticed it.
    ///
    /// # Panics
    /// If they are not within the [timeout of assertions](super::TestGridBuilder::assertion_timeout): the text names each
    /// pair that is not connected, and the reason.
    ///
    /// # Cancel safety
    /// Cancel safe, like the other assertions.
    #[track_caller]
    pub fn all_connected(&self) -> impl Future<Output = ()> + Send + '_ {
        let at = Location::caller();
        async move {
            let deadline = self.deadline();
            loop {
                let pairs = self.pairs();
                for pair in &pairs {
                    let _ = timeout_at(deadline, pair.connected()).await;
                }
                // One of them may have been lost while this waited for others.
                let missing: Vec<_> = pairs.iter().filter_map(|pair| self.missing(pair)).collect();
                if missing.is_empty() {
                    return;
                }
                if Instant::now() >= deadline {
                    let (count, of) = (missing.len(), pairs.len());
                    let text = format!(
                        "{count} of {of} directions are not connected after {:?}:\n{}{}",
                        self.assertion_timeout,
                        missing.concat(),
                        self.down()
                    );
                    fail(at, &text);
                }
                // A state that is the last one lets `connected` return at once.
                sleep(POLL_INTERVAL).await;
            }
        }
    }

    /// Waits until one node has noticed that it has no connection to another one.
    ///
    /// # Panics
    /// If it still has one after the [timeout of assertions](super::TestGridBuilder::assertion_timeout), or does not run.
    #[track_caller]
    pub fn disconnected(&self, from: usize, to: usize) -> impl Future<Output = ()> + Send + '_ {
        let at = Location::caller();
        let connection = self.connection(from, to);
        async move {
            let is_down =
                |state: &State| !matches!(state, State::Connected { .. } | State::Draining { .. });
            let states = connection.states();
            if timeout_at(self.deadline(), states.wait_for(is_down)).await.is_err() {
                let (from, to) = (self.name(from), self.name(to));
                let faults = self.faults(from, to);
                let state = connection.state();
                fail(
                    at,
                    &format!("{from} -> {to}: {state} after {:?}{faults}", self.assertion_timeout),
                );
            }
        }
    }

    /// Waits until no call and no stream is in flight between running nodes, or from one to itself.
    ///
    /// A call whose answer has arrived and was not taken is in flight, like a stream whose ends are kept.
    ///
    /// # Panics
    /// If some are in flight after the [timeout of assertions](super::TestGridBuilder::assertion_timeout): the text names the
    /// nodes and how many.
    #[track_caller]
    pub fn nothing_in_flight(&self) -> impl Future<Output = ()> + Send + '_ {
        let at = Location::caller();
        async move {
            let deadline = self.deadline();
            loop {
                let busy = self.in_flight();
                if busy.is_empty() {
                    return;
                }
                if Instant::now() >= deadline {
                    let text =
                        format!("calls are in flight after {:?}:\n{busy}", self.assertion_timeout);
                    fail(at, &text);
                }
                sleep(POLL_INTERVAL).await;
            }
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.assertion_timeout
    }

    /// The running nodes, with their indices.
    fn running(&self) -> Vec<Manager> {
        let slots = self.slots();
        let running = slots.iter().filter_map(|slot| match slot {
            Slot::Running(manager) => Some(manager.clone()),
            Slot::Down(_) => None,
        });
        running.collect()
    }

    /// A line for each node that does not run.
    fn down(&self) -> String {
        let slots = self.slots();
        let down = self.names.iter().zip(slots.iter()).filter_map(|(name, slot)| match slot {
            Slot::Running(_) => None,
            Slot::Down(why) => Some(format!("  {name} does not run: it {why}\n")),
        });
        down.collect()
    }

    /// Each running node, and each other one.
    fn pairs(&self) -> Vec<Pair> {
        let running = self.running();
        let mut pairs = Vec::new();
        for from in &running {
            for to in running.iter().filter(|to| to.name() != from.name()) {
                pairs.push(Pair { from: from.clone(), to: to.clone() });
            }
        }
        pairs
    }

    /// A line that says why a pair is not connected.
    fn missing(&self, pair: &Pair) -> Option<String> {
        let Pair { from, to } = pair;
        let why = match from.connection(to.name()) {
            Err(error) => error.to_string(),
            Ok(connection) => match connection.state() {
                State::Connected { instance } if instance == to.instance() => return None,
                State::Connected { .. } => {
                    "has not noticed yet that the node was restarted".to_owned()
                }
                state => state.to_string(),
            },
        };
        let faults = self.faults(from.name(), to.name());
        Some(format!("  {} -> {}: {why}{faults}\n", from.name(), to.name()))
    }

    /// The faults between two nodes, in brackets.
    fn faults(&self, from: &str, to: &str) -> String {
        let faults = self.network.faults(from, to);
        faults.map(|faults| format!(" (faults of the test: {faults})")).unwrap_or_default()
    }

    /// A line for each link with calls in flight.
    fn in_flight(&self) -> String {
        let mut busy = String::new();
        for node in self.running() {
            let stats = node.stats();
            for link in stats.connections.iter().chain([&stats.loopback]) {
                let ConnectionStats { peer, in_flight_out, in_flight_in, .. } = link;
                if (*in_flight_out, *in_flight_in) != (0, 0) {
                    let name = node.name();
                    let _ = writeln!(
                        busy,
                        "  {name} has {in_flight_out} to {peer}, and serves {in_flight_in} of it"
                    );
                }
            }
        }
        busy
    }
}

/// A node, and another one that it should be connected to.
struct Pair {
    from: Manager,
    to: Manager,
}

impl Pair {
    /// Waits until it is connected, or can never be.
    async fn connected(&self) {
        let Ok(connection) = self.from.connection(self.to.name()) else { return };
        let own = self.to.instance();
        let is_up =
            |state: &State| matches!(state, State::Connected { instance } if *instance == own);
        connection.states().wait_for(is_up).await;
    }
}

/// Panics with the place of the assertion: that of the panic itself is in this file.
fn fail(at: &Location<'_>, text: &str) -> ! {
    panic!("{at}: {text}")
}
