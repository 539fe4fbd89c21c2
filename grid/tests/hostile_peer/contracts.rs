//! Statements about services that no node of ours makes: too long, malformed, or of a thousand methods.

use grid::{Manager, State};
use tracing::Level;

use crate::log::Lines;
use crate::raw::RawPeer;
use crate::support::{A, B, sides};

#[grid::service]
trait Disk {
    async fn stat(&self) -> u8;
    async fn read(&self) -> u8;
}

struct Node;

impl Disk for Node {
    async fn stat(&self) -> u8 {
        1
    }
    async fn read(&self) -> u8 {
        2
    }
}

fn listening() -> (Manager, &'static str) {
    let (dialer, listener) = sides();
    let builder =
        Manager::builder(listener).hosts([A, B]).token(grid::NoAuth).service(DiskServer::new(Node));
    (builder.build().unwrap(), dialer)
}

/// A statement of one service with these methods. Each is a single request with a pinned id.
fn statement(methods: &[&str]) -> Vec<u8> {
    let mut out = b"\x91\x93\xa4Disk\x05\xdc".to_vec();
    out.extend(u16::try_from(methods.len()).unwrap().to_be_bytes());
    for name in methods {
        out.extend([0x98, 0xa0 | u8::try_from(name.len()).unwrap()]);
        out.extend(name.as_bytes());
        out.extend([9, 0, 0, 0, 0, 0xc2, 0]);
    }
    out
}

/// What is wrong in a statement, which is for people, does not keep the nodes apart.
#[tokio::test(start_paused = true)]
async fn what_is_in_another_form_or_too_long_is_ignored() {
    let (lines, _guard) = Lines::collect();
    let (manager, dialer) = listening();
    let long: Vec<_> = (0..1500).map(|n| format!("m{n:05}")).collect();
    let long = statement(&long.iter().map(|name| &**name).collect::<Vec<_>>());
    for (number, (bad, text)) in [
        (&long[..], "Contracts is 22511 bytes long"),
        (b"\xc0", "Contracts"),
        (b"\x91\x93\xa4Disk\x05\x91\x90", "method in Contracts"),
        (b"\x91\x93\xa2\xc3\x28\x05\x90", "name of a service"),
    ]
    .into_iter()
    .enumerate()
    {
        RawPeer::connect_stating(&manager, dialer, bad).await.expect("accepted");
        let ignored = lines.with(Level::DEBUG, "cannot read what the peer states");
        assert_eq!(ignored.len(), number + 1, "{text}: {ignored:?}");
        assert!(ignored[number].contains(text), "{text}: {ignored:?}");
    }
    assert_eq!(lines.with(Level::INFO, "at the peer"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_msgpack_is_refused() {
    let (manager, dialer) = listening();
    for bad in [
        &b"\xdd\xff\xff\xff\xff"[..],
        b"\x91\xdd\xff\xff\xff\xff",
        b"\x91\x93\xa4Disk\x05\xdd\xff\xff\xff\xff",
    ] {
        let refused = RawPeer::connect_stating(&manager, dialer, bad).await.err().expect("refused");
        let reason = refused.reason.to_string();
        assert!(reason.contains("unreadable Connect"), "{reason}");
    }
    RawPeer::connect_stating(&manager, dialer, &statement(&["stat", "read"])).await.expect("fine");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_methods_are_compared_with_those_that_the_node_has() {
    let (lines, _guard) = Lines::collect();
    let (manager, dialer) = listening();
    let names: Vec<_> = (0..1000).map(|n| format!("\n{n}")).collect();
    let mut names: Vec<_> = names.iter().map(|name| &**name).collect();
    names.push("stat");
    for _ in 0..100 {
        let stated = RawPeer::connect_stating(&manager, dialer, &statement(&names)).await;
        let _peer = stated.expect("accepted");
        let states = manager.connection(dialer).unwrap().states();
        states.wait_for(State::is_connected).await.expect("connected");
    }
    let lines = lines.with(Level::INFO, "at the peer");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("Disk/stat") && lines[0].contains("9 at the peer"), "{lines:?}");
}
