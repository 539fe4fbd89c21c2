//! Who may do what.

use grid::{Guest, SharedSecret};
use grid_kv::client::ClientError;
use grid_kv::service::Consistency;

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
