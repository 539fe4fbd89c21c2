//! The name that a dialer states must be the one that its token proves.

use std::time::Duration;

use grid::{LinkError, State};

use crate::authenticators::PerNode;
use crate::support::{A, B, Network, sides};

const SOON: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn a_connection_that_proves_another_name_or_none_does_not_evict_the_one_that_is_up() {
    let (dialer, listener) = sides();
    let network = Network::default();
    let listening = network.node(listener, &[A, B]).token(PerNode(listener)).build().unwrap();
    network.attach(&listening);
    let honest = network.node(dialer, &[A, B]).token(PerNode(dialer)).build().unwrap();
    let connection = honest.connection(listener).unwrap();
    connection.wait_connected(SOON).await.unwrap();

    for (token, reason) in [
        ("http://c:1", "it proves the name http://c:1, and the node states"),
        ("guest", "it does not prove the name"),
    ] {
        let thief = network.node(dialer, &[A, B]).token(PerNode(token)).build().unwrap();
        let error = thief.connection(listener).unwrap().wait_connected(SOON).await.unwrap_err();
        let State::Error(shown) = error.state else { panic!("{error}") };
        let LinkError::Refused { reason: text, .. } = &*shown else { panic!("{shown}") };
        assert!(text.contains(reason) && text.contains(dialer), "{text}");
        assert!(connection.state().is_connected());
        assert_eq!(connection.stats().connects, 1);
        assert_eq!(listening.connection(dialer).unwrap().stats().connects, 1);
    }
    // While no connection is up, a guest may state any name: the authenticator has accepted it.
    honest.shutdown(SOON).await;
    drop(honest);
    let guest = network.node(dialer, &[A, B]).token(PerNode("guest")).build().unwrap();
    guest.connection(listener).unwrap().wait_connected(SOON).await.unwrap();
    // A restart with the right token replaces it.
    let again = network.node(dialer, &[A, B]).token(PerNode(dialer)).build().unwrap();
    again.connection(listener).unwrap().wait_connected(SOON).await.unwrap();
}
