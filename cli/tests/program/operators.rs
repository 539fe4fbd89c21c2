//! What operators see: links, events, calls, and what is wrong with a grid.

use std::io::{BufRead as _, BufReader};
use std::sync::Mutex;
use std::time::Duration;

use grid::admin::{LogFilter, Operators};
use grid::{Builder, Denied, Guests, Manager, NoAuth, RemoteError, State};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::{Ran, run_with, start};

#[grid::service]
trait Clock {
    async fn now(&self) -> Result<u64, RemoteError>;
    async fn fail(&self) -> Result<(), RemoteError>;
}

struct Quartz;

impl Clock for Quartz {
    async fn now(&self) -> Result<u64, RemoteError> {
        Ok(42)
    }
    async fn fail(&self) -> Result<(), RemoteError> {
        Err(RemoteError::new("out of springs\x1b[2J"))
    }
}

/// The same service with another answer.
mod later {
    use super::RemoteError;

    #[grid::service(name = "Clock")]
    pub(super) trait Clock {
        async fn now(&self) -> Result<String, RemoteError>;
        #[handler(id = 7)]
        async fn fail(&self) -> Result<(), RemoteError>;
        async fn stop(&self) -> Result<(), RemoteError>;
    }

    impl Clock for super::Quartz {
        async fn now(&self) -> Result<String, RemoteError> {
            Ok("noon".to_owned())
        }
        async fn fail(&self) -> Result<(), RemoteError> {
            Ok(())
        }
        async fn stop(&self) -> Result<(), RemoteError> {
            Ok(())
        }
    }
}

struct Filter(Mutex<String>);

impl LogFilter for Filter {
    fn get(&self) -> String {
        self.0.lock().unwrap().clone()
    }
    fn set(&self, filter: &str) -> Result<(), String> {
        filter.clone_into(&mut self.0.lock().unwrap());
        Ok(())
    }
}

/// Three nodes on free ports, until the runtime ends.
pub(crate) struct Grid {
    pub(crate) nodes: Vec<Manager>,
    pub(crate) runtime: Runtime,
}

pub(crate) fn open(builder: Builder) -> Builder {
    let operators = Operators::permit(|_| Ok(())).log_filter(Filter(Mutex::new("info".into())));
    builder.admin(operators).service(ClockServer::new(Quartz))
}

pub(crate) fn grid(configure: impl Fn(usize, Builder) -> Builder) -> Grid {
    let runtime = Runtime::new().unwrap();
    let nodes = runtime.block_on(async {
        let mut listeners = Vec::new();
        for _ in 0..3 {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let name = |of: &TcpListener| format!("http://{}", of.local_addr().unwrap());
        let names: Vec<_> = listeners.iter().map(name).collect();
        let nodes = listeners.into_iter().enumerate().map(|(number, listener)| {
            let builder = Manager::builder(&*names[number]).hosts(&names).token(NoAuth);
            let node = configure(number, builder.guests(Guests::up_to(16))).build().unwrap();
            let serving = node.clone();
            tokio::spawn(async move { serving.serve(listener).await });
            node
        });
        let nodes: Vec<Manager> = nodes.collect();
        for connection in nodes.iter().flat_map(Manager::connections) {
            connection.wait_connected(Duration::from_secs(20)).await.unwrap();
        }
        nodes
    });
    Grid { nodes, runtime }
}

impl Grid {
    pub(crate) fn name(&self, node: usize) -> &str {
        self.nodes[node].name()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run_with(self.name(0), arguments, "")
    }

    /// Ends the last node, and waits until the others know.
    pub(crate) fn stop_last(&self) {
        let [first, second, last] = &self.nodes[..] else { panic!("three nodes") };
        self.runtime.block_on(async {
            last.shutdown(Duration::ZERO).await;
            for node in [first, second] {
                let states = node.connection(last.name()).unwrap().states();
                let is_down = |state: &State| matches!(state, State::Error(_));
                tokio::time::timeout(Duration::from_secs(20), states.wait_for(is_down))
                    .await
                    .unwrap();
            }
        });
    }
}

pub(crate) fn lines(ran: &Ran) -> Vec<Value> {
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn links_and_round_trips_of_all_nodes_are_listed() {
    let grid = grid(|_, builder| open(builder));
    let links = lines(&grid.run(&["links", "--json"]));
    let others: Vec<_> = links.iter().filter(|of| of["link"]["kind"] == "node").collect();
    assert_eq!(others.len(), 2, "{links:?}");
    assert!(others.iter().all(|of| of["link"]["state"] == "connected"), "{links:?}");
    let all = grid.run(&["links", "--all"]).out;
    assert_eq!(all.lines().filter(|line| line.contains("itself")).count(), 3, "{all}");
    let matrix = lines(&grid.run(&["ping", "--all", "--json"]));
    assert!(matrix.iter().all(|row| row["rtts_us"].as_object().unwrap().len() == 3), "{matrix:?}");

    grid.stop_last();
    let ran = grid.run(&["ping", "--all"]);
    assert_eq!(ran.out.matches("down").count(), 2, "{ran:?}");
    assert!(ran.out.contains("cannot connect to"), "the reason is in its row: {ran:?}");
    ran.fails(3, "1 of 3 nodes have not answered");
    let ran = grid.run(&["ping", "--all", "--json"]);
    assert!(ran.code == 3 && ran.out.lines().count() == 3, "{ran:?}");
    let left = grid.run(&["links", "--all"]);
    assert!(left.err.contains(&format!("{}: cannot connect", grid.name(2))), "{left:?}");
    left.fails(3, "1 of 3 nodes have not answered");
    assert_eq!(left.out.lines().filter(|line| line.contains("itself")).count(), 2, "{left:?}");
    let set = grid.run(&["log", "--all", "grid=trace"]);
    assert!(set.code == 3 && set.out.matches(": grid=trace").count() == 2, "{set:?}");
}

#[test]
fn events_are_listed_and_followed() {
    let grid = grid(|_, builder| open(builder));
    let mut following = start(grid.name(0), &["events", "--json", "--recent", "0"]);
    let mut past = lines(&grid.run(&["events", "--no-follow", "--all", "--json"]));
    past.retain(|of| of["event"]["kind"] == "up");
    assert_eq!(past.len(), 6, "each link at both ends: {past:?}");
    // Its guest is connected as soon as it follows.
    let guest = || {
        self::lines(&grid.run(&["links", "--json"]))
            .iter()
            .filter(|of| of["link"]["kind"] == "guest" && of["link"]["in_flight_in"] == 1)
            .count()
    };
    while guest() < 2 {
        // The other guest is the one that asks.
        assert!(following.try_wait().unwrap().is_none());
    }
    grid.stop_last();
    let mut events = BufReader::new(following.stdout.take().unwrap()).lines();
    let down = events.find(|line| line.as_ref().unwrap().contains("\"down\"")).unwrap().unwrap();
    assert!(down.contains(grid.name(2)), "{down}");
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn calls_are_tapped_and_counted() {
    let grid = grid(|_, builder| open(builder));
    let client = ClockClient::new(grid.nodes[1].connection(grid.name(0)).unwrap());
    let calling = grid.runtime.spawn(async move {
        loop {
            client.now().await.unwrap();
            let _ = client.fail().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let failed = lines(&grid.run(&["tap", "--failed", "--take", "3", "--json", "Clock"]));
    for of in &failed {
        assert_eq!(
            (&of["call"]["method"], &of["call"]["outcome"]),
            (&"Clock/fail".into(), &"handler".into())
        );
    }
    let shown = grid.run(&["tap", "--all", "--made", "--take", "4", "Clock/fail"]);
    assert!(shown.out.contains("out of springs\\u001b[2J"), "no raw escapes: {shown:?}");
    assert_eq!(shown.out.matches(&format!("-> {}", grid.name(0))).count(), 4, "{shown:?}");
    let top = grid.run(&["top", "--all", "--every", "200ms"]);
    let now = top.out.lines().find(|line| line.starts_with("Clock/now")).unwrap();
    assert!(now.contains("<-") && now.contains(grid.name(1)), "{top:?}");
    let top = lines(&grid.run(&["top", "--every", "200ms", "--json"]));
    assert!(top[0]["methods"][0]["p99_us"].as_u64().unwrap() > 0, "{top:?}");
    calling.abort();
}

#[test]
fn a_check_finds_nothing_and_then_a_node_that_is_gone() {
    let grid = grid(|_, builder| open(builder));
    let well = grid.run(&["check"]);
    assert_eq!((well.code, &*well.out), (0, "3 of 3 nodes reached: all is well\n"), "{well:?}");
    let verdict = grid.run(&["check", "--json"]).json();
    assert_eq!(verdict, json!({ "nodes": 3, "reached": 3, "verdict": "well" }));
    grid.stop_last();
    let gone = grid.run(&["check"]);
    assert_eq!(gone.code, 2, "{gone:?}");
    for what in ["(unreachable)", "(link_down)", "2 of 3 nodes reached"] {
        assert!(gone.out.contains(what), "{what}: {gone:?}");
    }
}

#[test]
fn a_check_finds_services_and_extensions_that_differ() {
    let grid = grid(|number, builder| match number {
        2 => {
            let builder = builder
                .admin(Operators::permit(|_| Ok(())))
                .extensions(["cancel", "guest", "ids32", "meta"]);
            builder.service(later::ClockServer::new(Quartz))
        }
        _ => open(builder),
    });
    let differ = grid.run(&["check", "--json"]);
    assert_eq!(differ.code, 2, "{differ:?}");
    let found: Vec<Value> =
        differ.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let severity = |what: &str, text: &str| {
        let is = |of: &&Value| of["what"] == what && of["text"].as_str().unwrap().contains(text);
        found.iter().find(is).unwrap_or_else(|| panic!("{what} {text}: {found:?}"))["severity"]
            .clone()
    };
    for row in ["fail: another id", "fail: another type"] {
        assert_eq!(severity("service_differs", row), "critical");
    }
    assert_eq!(severity("service_differs", "compatible: a method added"), "warning");
    assert_eq!(severity("extensions_differ", "cancel"), "warning");
}

#[test]
fn filters_of_the_log_are_set_at_all_nodes() {
    let grid = grid(|_, builder| open(builder));
    let set = grid.run(&["log", "--all", "grid=debug"]);
    assert_eq!(set.out.matches(": grid=debug").count(), 3, "{set:?}");
    assert_eq!(grid.run(&["log", "--json"]).json()["filter"], "grid=debug");
}

#[test]
fn nodes_without_operators_say_what_is_missing() {
    let closed = grid(|number, builder| match number {
        0 => builder,
        _ => builder.admin(Operators::permit(|_| Err(Denied::new("only on weekdays")))),
    });
    closed.run(&["links"]).fails(6, "Builder::admin");
    closed.run(&["check"]).fails(3, "Builder::admin");
    run_with(closed.name(1), &["events"], "").fails(4, "only on weekdays");
}

#[test]
fn a_report_has_the_state_of_all_nodes_and_no_secret() {
    let grid = grid(|_, builder| open(builder));
    grid.stop_last();
    let file = std::env::temp_dir().join(format!("grid-report-{}.tar.gz", std::process::id()));
    // Any token is accepted here; as part of the names, it would be in each file.
    let gathered = grid.run(&["--token", "127.0.0.1", "gather", file.to_str().unwrap()]);
    assert!(gathered.code == 0 && gathered.out.starts_with("2 of 3 nodes"), "{gathered:?}");
    let archive = flate2::read::GzDecoder::new(std::fs::File::open(&file).unwrap());
    let mut archive = tar::Archive::new(archive);
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        names.push(entry.path().unwrap().display().to_string());
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        serde_json::from_str::<Value>(&text).unwrap();
        assert!(!text.contains("127.0.0.1"), "{names:?}: {text}");
    }
    assert_eq!(names.len(), 1 + 4 + 4 + 1, "{names:?}");
    std::fs::remove_file(file).unwrap();
}
