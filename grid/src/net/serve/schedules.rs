//! A model of drivers that run user code on the workers of one runtime. See `sync`.

use std::sync::Arc;

use super::workers::Workers;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::sync::model::{check, spawn};

/// One worker is left, and no permission is lost.
#[test]
fn drivers_leave_one_worker_free() {
    check(|| {
        let workers = Arc::new(Workers::new(3));
        let busy = Arc::new(AtomicUsize::new(0));
        let drivers = [(); 3].map(|()| {
            let (workers, busy) = (Arc::clone(&workers), Arc::clone(&busy));
            spawn(move || {
                let Some(permit) = workers.enter() else { return };
                assert!(!permit.is_last(), "no driver is blocked");
                assert!(busy.fetch_add(1, Relaxed) < 2, "no worker is free");
                busy.fetch_sub(1, Relaxed);
                drop(permit);
            })
        });
        for thread in drivers {
            thread.join().unwrap();
        }
        let permits = [workers.enter(), workers.enter()];
        assert!(permits.iter().flatten().all(|permit| !permit.is_last()), "both are free again");
        assert!(permits.iter().all(Option::is_some) && workers.enter().is_none());
    });
}
