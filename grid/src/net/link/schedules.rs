//! Models of the tasks that wait for a state of a link. See `sync`; calls are in `drive/schedules.rs`.

use std::sync::Arc;
use std::task::{Context, Wake};

use super::blocking::BlockingSlots;
use super::contracts::LinkContracts;
use super::peer::{Peer, Watch, Watched};
use super::state::State;
use crate::error::LinkError;
use crate::proto::Limits;
use crate::sync::model::{check, spawn, wait};

fn peer() -> Arc<Peer> {
    let (local, name) = (Arc::from("a"), Arc::from("b"));
    let contracts =
        LinkContracts::new(Arc::clone(&local), Arc::clone(&name), Vec::new(), Arc::default());
    let blocking = BlockingSlots::new(Arc::new(tokio::sync::Semaphore::new(1)), 1);
    Peer::new(local, name, Limits::default(), Arc::default(), Arc::default(), contracts, blocking)
}

/// Waits until the node is shut down.
fn wait_for_the_end(peer: &Peer) {
    let mut watch = Watch::new(peer, Watched::State);
    wait(watch.until(|shared| matches!(shared.state().0, State::Shutdown).then_some(())));
}

#[test]
fn every_task_that_waits_for_a_state_sees_it() {
    check(|| {
        drop(spawn(|| {
            let peer = peer();
            let waiting = [(); 2].map(|()| {
                let peer = Arc::clone(&peer);
                spawn(move || wait_for_the_end(&peer))
            });
            peer.show(State::Shutdown);
            for thread in waiting {
                thread.join().unwrap();
            }
        }));
    });
}

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

/// One of two tasks gives up. It must remove its own waker, and no other one that has its place by then.
#[test]
fn a_task_that_gives_up_takes_only_its_waker() {
    check(|| {
        drop(spawn(|| {
            let peer = peer();
            let waits = Arc::clone(&peer);
            let waiting = spawn(move || wait_for_the_end(&waits));
            let other = Arc::clone(&peer);
            let giving_up = spawn(move || {
                let own = Arc::new(Nothing);
                let mut watch = Watch::new(&other, Watched::State);
                let mut until = Box::pin(watch.until(|_| None::<()>));
                let waker = Arc::clone(&own).into();
                assert!(until.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                drop(until);
                drop((watch, waker));
                own
            });
            peer.show(State::Error(Arc::new(LinkError::NotConnected)));
            let own = giving_up.join().unwrap();
            assert_eq!(Arc::strong_count(&own), 1, "the peer has kept a waker");
            peer.show(State::Shutdown);
            waiting.join().unwrap();
        }));
    });
}
