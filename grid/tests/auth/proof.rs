//! Both ends of a connection prove a shared secret, and neither believes a node that does not.

use std::time::Duration;

use bytes::Bytes;
use grid::{Builder, Connection, LinkError, Manager, SharedSecret, State, StaticToken};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::authenticators::{Overheard, Stranger};
use crate::support::{A, B, Network, Once, pair, sides};

const SECRET: &str = "correct horse battery staple";
const SOON: Duration = Duration::from_secs(5);

/// Answers with what the caller has proven.
fn whoami(builder: Builder) -> Builder {
    builder.single_handler(1, None, |cx, _| async move {
        let identity = cx.identity();
        let text = format!("{:?} {}", identity.name(), identity.subject());
        Ok(Some(Bytes::from(text)))
    })
}

async fn ask(connection: &Connection) -> String {
    let answer = connection.request(1, None).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Why this connection could not be made.
async fn failure(connection: &Connection) -> LinkError {
    let error = connection.wait_connected(SOON).await.unwrap_err();
    let State::Error(reason) = error.state else { panic!("{error}") };
    (*reason).clone()
}

#[tokio::test(start_paused = true)]
async fn handlers_read_what_was_proven_at_both_ends() {
    for (secret, proven) in [(true, "a node that knows the shared secret"), (false, "")] {
        let (_network, a, b) = pair(|builder| match secret {
            true => whoami(builder).token(SharedSecret::new(SECRET)),
            false => whoami(builder).token(StaticToken::new(SECRET)),
        })
        .await;
        for (node, peer) in [(&a, &b), (&b, &a)] {
            let answer = ask(&node.connection(peer.name()).unwrap()).await;
            match secret {
                true => assert_eq!(answer, format!("Some({:?}) {proven}", node.name())),
                false => assert!(answer.starts_with("None "), "{answer}"),
            }
            let itself = ask(&node.connection(node.name()).unwrap()).await;
            assert_eq!(itself, format!("Some({:?}) this node", node.name()));
        }
    }
}

#[tokio::test]
async fn over_sockets() {
    let listeners = [0, 1].map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let names =
        listeners.each_ref().map(|listener| format!("http://{}", listener.local_addr().unwrap()));
    let mut nodes = Vec::new();
    for (name, listener) in names.iter().zip(listeners) {
        listener.set_nonblocking(true).unwrap();
        let builder = Manager::builder(name).hosts(&names).token(SharedSecret::new(SECRET));
        let node = whoami(builder).build().unwrap();
        tokio::spawn(node.serve(TcpListener::from_std(listener).unwrap()));
        nodes.push(node);
    }
    for (node, peer) in [(0, 1), (1, 0)] {
        let connection = nodes[node].connection(&names[peer]).unwrap();
        connection.wait_connected(SOON).await.unwrap();
        assert!(ask(&connection).await.contains(&names[node]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_does_not_know_the_secret_is_not_believed() {
    let (dialer, listener) = sides();
    let accepts = || Stranger::with_token("");
    let wrong = || Some(vec![7; 32]);
    for (stranger, text) in [
        (accepts(), "has sent no proof"),
        (Stranger { proof: wrong(), ..accepts() }, "its proof is wrong"),
        (Stranger { proof: Some(vec![0; 5000]), ..accepts() }, "has sent no proof"),
        (
            Stranger { refuses: Some("go to http://evil:1"), ..accepts() },
            "it refused this node: auth token: go to http://evil:1",
        ),
        (
            Stranger { refuses: Some("no"), proof: wrong(), ..accepts() },
            "its proof is wrong; it refused this node: auth token: no",
        ),
    ] {
        let network = Network::default();
        let other = network.node(listener, &[A, B]).token(stranger).build().unwrap();
        network.attach(&other);
        let secret = SharedSecret::new(SECRET);
        let node = network.node(dialer, &[A, B]).token(secret).build().unwrap();
        let reason = failure(&node.connection(listener).unwrap()).await;
        assert!(
            matches!(&reason, LinkError::Unproven { peer, .. } if peer == listener),
            "{reason}"
        );
        let shown = reason.full_text().to_string();
        assert!(shown.contains(listener) && shown.contains(text), "{shown}");
        assert!(!shown.contains(SECRET), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_cannot_say_that_the_name_is_taken() {
    let (dialer, listener) = sides();
    let (near, far) = tokio::io::duplex(1 << 16);
    let builder = Manager::builder(dialer).hosts([A, B]).dial_with(Once::new(near));
    let node = builder.token(SharedSecret::new(SECRET)).build().unwrap();
    let connection = node.connection(listener).unwrap();
    let mut states = connection.states();
    let mut socket = tokio_tungstenite::accept_async(far).await.unwrap();
    let frame = CloseFrame { code: 4001.into(), reason: "wait".into() };
    socket.close(Some(frame)).await.unwrap();
    let reason = loop {
        if let State::Error(reason) = states.next().await.unwrap() {
            break reason;
        }
    };
    assert!(matches!(*reason, LinkError::Unproven { .. }), "{reason}");
    assert!(reason.to_string().ends_with("it refused this node: wait"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn the_name_that_a_stranger_states_is_not_believed() {
    let (dialer, listener) = sides();
    let network = Network::default();
    let other = (1..).map(|n| format!("http://c:{n}")).find(|c| grid::dials(dialer, c)).unwrap();
    let hosts = [A, B, &other];
    let stranger = network.node(&other, &hosts).token(Stranger::with_token("")).build().unwrap();
    network.attach_as(listener, &stranger);
    let secret = || SharedSecret::new(SECRET);
    let node = network.node(dialer, &hosts).token(secret()).build().unwrap();
    let connection = node.connection(listener).unwrap();
    let reason = failure(&connection).await;
    assert!(matches!(reason, LinkError::Unproven { .. }), "{reason}");

    // A node of the grid at the wrong address says so, and is believed.
    let honest = network.node(&other, &hosts).token(secret()).build().unwrap();
    network.attach_as(listener, &honest);
    tokio::time::sleep(SOON).await;
    let reason = failure(&connection).await;
    assert!(
        matches!(&reason, LinkError::WrongNode { answered, .. } if *answered == other),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_refusal_of_a_listener_that_proves_the_secret_is_believed() {
    let (dialer, listener) = sides();
    let network = Network::default();
    let secret = || SharedSecret::new(SECRET);
    let alone = network.node(listener, &[listener]).token(secret()).build().unwrap();
    network.attach(&alone);
    let node = network.node(dialer, &[A, B]).token(secret()).build().unwrap();
    let reason = failure(&node.connection(listener).unwrap()).await;
    let LinkError::Refused { reason, .. } = reason else { panic!("{reason}") };
    assert!(reason.contains("unknown incoming host"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_node_without_the_extension_cannot_prove_itself() {
    let (dialer, listener) = sides();
    for (of_dialer, of_listener) in
        [(&["meta", "proof"][..], &["meta"][..]), (&["meta"], &["meta", "proof"])]
    {
        let network = Network::default();
        let secret = || SharedSecret::new(SECRET);
        let node = |name, extensions: &[&'static str]| {
            let builder = network.node(name, &[A, B]).token(secret());
            builder.extensions(extensions.iter().copied()).build().unwrap()
        };
        let listening = node(listener, of_listener);
        network.attach(&listening);
        let dialing = node(dialer, of_dialer);
        let reason = failure(&dialing.connection(listener).unwrap()).await.to_string();
        assert!(reason.contains("`proof`") && reason.contains("`StaticToken`"), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_token_is_refused_and_the_link_that_is_up_stays() {
    let (dialer, listener) = sides();
    let network = Network::default();
    let listening =
        network.node(listener, &[A, B]).token(SharedSecret::new(SECRET)).build().unwrap();
    network.attach(&listening);
    let overheard = Overheard::new(SECRET);
    let honest = network.node(dialer, &[A, B]).token(overheard.clone()).build().unwrap();
    let connection = honest.connection(listener).unwrap();
    connection.wait_connected(SOON).await.unwrap();
    let used = overheard.tokens.lock().unwrap()[0].clone();
    assert!(!used.contains(SECRET));

    // Neither from another process of this name, nor with a name of its own.
    let thief = network.node(dialer, &[A, B]).token(Stranger::with_token(&used)).build().unwrap();
    let reason = failure(&thief.connection(listener).unwrap()).await.to_string();
    assert!(reason.contains("the token was used before"), "{reason}");
    assert_eq!(listening.connection(dialer).unwrap().stats().connects, 1);
    assert!(connection.state().is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_token_for_one_node_is_not_accepted_by_another_one() {
    let (dialer, listener) = sides();
    let network = Network::default();
    let other = (1..).map(|n| format!("http://c:{n}")).find(|c| grid::dials(dialer, c)).unwrap();
    let hosts = [A, B, &other];
    let overheard = Overheard::new(SECRET);
    // Nobody listens there yet, so this token is not used.
    let honest = network.node(dialer, &[A, B]).token(overheard.clone()).build().unwrap();
    failure(&honest.connection(listener).unwrap()).await;
    let unused = overheard.tokens.lock().unwrap()[0].clone();
    drop(honest);
    let node = network.node(&other, &hosts).token(SharedSecret::new(SECRET)).build().unwrap();
    network.attach(&node);
    let thief = network.node(dialer, &hosts).token(Stranger::with_token(&unused)).build().unwrap();
    let reason = failure(&thief.connection(&other).unwrap()).await.to_string();
    assert!(
        reason.contains(&format!("the token is for {listener}, and this is {other}")),
        "{reason}"
    );
}
