//! The tasks of links: how the one of a new member starts, and how that of a removed one ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::accept::keep_accepting;
use super::closing::CLOSE_TIMEOUT;
use super::dial_loop::keep_dialing;
use super::known::Known;
use super::life::driven;
use super::member_event::MemberEvent;
use super::shared::Node;
use crate::error::LinkError;
use crate::net::drive::session::{self, idle};
use crate::net::link::state::State;

/// Starts the task of a member's link. If a removed member of the same name still finishes its calls, it begins after
/// that: its connection would replace the one that carries them.
pub(super) fn start(node: &Arc<Node>, known: &Arc<Known>) {
    let endpoint = known.endpoint.clone();
    let (log, arrivals) = (Arc::clone(&known.log), known.arrivals.clone());
    let life = known.life(node.over.clone(), node.alive.subscribe());
    let (running, before) = (known.running(), node.peers.leaving(known.name()));
    let own = Arc::clone(node);
    let task = async move {
        let _running = running;
        let mut life = life;
        for before in before {
            loop {
                tokio::select! {
                    biased;
                    _ = life.ended() => {
                        // Nothing would take a connection.
                        arrivals.iter().for_each(|arrivals| arrivals.close());
                        return;
                    }
                    () = before.ended() => break,
                    // It ends only if code of the user has panicked in it.
                    () = idle(&endpoint) => {}
                }
            }
        }
        match arrivals {
            None => keep_dialing(own, endpoint, log, life).await,
            Some(arrivals) => {
                let own = own.introduction();
                keep_accepting(own, endpoint, arrivals, log, life).await;
            }
        }
    };
    let peer = Arc::clone(&known.endpoint.peer);
    known.set_task(node.runtime.spawn(driven(peer, task)).abort_handle());
}

/// Ends the link of a member that was removed from the list: its calls are finished for up to `grace`, and everything of it
/// is freed. Then `waiting` is dropped.
pub(super) fn leave(
    node: &Arc<Node>,
    known: Arc<Known>,
    grace: Duration,
    waiting: Option<oneshot::Sender<()>>,
) {
    let peer = Arc::clone(&known.endpoint.peer);
    node.neighbours.remove(&peer.name, &peer);
    let reason = Arc::new(LinkError::Removed { local: node.name.to_string() });
    peer.with(|shared, effects| {
        shared.link.remove(Arc::clone(&reason));
        shared.show_draining(effects);
    });
    let node = Arc::clone(node);
    let runtime = node.runtime.clone();
    runtime.spawn(async move {
        let _waiting = waiting;
        let drained = async {
            peer.finished().await;
            peer.quiet().await;
            peer.drained().await;
        };
        tokio::select! {
            biased;
            () = node.over.wait() => {}
            _ = tokio::time::timeout(grace, drained) => {}
        }
        known.cut(LinkError::clone(&reason));
        // A task that does not end in time is blocked by the user's code.
        let _ = tokio::time::timeout(2 * CLOSE_TIMEOUT, known.ended()).await;
        known.abort();
        // The link may have been down, with calls that wait for a connection.
        session::stop(&peer, &reason);
        peer.show(State::Removed);
        node.peers.left(&known);
        node.events.send(&MemberEvent::Removed { host: Arc::clone(&peer.name) });
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use tokio::io::duplex;

    use super::*;
    use crate::auth::NoAuth;
    use crate::net::call::connection::Connection;
    use crate::net::link::peer::Peer;
    use crate::net::node::builder::Builder;
    use crate::net::node::dial::{Dial, Dialing};
    use crate::net::node::guest::Guest;
    use crate::net::node::guest_policy::Guests;
    use crate::net::node::manager::Manager;
    use crate::net::node::report::LinkLog;
    use crate::net::transport::Io;
    use crate::proto::dials;

    /// Opens streams to this node.
    struct To(Manager);

    impl Dial for To {
        fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
            let (near, far) = duplex(1 << 16);
            let node = self.0.clone();
            tokio::spawn(async move { node.accept(far).await });
            Box::pin(async { Ok::<_, LinkError>(Box::new(near) as Box<dyn Io>) })
        }
    }

    /// What of a removed member may be left.
    fn traces(manager: &Manager, peer: &str) -> (Weak<Known>, Weak<LinkLog>, Weak<Peer>) {
        let known = manager.members().node.peers.get(peer).unwrap();
        let weak = (Arc::downgrade(&known), Arc::downgrade(&known.log));
        (weak.0, weak.1, Arc::downgrade(&known.endpoint.peer))
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_of_a_removed_member_is_left_at_either_end() {
        let [a, b] = ["http://a:1", "http://b:1"];
        let (dialer, listener) = if dials(a, b) { (a, b) } else { (b, a) };
        let listening = Manager::builder(listener)
            .hosts([a, b])
            .token(NoAuth)
            .single_handler(1, None, |_cx, payload| async move { Ok(payload) })
            .build()
            .unwrap();
        let dialing = Manager::builder(dialer)
            .hosts([a, b])
            .token(NoAuth)
            .dial_with(To(listening.clone()))
            .build()
            .unwrap();
        let connection: Connection = dialing.connection(listener).unwrap();
        connection.wait_connected(Duration::from_secs(1)).await.unwrap();
        let calls: Vec<_> = (0..100).map(|_| connection.request(1, Some("x".into()))).collect();
        for call in calls {
            call.await.unwrap();
        }
        let of_dialer = traces(&dialing, listener);
        let of_listener = traces(&listening, dialer);
        let grace = Duration::from_secs(30);
        dialing.members().remove(listener, grace).await.unwrap();
        listening.members().remove(dialer, grace).await.unwrap();
        // The connection is closed in the background.
        tokio::time::sleep(2 * CLOSE_TIMEOUT).await;
        assert!(of_dialer.2.strong_count() > 0, "a handle is left");
        drop(connection);
        for (known, log, peer) in [of_dialer, of_listener] {
            let left = (known.strong_count(), log.strong_count(), peer.strong_count());
            assert_eq!(left, (0, 0, 0));
        }
        let nodes = [dialing, listening].map(|manager| manager.members().node);
        assert!(nodes.iter().all(|node| node.peers.all().is_empty()));
        assert!(nodes.iter().all(|node| node.neighbours.len() == 1), "only the node itself");
    }

    /// Connects guests one after the other; each calls and leaves.
    async fn nothing_is_left_of(count: usize) {
        let node = Manager::builder("http://a:1")
            .token(NoAuth)
            .guests(Guests::up_to(2))
            .single_handler(1, None, |_cx, payload| async move { Ok(payload) })
            .build()
            .unwrap();
        let mut last = None;
        for number in 0..count {
            let to = To(node.clone());
            let configure = |builder: Builder| builder.dial_with(to);
            let guest = Guest::builder("http://a:1").configure(configure).connect().await.unwrap();
            guest.connection().request(1, Some("x".into())).await.unwrap();
            let known = node.members().node.guests.get(guest.name()).unwrap();
            last = Some((Arc::downgrade(&known), Arc::downgrade(&known.endpoint.peer)));
            drop(known);
            match number % 2 {
                0 => drop(guest),
                _ => guest.shutdown(Duration::ZERO).await,
            }
        }
        tokio::time::sleep(2 * CLOSE_TIMEOUT).await;
        let (known, peer) = last.unwrap();
        assert_eq!((known.strong_count(), peer.strong_count()), (0, 0));
        assert!(node.members().node.guests.all().is_empty());
        assert_eq!(node.members().node.alive.receiver_count(), 0, "no task is left");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_of_guests_that_have_left_is_left() {
        nothing_is_left_of(1_000).await;
    }

    #[tokio::test(start_paused = true)]
    #[ignore = "takes long without optimisation"]
    async fn nothing_of_ten_thousand_guests_is_left() {
        nothing_is_left_of(10_000).await;
    }
}
