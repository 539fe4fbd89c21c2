//! Looks at the nodes from outside while they run: what they use, whether they run at all, and whether their links recover.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::fleet::{Fleet, Slot};
use super::usage;
use crate::check::sample_every;
use crate::clock::Moment;
use crate::pair::Pair;

/// A node that is not stopped shows every second that it runs. On a machine whose processors are all busy it may be late.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// A connection that was damaged must have been closed after this: a node may have been stopped meanwhile.
const DAMAGE_MAX: Duration = Duration::from_secs(60);

/// Looks at the nodes until it is aborted.
pub(super) async fn watch(fleet: Arc<Fleet>, time: Duration) {
    let mut ticks = interval(sample_every(time));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for (node, slot) in fleet.slots() {
            // It is locked during a fault.
            if let Ok(mut slot) = slot.try_lock() {
                look_at(&fleet, node, &mut slot);
            }
        }
        fleet.judge.look_for_overdue();
        look_for_damage(&fleet);
    }
}

fn look_at(fleet: &Fleet, node: u8, slot: &mut Slot) {
    let Some(process) = &mut slot.process else { return };
    if let Some(status) = process.exited() {
        let what = format!("the process has ended by itself with {status}");
        fleet.judge.violation(&[node], None, &what);
        slot.process = None;
        return;
    }
    if let Ok(sample) = usage::of(process.pid) {
        fleet.judge.sample(process.life, sample);
    }
    let last = slot.continued.map_or(process.last_sign(), |at| at.max(process.last_sign()));
    let silence = Moment::now() - last;
    if silence > fleet.judge.limits.patient(SILENCE_MAX) {
        let what = format!("the process has shown no sign of life for {silence:.1?}");
        fleet.judge.violation(&[node], None, &what);
    }
}

/// Damage must be noticed: the connection must end.
fn look_for_damage(fleet: &Fleet) {
    for pair in Pair::all(fleet.nodes) {
        for damage in fleet.proxy.damaged(pair) {
            let age = Moment::now() - damage.at;
            if age > DAMAGE_MAX {
                let what = format!("a damaged connection is open after {age:.0?}: {}", damage.what);
                fleet.judge.violation(&pair.nodes(), None, &what);
            }
        }
    }
}
