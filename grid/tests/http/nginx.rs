//! nginx with TLS in front of axum, with the configuration that the guide shows. `openssl s_client` is the dialer.
//!
//! These tests are skipped, and print so, where nginx or openssl is missing. The one that waits for more than a minute runs
//! only with `GRID_SLOW_TESTS=1`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use grid::{Config, Dial, Dialing, Io, LinkError, Manager, ROUTE, State};
use tokio::io::duplex;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::double::{DoubleServer, Doubler};
use crate::{SOON, assert_calls};

const GUIDE: &str = include_str!("../../../docs/guide/mounting.md");

/// The host in the guide's configuration.
const SERVED: &str = "https://node1.example";

/// nginx with files in a directory of its own.
struct Nginx {
    process: Child,
    directory: PathBuf,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn is_installed(program: &str, argument: &str) -> bool {
    let output = Command::new(program).arg(argument).output();
    let is_installed = output.is_ok_and(|output| output.status.success());
    if !is_installed {
        println!("skipped: {program} is not installed");
    }
    is_installed
}

fn has_programs() -> bool {
    is_installed("nginx", "-v") && is_installed("openssl", "version")
}

/// Replaces a part of the configuration that must be there.
fn replace(config: &mut String, from: &str, to: &str) {
    assert!(config.contains(from), "the guide's configuration has no {from:?}");
    *config = config.replace(from, to);
}

/// Starts nginx with the guide's configuration, whose places are changed, and then what `change` does.
fn start(name: &str, port: u16, change: impl FnOnce(&mut String)) -> Nginx {
    let directory = std::env::temp_dir().join(format!("grid-{name}-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let at = |file: &str| directory.join(file).display().to_string();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=node1.example"])
        .args(["-addext", "subjectAltName=DNS:node1.example"])
        .args(["-keyout", &at("key.pem"), "-out", &at("cert.pem")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let (_, config) = GUIDE.split_once("```nginx\n").unwrap();
    let mut server = config.split_once("```").unwrap().0.to_owned();
    // A Unix socket needs no free port.
    replace(&mut server, "listen 443 ssl", &format!("listen unix:{} ssl", at("nginx.sock")));
    replace(&mut server, "/etc/ssl/node1.pem", &at("cert.pem"));
    replace(&mut server, "/etc/ssl/node1.key", &at("key.pem"));
    replace(&mut server, "127.0.0.1:8080", &format!("127.0.0.1:{port}"));
    assert!(server.contains(&format!("location = {ROUTE} {{")), "the default route");
    change(&mut server);
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};", at(kind)));
    let config = format!(
        "daemon off; master_process off; pid {}; error_log {};\nevents {{}}\n\
         http {{\naccess_log off; {}\n{server}}}\n",
        at("nginx.pid"),
        at("error.log"),
        temporary.concat(),
    );
    fs::write(at("nginx.conf"), config).unwrap();
    let process = Command::new("nginx")
        .args(["-c", &at("nginx.conf"), "-e", &at("error.log")])
        .spawn()
        .unwrap();
    Nginx { process, directory }
}

/// Dials nginx with TLS, and checks its certificate.
struct Openssl(PathBuf);

impl Openssl {
    fn connect(directory: &Path) -> std::io::Result<impl Io + use<>> {
        let mut process = tokio::process::Command::new("openssl")
            .args(["s_client", "-quiet", "-verify_return_error"])
            .args(["-servername", "node1.example", "-verify_hostname", "node1.example"])
            .arg("-CAfile")
            .arg(directory.join("cert.pem"))
            .arg("-unix")
            .arg(directory.join("nginx.sock"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (near, mut far) = duplex(64 * 1024);
        let (output, input) = (process.stdout.take().unwrap(), process.stdin.take().unwrap());
        tokio::spawn(async move {
            let mut process_io = tokio::io::join(output, input);
            let _ = tokio::io::copy_bidirectional(&mut far, &mut process_io).await;
            drop(process);
        });
        Ok(near)
    }
}

impl Dial for Openssl {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        Box::pin(async move { Ok(Box::new(Self::connect(&self.0)?) as Box<dyn Io>) })
    }
}

/// A node behind nginx, and one that dials it.
async fn behind_nginx(
    name: &str,
    ping_interval: Duration,
    change: impl FnOnce(&mut String),
) -> (Nginx, Manager, Manager) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nginx = start(name, listener.local_addr().unwrap().port(), change);
    let names = (0..).map(|number| format!("https://dialer{number}:1"));
    let dialer = names.into_iter().find(|name| grid::dials(name, SERVED)).unwrap();
    let node = |name: &str| {
        Manager::builder(name)
            .hosts([SERVED, &dialer])
            .token(grid::NoAuth)
            .config(Config::default().ping_interval(ping_interval))
            .service(DoubleServer::new(Doubler))
            .dial_with(Openssl(nginx.directory.clone()))
    };
    let served = node(SERVED).build().unwrap();
    let dialing = node(&dialer).build().unwrap();
    let app = Router::new().route_service(ROUTE, served.http_service());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (nginx, served, dialing)
}

/// The configuration with timeouts of a second instead of the default of 60.
fn with_short_timeouts(server: &mut String) {
    replace(
        server,
        "proxy_http_version",
        "proxy_read_timeout 1s; proxy_send_timeout 1s;\n        proxy_http_version",
    );
}

/// Waits this long, and checks that the connection is not lost.
async fn assert_kept(manager: &Manager, peer: &str, time: Duration) {
    let states = manager.connection(peer).unwrap().states();
    let lost = timeout(time, states.wait_for(|state| matches!(state, State::Error(_)))).await;
    assert!(lost.is_err(), "{lost:?}");
}

#[tokio::test]
async fn pings_keep_a_connection_through_nginx() {
    if !has_programs() {
        return;
    }
    // The same ratio as that of the defaults, 10 s and 60 s.
    let interval = Duration::from_millis(1000 / 6);
    let (_nginx, served, dialing) = behind_nginx("pings", interval, with_short_timeouts).await;
    assert_calls(&dialing, SERVED).await;
    assert_calls(&served, dialing.name()).await;
    assert_kept(&dialing, SERVED, Duration::from_secs(4)).await;
    assert_calls(&dialing, SERVED).await;
}

#[tokio::test]
async fn without_pings_nginx_closes_a_silent_connection() {
    if !has_programs() {
        return;
    }
    let interval = Duration::from_secs(3600);
    let (_nginx, _served, dialing) = behind_nginx("silent", interval, with_short_timeouts).await;
    assert_calls(&dialing, SERVED).await;
    let states = dialing.connection(SERVED).unwrap().states();
    let lost = timeout(SOON, states.wait_for(|state| matches!(state, State::Error(_)))).await;
    assert!(lost.is_ok(), "this shows that the other test can fail");
    assert_calls(&dialing, SERVED).await;
}

#[tokio::test]
async fn the_default_timeouts_of_nginx_need_no_change() {
    if std::env::var_os("GRID_SLOW_TESTS").is_none() {
        println!("skipped: it takes more than a minute; set GRID_SLOW_TESTS=1");
        return;
    }
    if !has_programs() {
        return;
    }
    let interval = Config::default().ping_interval;
    let (_nginx, served, dialing) = behind_nginx("defaults", interval, |_| {}).await;
    assert_calls(&dialing, SERVED).await;
    assert_kept(&dialing, SERVED, Duration::from_secs(75)).await;
    assert_calls(&dialing, SERVED).await;
    assert_calls(&served, dialing.name()).await;
}

#[tokio::test]
async fn the_end_of_a_node_is_announced_through_nginx() {
    if !has_programs() {
        return;
    }
    let interval = Config::default().ping_interval;
    let (_nginx, served, dialing) = behind_nginx("end", interval, |_| {}).await;
    assert_calls(&dialing, SERVED).await;
    let states = dialing.connection(SERVED).unwrap().states();
    served.shutdown(SOON).await;
    let lost =
        timeout(SOON, states.wait_for(|state| matches!(state, State::Error(_)))).await.unwrap();
    assert!(format!("{lost:?}").contains("this node is shut down"), "{lost:?}");
}

#[tokio::test]
async fn a_proxy_that_removes_the_upgrade_is_named() {
    if !has_programs() {
        return;
    }
    let interval = Config::default().ping_interval;
    let without_upgrade = |server: &mut String| {
        replace(server, "proxy_set_header Upgrade $http_upgrade;", "");
    };
    let (_nginx, _served, dialing) = behind_nginx("removed", interval, without_upgrade).await;
    let states = dialing.connection(SERVED).unwrap().states();
    // nginx may not listen yet at the first attempt.
    let is_answered = |state: &State| match state {
        State::Error(reason) => matches!(&**reason, LinkError::Upgrade { .. }),
        _ => false,
    };
    let state = timeout(SOON, states.wait_for(is_answered)).await.unwrap();
    let text = format!("{state:?}");
    assert!(text.contains("426") && text.contains("a proxy in between"), "{text}");
}
