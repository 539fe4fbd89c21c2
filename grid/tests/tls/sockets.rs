//! TLS over sockets of the loopback interface, as `Manager::serve` listens on them, and with the CAs of the system.

use std::process::Command;
use std::time::Duration;

use grid::{Manager, Tls};
use rcgen::SanType;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::pki::{Ca, Folder, Stated};

const LIMIT: Duration = Duration::from_secs(30);

/// A node that listens, a node that dials it, and the address.
struct Grid {
    dialing: Manager,
    _listening: Manager,
    listening_name: String,
    address: std::net::SocketAddr,
}

/// Starts two nodes, with a certificate for the loopback address.
async fn grid(test: &str, at_dialer: impl FnOnce(&Folder) -> Tls) -> Grid {
    let (ca, folder) = (Ca::new("the CA of the grid"), Folder::new(test));
    folder.write("ca.pem", ca.pem());
    let ip = SanType::IpAddress("127.0.0.1".parse().unwrap());
    let (certificate, key) =
        folder.pair("node", &ca.sign_as(Stated { names: vec![ip], ..Stated::host("x") }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listening_name = format!("https://{address}");
    let mut candidates = (1..1000).map(|port| format!("https://127.0.0.1:{port}"));
    let dialing_name = candidates.find(|name| grid::dials(name, &listening_name)).unwrap();
    let hosts = [&listening_name, &dialing_name];
    let tls = Tls::server(certificate, key).ca(folder.path("ca.pem"));
    let listening = Manager::builder(&listening_name)
        .hosts(hosts)
        .token(grid::NoAuth)
        .tls(tls)
        .build()
        .unwrap();
    tokio::spawn(listening.serve(listener));
    let tls = at_dialer(&folder);
    let dialing =
        Manager::builder(&dialing_name).hosts(hosts).token(grid::NoAuth).tls(tls).build().unwrap();
    Grid { dialing, _listening: listening, listening_name, address }
}

impl Grid {
    async fn connected(&self) {
        let connection = self.dialing.connection(&self.listening_name).unwrap();
        connection.wait_connected(LIMIT).await.unwrap();
    }
}

#[tokio::test]
async fn nodes_connect_over_tcp() {
    let grid = grid("tcp", |folder| Tls::with_ca(folder.path("ca.pem"))).await;
    grid.connected().await;
}

/// Strangers that do not speak TLS, or stop in the middle of their handshake, do not keep others waiting.
#[tokio::test]
async fn strangers_do_not_delay_others() {
    let grid = grid("strangers", |folder| Tls::with_ca(folder.path("ca.pem"))).await;
    let mut strangers = Vec::new();
    for bytes in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n"] {
        let mut stranger = TcpStream::connect(grid.address).await.unwrap();
        stranger.write_all(bytes).await.unwrap();
        strangers.push(stranger);
    }
    grid.connected().await;
    // What is no TLS is answered in plain text.
    let mut health = TcpStream::connect(grid.address).await.unwrap();
    health.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    health.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
}

/// Set for the process that [`the_roots_of_the_system_are_trusted`] starts.
const CHILD: &str = "GRID_TLS_TEST_OF_SYSTEM_ROOTS";

/// The variable that names the roots of the system concerns the whole process, so this test runs in one of its own.
#[tokio::test]
async fn the_roots_of_the_system_are_trusted() {
    if std::env::var_os(CHILD).is_some() {
        let grid = grid("system", |_| Tls::system_roots()).await;
        return grid.connected().await;
    }
    let folder = Folder::new("system-parent");
    let run = |roots: &std::path::Path| {
        let test = std::env::current_exe().unwrap();
        let mut run = Command::new(test);
        run.args(["--exact", "sockets::the_roots_of_the_system_are_trusted", "--nocapture"]);
        run.env(CHILD, "").env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR");
        run.output().unwrap()
    };
    // The node writes its CA there before it reads the roots.
    let roots = folder.path("../system/ca.pem");
    let trusted = run(&roots);
    assert!(trusted.status.success(), "{}", String::from_utf8_lossy(&trusted.stdout));
    let none = run(&folder.write("none.pem", ""));
    let text =
        String::from_utf8_lossy(&none.stdout).into_owned() + &String::from_utf8_lossy(&none.stderr);
    assert!(!none.status.success() && text.contains("NoSystemRoots"), "{text}");
}
