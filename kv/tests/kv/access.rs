//! Who may do what.

use std::time::Duration;

use grid::{Guest, SharedSecret};
use grid_kv::client::{Client, ClientError, Refusal};
use grid_kv::service::{Consistency, KvError};
use tokio::time::Instant;

use super::cluster::Cluster;

#[tokio::test(start_paused = true)]
async fn clients_have_no_say_in_the_members() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    client.put("a", "1").await.unwrap();
    let refused = client.change_member(4, Some("http://node4:9000".into())).await.unwrap_err();
    let ClientError::Call(error) = &refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("only operators may"), "{error}");
    // Operators may do what clients may.
    let item = cluster.operator().get("a", Consistency::Linearizable).await.unwrap();
    assert_eq!(item.unwrap().value, "1");
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_guest_with_another_secret_is_refused() {
    let cluster = Cluster::start(1).await;
    let dialer = cluster.network.dialer("guest");
    let guest = Guest::builder(cluster.name(0))
        .configure(|builder| builder.token(SharedSecret::new("guessed")).dial_with(dialer));
    assert!(guest.connect().await.is_err());
    cluster.end().await;
}

/// As long as one node may accept it, the client goes on.
#[tokio::test(start_paused = true)]
async fn a_client_that_all_nodes_refuse_fails_at_once() {
    let mut cluster = Cluster::start(3).await;
    let (network, names) = (cluster.network.clone(), cluster.names());
    let guessing = move || {
        let network = network.clone();
        Client::guest(names.clone(), move |builder| {
            builder.token(SharedSecret::new("guessed")).dial_with(network.dialer("guest"))
        })
    };
    let began = Instant::now();
    let refused = guessing().put("a", "1").await.unwrap_err();
    assert!(matches!(refused, ClientError::Denied { refusal: Refusal::Secret, .. }), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    cluster.crash(1).await;
    let refused = guessing().put("a", "1").await.unwrap_err();
    assert!(matches!(refused, ClientError::Deadline { may_have_run: false, .. }), "{refused:?}");
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_does_not_ask_for_what_cannot_be() {
    let client = |nodes: &[&str]| Client::guest(nodes.iter().copied(), |builder| builder);
    let read = async |client: Client| client.get("a", Consistency::Linearizable).await.unwrap_err();
    assert_eq!(read(client(&[])).await, ClientError::NoNodes);
    let bad = read(client(&["node1"])).await;
    let ClientError::Settings(text) = bad else { panic!("{bad:?}") };
    assert!(text.starts_with("bad node name \"node1\""), "{text}");
    // There is no node that could refuse it.
    let refused = client(&[]).put("a", vec![0; 20 << 20]).await.unwrap_err();
    let reason = "a value has at most 1048576 bytes, not 20971520".to_owned();
    assert_eq!(refused, ClientError::Refused(KvError::TooLarge { reason }));
}
