//! Models of the counters of held memory: threads that charge and give back at the same time. See `sync`.

use std::sync::Arc;

use bytes::Bytes;

use super::account::Account;
use super::ledger::{Ledger, NodeBytes, Over};
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::sync::model::{check, check_to, spawn};

/// What the node counts in.
const STEP: usize = 256 * 1024;

fn ledger(max: usize, node: &Arc<NodeBytes>) -> Arc<Ledger> {
    Ledger::new(max, 0, Arc::clone(node))
}

/// One thread is refused, unless another one has given back enough before.
#[test]
fn a_refused_charge_changes_nothing() {
    check(|| {
        let node = NodeBytes::new(4 * STEP);
        let ledger = ledger(STEP, &node);
        let mut charge = ledger.charge(2).expect("it fits");
        let other = Arc::clone(&ledger);
        let refused = spawn(move || drop(other.charge(STEP - 1)));
        charge.shrink(1);
        refused.join().unwrap();
        assert_eq!((ledger.held(), node.held()), (1, STEP));
        drop(charge);
        assert_eq!((ledger.held(), node.held()), (0, 0));
    });
}

/// Threads charge one peer. Together, they never have more than its limit, and those that are refused could not have it.
#[test]
fn a_peer_never_holds_more_than_its_limit() {
    check(|| {
        let node = NodeBytes::new(4 * STEP);
        let ledger = ledger(3, &node);
        let held = Arc::new(AtomicUsize::new(0));
        let threads = [(); 3].map(|()| {
            let (ledger, held) = (Arc::clone(&ledger), Arc::clone(&held));
            spawn(move || match ledger.charge(2) {
                Ok(charge) => {
                    assert_eq!(held.fetch_add(2, Relaxed), 0, "two charges are above the limit");
                    held.fetch_sub(2, Relaxed);
                    drop(charge);
                    true
                }
                Err(over) => {
                    assert_eq!(over, Over::Peer);
                    false
                }
            })
        });
        let charged = threads.map(|thread| thread.join().unwrap());
        assert!(charged.contains(&true), "the first one is never refused");
        assert_eq!((ledger.held(), node.held()), (0, 0));
    });
}

/// Two peers of a node, which has room for one of them.
#[test]
fn a_node_never_holds_more_than_its_limit() {
    check(|| {
        let node = NodeBytes::new(STEP);
        let held = Arc::new(AtomicUsize::new(0));
        let threads = [1, 2].map(|bytes| {
            let (ledger, held) = (ledger(STEP, &node), Arc::clone(&held));
            spawn(move || match ledger.charge(bytes) {
                Ok(charge) => {
                    assert_eq!(held.fetch_add(1, Relaxed), 0, "a step each is above the limit");
                    held.fetch_sub(1, Relaxed);
                    drop(charge);
                }
                Err(over) => assert_eq!((over, ledger.held()), (Over::Node, 0)),
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(node.held(), 0);
    });
}

/// What a peer holds crosses a step of the node while others have not told the node of theirs yet.
#[test]
fn a_node_with_room_refuses_nobody() {
    check_to(3, || {
        let node = NodeBytes::new(8 * STEP);
        let ledger = ledger(4 * STEP, &node);
        let threads = [1, STEP - 1, 1].map(|bytes| {
            let ledger = Arc::clone(&ledger);
            spawn(move || drop(ledger.charge(bytes).expect("there is room")))
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!((ledger.held(), node.held()), (0, 0));
    });
}

/// The user drops a payload while the library hands it over, and while it charges another one.
#[test]
fn a_charge_that_is_lent_is_given_back_once() {
    check(|| {
        let node = NodeBytes::new(8 * STEP);
        let ledger = ledger(2 * STEP, &node);
        let charge = ledger.charge(STEP).expect("it fits");
        let (bytes, handover) = charge.lend(Bytes::from_static(b"payload"));
        let completes = spawn(move || handover.complete());
        let drops = spawn(move || drop(bytes));
        let other = Arc::clone(&ledger);
        let charges = spawn(move || drop(other.charge(1).expect("it fits beside it")));
        for thread in [completes, drops, charges] {
            thread.join().unwrap();
        }
        assert_eq!((ledger.held(), node.held()), (0, 0));
    });
}

/// What a link counts under its lock, beside a payload that the user drops.
#[test]
fn an_account_gives_back_what_it_has_told() {
    check(|| {
        let node = NodeBytes::new(64 * STEP);
        let ledger = ledger(8 * STEP, &node);
        let payload = ledger.charge(STEP / 2).expect("it fits");
        let mut account = Account::new(Arc::clone(&ledger));
        let link = spawn(move || {
            account.hold(STEP).expect("it fits");
            account.set_output(3 * STEP);
            account.set_output(0);
            account.release(STEP);
        });
        drop(payload);
        link.join().unwrap();
        assert_eq!((ledger.held(), node.held()), (0, 0));
    });
}
