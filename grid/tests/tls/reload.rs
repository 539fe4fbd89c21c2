//! Files that change: new connections use the new ones, links stay up, and bad files change nothing.

use std::path::PathBuf;
use std::time::Duration;

use grid::{Manager, Tls};
use tokio::time::sleep;
use tracing::Level;

use crate::log::Lines;
use crate::network::{Route, World, apart, connected, hosts, names, node, start_with};
use crate::pki::{Ca, Stated};

/// Longer than the interval at which files are read.
const RELOADED: Duration = Duration::from_secs(11);

const CHANGED: &str = "the TLS files have changed, and new connections use them";
const BAD: &str = "cannot use the changed TLS files";

fn instance(dialing: &Manager) -> String {
    format!("{:?}", dialing.connection(names().1).unwrap().state())
}

/// Connects another run of the dialing node, which replaces the first one.
async fn connects(tls: Tls, route: Route) -> bool {
    let dialing = node(names().0).tls_over(tls, route).build().unwrap();
    let connection = dialing.connection(names().1).unwrap();
    connection.wait_connected(Duration::from_secs(3)).await.is_ok()
}

/// A listener with a revocation list, and a client certificate that may get onto it.
struct Revocable {
    world: World,
    client: (PathBuf, PathBuf),
    route: Route,
    _listening: Manager,
}

impl Revocable {
    /// The serial number of the client certificate.
    const SERIAL: u64 = 42;

    fn new(test: &str) -> Self {
        let world = World::new(test);
        let (dialer, host) = hosts();
        let crl = world.folder.write("crl.pem", world.ca.revoke(&[5]));
        let leaf = world.ca.sign_as(Stated { serial: Self::SERIAL, ..Stated::host(dialer) });
        let client = world.folder.pair("client", &leaf);
        let (incoming, route) = crate::network::listener();
        let listening = node(names().1).tls(world.mutual(host).crl(&crl)).build().unwrap();
        tokio::spawn(listening.serve(incoming));
        Self { world, client, route, _listening: listening }
    }

    fn client(&self) -> Tls {
        let (certificate, key) = &self.client;
        self.world.client().client_certificate(certificate, key)
    }

    /// Replaces the list.
    fn revoke(&self, serials: &[u64]) {
        self.world.folder.write("crl.pem", self.world.ca.revoke(serials));
    }

    /// Whether a dialer with the client certificate connects.
    async fn connects(&self) -> bool {
        connects(self.client(), self.route.clone()).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_certificate_is_revoked_without_a_restart() {
    let (lines, _guard) = Lines::collect();
    let revocable = Revocable::new("revoke");
    let dialing = node(names().0).tls_over(revocable.client(), revocable.route.clone());
    let dialing = dialing.build().unwrap();
    connected(&dialing).await;
    let before = instance(&dialing);
    sleep(RELOADED).await;
    assert!(lines.with(Level::INFO, CHANGED).is_empty(), "nothing has changed yet");

    revocable.revoke(&[5, Revocable::SERIAL]);
    sleep(RELOADED).await;
    assert_eq!(lines.with(Level::INFO, CHANGED).len(), 1);
    assert_eq!(instance(&dialing), before, "the link stays up");
    assert!(dialing.connection(names().1).unwrap().state().is_connected());
    drop(dialing);
    assert!(!revocable.connects().await);
    assert!(!lines.with(Level::WARN, "the dialer's certificate is revoked").is_empty());

    revocable.revoke(&[5]);
    sleep(RELOADED).await;
    assert!(revocable.connects().await, "it is on no list any more");
}

#[tokio::test(start_paused = true)]
async fn a_new_certificate_is_used_and_links_stay_up() {
    let world = World::new("renew");
    let (dialer, host) = hosts();
    let (lines, _guard) = Lines::collect();
    let (incoming, route) = crate::network::listener();
    let listening = node(names().1).tls(world.server(host)).build().unwrap();
    tokio::spawn(listening.serve(incoming));
    let dialing = node(names().0).tls_over(world.client(), route.clone()).build().unwrap();
    connected(&dialing).await;
    let before = instance(&dialing);

    // Another CA signs from now on. The key comes before its certificate: the pair is wrong for a moment.
    let next = Ca::new("the next CA");
    let leaf = next.sign(host);
    world.folder.write(&format!("{host}.key"), &leaf.key);
    sleep(RELOADED).await;
    world.folder.write(&format!("{host}.pem"), &leaf.certificate);
    sleep(RELOADED).await;
    assert!(lines.with(Level::WARN, BAD).is_empty(), "replaced before it was read again");
    assert_eq!(lines.with(Level::INFO, CHANGED).len(), 1);
    assert_eq!(instance(&dialing), before, "the link stays up");

    assert!(!connects(world.client(), route.clone()).await, "the old CA is not the signer");
    let ca = world.folder.write("next-ca.pem", next.pem());
    assert!(connects(Tls::with_ca(ca), route.clone()).await);
    // Both CAs, while a grid moves from one to the other.
    let both = world.folder.write("both.pem", world.ca.pem() + &next.pem());
    assert!(connects(Tls::with_ca(both), route).await);
    let _ = dialer;
}

#[tokio::test(start_paused = true)]
async fn a_bad_file_keeps_the_previous_one_and_is_logged_once() {
    let world = World::new("bad");
    let (_, host) = hosts();
    let (lines, _guard) = Lines::collect();
    let (incoming, route) = crate::network::listener();
    let listening = node(names().1).tls(world.server(host)).build().unwrap();
    tokio::spawn(listening.serve(incoming));
    let file = format!("{host}.pem");
    let good = std::fs::read(world.folder.path(&file)).unwrap();
    for (number, content) in ["", "hello", &world.ca.sign(host).certificate].into_iter().enumerate()
    {
        world.folder.write(&file, content);
        sleep(10 * RELOADED).await;
        let warnings = lines.with(Level::WARN, BAD);
        assert_eq!(warnings.len(), number + 1, "{warnings:#?}");
        let path = world.folder.path(&file).display().to_string();
        assert!(warnings[number].contains(&path), "{warnings:#?}");
        assert!(connects(world.client(), route.clone()).await);
    }
    std::fs::remove_file(world.folder.path(&file)).unwrap();
    sleep(10 * RELOADED).await;
    assert_eq!(lines.with(Level::WARN, BAD).len(), 4);
    assert!(lines.with(Level::WARN, BAD)[3].contains("cannot read the TLS file"));
    assert!(connects(world.client(), route.clone()).await);
    world.folder.write(&file, good);
    sleep(RELOADED).await;
    assert_eq!(lines.with(Level::WARN, BAD).len(), 4);
    assert!(lines.with(Level::INFO, CHANGED).is_empty(), "it is the first one again");
    assert!(connects(world.client(), route).await);
}

#[tokio::test(start_paused = true)]
async fn a_new_certificate_for_another_name_is_a_warning() {
    let world = World::new("another");
    let (_, host) = hosts();
    let (lines, _guard) = Lines::collect();
    let _listening = node(names().1).tls(world.server(host)).build().unwrap();
    let leaf = world.ca.sign("somebody-else");
    world.folder.write(&format!("{host}.key"), &leaf.key);
    world.folder.write(&format!("{host}.pem"), &leaf.certificate);
    sleep(10 * RELOADED).await;
    let warnings = lines.with(Level::WARN, "is not for its name");
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
}

/// That a node has not renewed its own certificate does not let revoked ones in.
#[tokio::test(start_paused = true)]
async fn a_revocation_counts_although_the_own_certificate_has_expired() {
    let (lines, _guard) = Lines::collect();
    let revocable = Revocable::new("expired");
    assert!(revocable.connects().await);
    let (world, (_, host)) = (&revocable.world, hosts());
    let expired = world.ca.sign_as(Stated { valid: (2020, 2021), ..Stated::host(host) });
    world.folder.pair(host, &expired);
    revocable.revoke(&[5, Revocable::SERIAL]);
    sleep(RELOADED).await;
    let warned = lines.with(Level::WARN, "other nodes refuse the certificate of this node");
    assert!(warned.len() == 1 && warned[0].contains("has expired"), "{warned:#?}");
    assert_eq!(lines.with(Level::INFO, CHANGED).len(), 1, "the new list is in use");
    assert!(!revocable.connects().await);
}

#[tokio::test(start_paused = true)]
async fn the_dialing_side_reloads_as_well() {
    let world = World::new("dialing");
    let (_, host) = hosts();
    let client = Tls::with_ca(world.folder.write("client-ca.pem", Ca::new("another").pem()));
    let (dialing, _node) = start_with(client, world.server(host));
    let (dialed, _) = apart(&dialing).await;
    assert!(dialed.contains("signed by no CA that this node trusts"), "{dialed}");
    world.folder.write("client-ca.pem", world.ca.pem());
    connected_soon(&dialing).await;
}

async fn connected_soon(dialing: &Manager) {
    sleep(RELOADED).await;
    connected(dialing).await;
}

/// As Kubernetes replaces a mounted secret: the files are links into a folder that is itself a link.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn links_to_files_that_are_swapped_are_noticed() {
    use std::os::unix::fs::symlink;

    let world = World::new("links");
    let (_, host) = hosts();
    let next = Ca::new("the next CA");
    let folder = &world.folder;
    for (version, leaf) in [("v1", world.ca.sign(host)), ("v2", next.sign(host))] {
        std::fs::create_dir(folder.path(version)).unwrap();
        folder.pair(&format!("{version}/tls"), &leaf);
    }
    symlink(folder.path("v1"), folder.path("data")).unwrap();
    for file in ["tls.pem", "tls.key"] {
        symlink(folder.path("data").join(file), folder.path(file)).unwrap();
    }
    let (incoming, route) = crate::network::listener();
    let tls = Tls::server(folder.path("tls.pem"), folder.path("tls.key"));
    let listening = node(names().1).tls(tls.ca(folder.path("ca.pem"))).build().unwrap();
    tokio::spawn(listening.serve(incoming));
    assert!(connects(world.client(), route.clone()).await);
    symlink(folder.path("v2"), folder.path("data.new")).unwrap();
    std::fs::rename(folder.path("data.new"), folder.path("data")).unwrap();
    sleep(RELOADED).await;
    let ca = folder.write("next-ca.pem", next.pem());
    assert!(connects(Tls::with_ca(ca), route).await);
}

#[tokio::test(start_paused = true)]
async fn the_files_are_not_read_any_more_when_the_node_has_ended() {
    let world = World::new("ended");
    let (_, host) = hosts();
    let (lines, _guard) = Lines::collect();
    for end_by_drop in [false, true] {
        let manager = node(names().1).tls(world.server(host)).build().unwrap();
        sleep(RELOADED).await;
        match end_by_drop {
            true => drop(manager),
            false => manager.shutdown(Duration::ZERO).await,
        }
        world.folder.pair(host, &world.ca.sign(host));
        sleep(10 * RELOADED).await;
        assert!(lines.with(Level::INFO, CHANGED).is_empty());
    }
}
