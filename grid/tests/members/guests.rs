//! Programs that are on no host list.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use grid::{
    Builder, Connection, Context, Denied, Guest, GuestError, Guests, LinkError, Manager, NoAuth,
    RemoteError, SharedSecret, State,
};
use tokio::time::sleep;

use crate::support::{A, B, Network, pair};

const ECHO: u8 = 1;
const WHO: u8 = 2;
const CALL_BACK: u8 = 3;
const OWN: u8 = 4;
const SECOND: Duration = Duration::from_secs(1);

fn handlers(builder: Builder) -> Builder {
    builder
        .guests(Guests::up_to(3))
        .single_handler(ECHO, None, |_cx, payload| async move { Ok(payload) })
        .single_handler(WHO, None, |cx: Context, _| async move {
            Ok(Some(format!("{} {}", cx.peer(), cx.is_guest()).into()))
        })
        .single_handler(CALL_BACK, None, |cx: Context, payload| async move {
            let by_name = cx.connection(cx.peer())?;
            by_name.request(OWN, None).await.map_err(RemoteError::from)?;
            cx.caller().request(OWN, payload).await.map_err(RemoteError::from)
        })
}

fn node(network: &Network, configure: impl FnOnce(Builder) -> Builder) -> Manager {
    let manager = configure(network.node(A, &[A, B])).build().unwrap();
    network.attach(&manager);
    manager
}

async fn guest(network: &Network) -> Result<Guest, GuestError> {
    let own = |builder: Builder| {
        builder.dial_with(network.clone()).single_handler(
            OWN,
            None,
            |cx: Context, payload| async move {
                assert!(!cx.is_guest());
                Ok(payload)
            },
        )
    };
    Guest::builder(A).configure(own).connect().await
}

#[tokio::test(start_paused = true)]
async fn guest_and_node_call_each_other() {
    let network = Network::default();
    let node = node(&network, handlers);
    let guest = guest(&network).await.unwrap();
    let connection = guest.connection();
    let who = connection.request(WHO, None).await.unwrap().unwrap();
    assert_eq!(who, format!("{} true", guest.name()));
    let back = connection.request(CALL_BACK, Some("hello".into())).await.unwrap();
    assert_eq!(back, Some("hello".into()));
    // A large one travels in parts.
    let large = vec![7; 1 << 20];
    assert_eq!(connection.request(ECHO, Some(large.clone().into())).await.unwrap().unwrap(), large);
    // It is no member.
    assert_eq!((node.hosts().count(), node.guests().len()), (2, 1));
    node.connection(guest.name()).unwrap_err();
    let (_network, a, _b) = pair(handlers).await;
    let who = a.connection(B).unwrap().request(WHO, None).await.unwrap().unwrap();
    assert_eq!(who, format!("{A} false"));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_takes_no_guests_or_does_not_know_them_says_so() {
    for (older, text) in [(false, "the node takes no guests"), (true, "its version is older")] {
        let network = Network::default();
        let _node = node(&network, |builder| match older {
            true => builder.extensions(["names"]),
            false => builder,
        });
        let error = guest(&network).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains(A), "{said}");
        if !older {
            assert!(said.contains(text), "{said}");
        }
        let GuestError::Connect { reason, .. } = error else { panic!("{said}") };
        assert!(matches!(&*reason, LinkError::Refused { .. }), "{reason}");
    }
    let nobody = guest(&Network::default()).await.unwrap_err().to_string();
    assert!(nobody.contains("no route"), "{nobody}");
    let bad = Guest::connect("node1:9000", NoAuth).await.unwrap_err();
    assert!(matches!(bad, GuestError::Build(_)), "{bad}");
}

#[tokio::test(start_paused = true)]
async fn one_guest_too_many_is_refused_until_another_one_leaves() {
    let network = Network::default();
    let node = node(&network, handlers);
    let mut guests = Vec::new();
    for _ in 0..3 {
        guests.push(guest(&network).await.unwrap());
    }
    let full = guest(&network).await.unwrap_err().to_string();
    assert!(full.contains("connected: 3 (`Builder::guests`)"), "{full}");
    guests.pop().unwrap().shutdown(SECOND).await;
    sleep(SECOND).await;
    assert_eq!(node.guests().len(), 2);
    guests.push(guest(&network).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_guests_call_at_once_and_the_next_one_is_refused() {
    let network = Network::default();
    let node = node(&network, |builder| {
        let slow = |_cx, payload| async move {
            sleep(SECOND).await;
            Ok(payload)
        };
        builder.guests(Guests::up_to(1000)).single_handler(ECHO, None, slow)
    });
    let guests = join_all((0..1000).map(|_| guest(&network))).await;
    let guests: Vec<_> = guests.into_iter().map(Result::unwrap).collect();
    let call = async |guest: &Guest| guest.connection().request(ECHO, Some("hello".into())).await;
    for answer in join_all(guests.iter().map(call)).await {
        assert_eq!(answer, Ok(Some("hello".into())));
    }
    let full = guest(&network).await.unwrap_err().to_string();
    assert!(full.contains(A) && full.contains("1000 (`Builder::guests`)"), "{full}");
    join_all(guests.iter().map(|guest| guest.shutdown(SECOND))).await;
    sleep(SECOND).await;
    assert!(node.guests().is_empty());
}

/// One guest makes the node hold all that guests may, and another one has nothing left. Nodes have.
#[tokio::test(start_paused = true)]
async fn guests_take_no_memory_from_nodes() {
    let network = Network::default();
    let hold = |builder: Builder| {
        builder.guests(Guests::up_to(3).bytes_max(4 << 20)).single_handler(
            ECHO,
            None,
            |_cx, payload| async move {
                sleep(SECOND).await;
                Ok(payload)
            },
        )
    };
    let _a = node(&network, hold);
    let b = network.node(B, &[A, B]).build().unwrap();
    network.attach(&b);
    b.connection(A).unwrap().wait_connected(SECOND).await.unwrap();
    let (greedy, modest) = (guest(&network).await.unwrap(), guest(&network).await.unwrap());
    let large = Some(Bytes::from(vec![7; 5 << 19]));
    let held = greedy.connection().request(ECHO, large.clone());
    let later = async {
        sleep(SECOND / 2).await;
        let refused = modest.connection().request(ECHO, large.clone()).await.unwrap_err();
        (refused, b.connection(A).unwrap().request(ECHO, large.clone()).await)
    };
    let (held, (refused, of_node)) = tokio::join!(held, later);
    assert!(held == Ok(large.clone()) && of_node == Ok(large.clone()), "both are answered");
    let said = refused.to_string();
    assert!(said.contains("4194304 bytes (`Guests::bytes_max`)"), "{said}");
    assert!(refused.is_retryable(), "{said}");
}

#[tokio::test(start_paused = true)]
async fn guests_need_the_secret() {
    let network = Network::default();
    let _node = node(&network, |builder| handlers(builder).token(SharedSecret::new("right")));
    let enter = async |secret| {
        let configure =
            |builder: Builder| builder.dial_with(network.clone()).token(SharedSecret::new(secret));
        Guest::builder(A).configure(configure).connect().await
    };
    let denied = enter("wrong").await.unwrap_err().to_string();
    assert!(denied.contains("auth token"), "{denied}");
    enter("right").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn guests_have_a_secret_and_permissions_of_their_own() {
    let network = Network::default();
    let guests = Guests::up_to(3).token(SharedSecret::new("tools")).permit(|call| {
        let is_echo = call.method() == "handler 1";
        is_echo.then_some(()).ok_or_else(|| Denied::new("guests may only echo"))
    });
    let node = node(&network, |builder| {
        handlers(builder).token(SharedSecret::new("nodes")).guests(guests)
    });
    let enter = async |secret| {
        let configure =
            |builder: Builder| builder.dial_with(network.clone()).token(SharedSecret::new(secret));
        Guest::builder(A).configure(configure).connect().await
    };
    let denied = enter("nodes").await.unwrap_err().to_string();
    assert!(denied.contains("auth token"), "{denied}");
    let guest = enter("tools").await.unwrap();
    let connection = guest.connection();
    assert_eq!(connection.request(ECHO, Some("x".into())).await.unwrap(), Some("x".into()));
    let refused = connection.request(WHO, None).await.unwrap_err().to_string();
    assert!(refused.contains("guests may only echo"), "{refused}");
    // The secret of guests makes no node.
    let other = network.node(B, &[A, B]).token(SharedSecret::new("tools")).build().unwrap();
    network.attach(&other);
    sleep(Duration::from_secs(10)).await;
    assert!(!node.connection(B).unwrap().state().is_connected());
    // The hook is about guests only.
    node.connection(A).unwrap().request(WHO, None).await.unwrap();
}

/// Waits until this many connections have been up.
async fn reconnected(connection: &Connection, connects: u64) {
    let mut states = connection.states();
    while connection.stats().connects < connects || !connection.state().is_connected() {
        states.next().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_connects_again_and_begins_anew() {
    let network = Network::default();
    let node = node(&network, handlers);
    let guest = guest(&network).await.unwrap();
    let connection = guest.connection();
    connection.request(ECHO, None).await.unwrap();
    let old = node.guests().pop().unwrap();
    network.cut();
    reconnected(&connection, 2).await;
    connection.request(CALL_BACK, None).await.unwrap();
    assert_eq!(node.guests().len(), 1);
    assert!(old.request(OWN, None).await.is_err(), "a handle to the connection that is gone");
    assert_eq!(old.state(), State::Removed);

    // A restart of the node.
    node.shutdown(SECOND).await;
    let _node = self::node(&network, handlers);
    reconnected(&connection, 3).await;
    connection.request(CALL_BACK, None).await.unwrap();
}
