//! A model of answers of several nodes that arrive while the task of their group goes to sleep. See `sync`.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::tally::Tally;
use crate::sync::model::{check, spawn, wait};

#[test]
fn a_group_sees_as_many_answers_as_it_waits_for() {
    check(|| {
        let tally = Arc::new(Tally::default());
        let answers = [0, 1, 2].map(|index| {
            let waker = tally.waker(index);
            spawn(move || waker.wake())
        });
        let mut ready = Vec::new();
        wait(poll_fn(|cx| {
            ready.extend(tally.take_ready());
            match ready.len() < 2 && tally.wait(2 - ready.len(), cx.waker().clone()) {
                true => Poll::Pending,
                false => Poll::Ready(()),
            }
        }));
        ready.extend(tally.take_ready());
        assert!(ready.len() >= 2, "{ready:?}");
        for thread in answers {
            thread.join().unwrap();
        }
        ready.extend(tally.take_ready());
        ready.sort_unstable();
        assert_eq!(ready, [0, 1, 2], "each of them once");
    });
}
