//! Causes the faults of the plan, each at its time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::fleet::Fleet;
use super::progress::Progress;
use crate::clock::Moment;
use crate::fault::{Fault, LinkFault, Planned};
use crate::pair::Pair;
use crate::proxy::{Conditions, Damage, Hit};

/// A fault that needs a message in a certain direction waits this long for one. Probes are sent more often, but nothing is sent
/// by a node that is stopped.
const HIT_TIMEOUT: Duration = Duration::from_secs(3);

/// The same for a handshake: a node that was refused dials again after a pause.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Causes all faults, and waits until they are over and the time has passed.
pub(super) async fn inject(
    fleet: &Arc<Fleet>,
    plan: &[Planned],
    seed: u64,
    time: Duration,
    progress: &Progress,
) {
    let start = Instant::now();
    let mut random = StdRng::seed_from_u64(seed);
    let mut faults = JoinSet::new();
    let ticks = (0..).map(|tick| (Duration::from_secs(tick), None));
    let ticks = ticks.take_while(|(at, _)| *at < time);
    let mut events: Vec<_> = plan.iter().map(|planned| (planned.at, Some(*planned))).collect();
    events.extend(ticks);
    events.sort_by_key(|(at, _)| *at);
    for (at, planned) in events {
        sleep_until(start + at).await;
        match planned {
            Some(planned) => {
                let (fleet, random) = (Arc::clone(fleet), random.random());
                faults.spawn(async move {
                    if let Err(error) = cause(&fleet, planned, random).await {
                        let what = format!("the fault {planned:?} failed: {error}");
                        fleet.judge.violation(&[], None, &what);
                    }
                });
            }
            None => progress.set(at, describe(fleet)),
        }
    }
    sleep_until(start + time).await;
    while faults.join_next().await.is_some() {}
}

fn describe(fleet: &Fleet) -> String {
    let state = fleet.judge.state();
    let total = state.tally.total();
    format!(
        "{} calls, {} answers, {} violations",
        total.calls(),
        total.answered,
        state.violation_count
    )
}

/// Causes one fault, from its begin to its end.
async fn cause(fleet: &Fleet, planned: Planned, random: u64) -> io::Result<()> {
    let Planned { hold, fault, .. } = planned;
    match fault {
        Fault::Link(pair, of_link) => {
            fleet.judge.begin(fault.place(), fault.kind());
            let has_happened = link(fleet, pair, of_link, hold, random).await;
            fleet.judge.end(fault.place(), fault.kind(), has_happened);
        }
        Fault::Kill(node) | Fault::Stop(node) | Fault::Restart(node) => {
            let mut slot = fleet.slot(node).await;
            fleet.judge.begin(fault.place(), fault.kind());
            match fault {
                Fault::Stop(_) => {
                    if let Some(process) = &slot.process {
                        process.signal(Signal::STOP)?;
                    }
                    sleep(hold).await;
                    if let Some(process) = &slot.process {
                        process.signal(Signal::CONT)?;
                    }
                    slot.continued = Some(Moment::now());
                }
                Fault::Kill(_) => {
                    fleet.kill(node, &mut slot).await?;
                    sleep(hold).await;
                    fleet.start(node, &mut slot).await?;
                }
                _ => {
                    fleet.shut_down(node, &mut slot).await?;
                    sleep(hold).await;
                    fleet.start(node, &mut slot).await?;
                }
            }
            fleet.judge.end(fault.place(), fault.kind(), true);
        }
    }
    Ok(())
}

/// Causes a fault of a link. Returns whether it has happened: some need a connection.
async fn link(fleet: &Fleet, pair: Pair, fault: LinkFault, hold: Duration, random: u64) -> bool {
    let proxy = &fleet.proxy;
    let lasting = match fault {
        LinkFault::Cut => return proxy.cut(pair),
        LinkFault::Reset => return hit(proxy.hit(pair, Hit::Reset { random })).await,
        LinkFault::Corrupt => return hit(proxy.hit(pair, Hit::Corrupt { random })).await,
        LinkFault::CorruptHandshake => {
            let handshake = proxy.damage_handshake(pair, Hit::CorruptHandshake { random });
            let damage = timeout(HANDSHAKE_TIMEOUT, handshake).await;
            return matches!(damage, Ok(Some(_)));
        }
        LinkFault::Swallow(swallows) => Conditions { swallows, ..Conditions::default() },
        LinkFault::Stall => Conditions { is_stalled: true, ..Conditions::default() },
        LinkFault::Dribble => Conditions { dribbles: true, ..Conditions::default() },
        LinkFault::Delay(delay) => Conditions { delay, ..Conditions::default() },
        LinkFault::Bandwidth(rate) => Conditions { bandwidth: Some(rate), ..Conditions::default() },
    };
    proxy.set(pair, lasting);
    sleep(hold).await;
    proxy.set(pair, Conditions::default());
    true
}

async fn hit(done: impl Future<Output = Option<Damage>>) -> bool {
    matches!(timeout(HIT_TIMEOUT, done).await, Ok(Some(_)))
}
