//! Models of readers of events that go to sleep while something happens. See `sync`.

use super::hub::Hub;
use crate::MemberEvent;
use crate::sync::model::{check, spawn, wait};

#[test]
fn a_reader_sees_every_event_and_the_end() {
    check(|| {
        let hub = Hub::<MemberEvent>::default();
        let mut events = hub.subscribe();
        let sending = hub.clone();
        let sends = spawn(move || {
            sending.send(&MemberEvent::Added { host: "a".into() });
            sending.send(&MemberEvent::Added { host: "b".into() });
            sending.close();
        });
        let reads = spawn(move || {
            let mut hosts = Vec::new();
            while let Some(event) = wait(events.next()) {
                let MemberEvent::Added { host } = event else { panic!("{event:?}") };
                hosts.push(host);
            }
            assert_eq!(hosts, ["a".into(), "b".into()]);
        });
        sends.join().unwrap();
        reads.join().unwrap();
    });
}

/// A reader that comes while the node is shut down waits for nothing.
#[test]
fn a_reader_that_comes_late_sees_the_end() {
    check(|| {
        let hub = Hub::<MemberEvent>::default();
        let reading = hub.clone();
        let reads = spawn(move || assert_eq!(wait(reading.subscribe().next()), None));
        hub.close();
        reads.join().unwrap();
    });
}
