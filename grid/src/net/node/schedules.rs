//! A model of changes of the host list that several threads make. See `sync`.

use std::sync::Arc;

use super::changes::Changes;
use crate::sync::Mutex;
use crate::sync::model::{check, spawn};

/// One thread at a time applies the changes, and no change is left when all threads are done.
#[test]
fn every_change_takes_effect_in_its_order() {
    check(|| {
        let changes = Arc::new(Changes::default());
        // Made under a lock, as those of the list, so that their order is known.
        let (made, effects) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(Vec::new())));
        let threads = [(); 3].map(|()| {
            let (changes, made) = (Arc::clone(&changes), Arc::clone(&made));
            let effects = Arc::clone(&effects);
            spawn(move || {
                let mut made = made.lock().unwrap();
                *made += 1;
                changes.push(*made);
                drop(made);
                changes.apply(|change| effects.lock().unwrap().push(change));
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*effects.lock().unwrap(), [1, 2, 3]);
    });
}
