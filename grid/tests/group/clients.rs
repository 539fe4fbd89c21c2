//! Groups of clients: how they are made, and what the calls of their nodes have in common.

use std::time::Duration;

use grid::testing::TestGrid;
use grid::{Connection, Context, Group, Manager, RemoteError, Retry};

/// Says how it was called.
#[grid::service]
trait Witness {
    #[handler(idempotent)]
    async fn describe(&self, cx: &Context, text: String) -> String;
    /// Asks a group from inside a handler.
    async fn relay(&self, cx: &Context, hosts: Vec<String>) -> Result<Vec<String>, RemoteError>;
}

struct Node(&'static str);

impl Witness for Node {
    async fn describe(&self, cx: &Context, text: String) -> String {
        let tenant = cx.metadata("tenant").map(|tenant| String::from_utf8_lossy(tenant));
        let seconds = cx.time_left().map_or(0, |left| left.as_secs_f64().round() as u64);
        format!("{}{} {text} {tenant:?} {seconds}", cx.local(), self.0)
    }

    async fn relay(&self, cx: &Context, hosts: Vec<String>) -> Result<Vec<String>, RemoteError> {
        let group = WitnessClient::group(cx, hosts)?;
        let all = group.ask(|node| node.describe("relayed".into()).within(cx)).all().await;
        Ok(all.into_iter().filter_map(|outcome| outcome.result.ok()).collect())
    }
}

async fn witnesses() -> TestGrid {
    let grid = TestGrid::builder(3)
        .configure(|_, builder| {
            builder
                .service(WitnessServer::new(Node("")))
                .service(WitnessServer::new(Node("/a")).subroute("a"))
                .service(WitnessServer::new(Node("/a/b")).subroute("a/b"))
        })
        .start();
    grid.all_connected().await;
    grid
}

fn all(node: &Manager) -> Group<WitnessClient> {
    WitnessClient::group(node, node.hosts()).unwrap()
}

/// What the nodes say, without their names.
async fn said(call: grid::GroupCall<String, std::convert::Infallible>) -> Vec<String> {
    let outcomes = call.all().await;
    outcomes
        .into_iter()
        .map(|outcome| {
            let text = outcome.result.unwrap();
            text.strip_prefix(&*outcome.peer).expect("the node that was asked").to_owned()
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_node_is_called_like_the_first_one() {
    let grid = witnesses().await;
    let group = all(&grid.node(0));
    assert_eq!((group.len(), group.nodes().len()), (3, 3));
    let plain = group.ask(|node| node.describe("hi".into()));
    assert_eq!(said(plain).await, [" hi None 60"; 3]);
    let options = group.ask(|node| {
        node.describe("hi".into()).metadata("tenant", "ann").timeout(Duration::from_secs(7))
    });
    assert_eq!(said(options).await, [r#" hi Some("ann") 7"#; 3]);
    let client = group.ask(|node| node.with_metadata("tenant", "bob").describe("hi".into()));
    assert_eq!(said(client).await, [r#" hi Some("bob") 60"#; 3]);
    let repeated = group.ask(|node| node.describe("hi".into()).retry(&Retry::new().attempts(2)));
    assert_eq!(said(repeated).await, [" hi None 60"; 3]);
}

#[tokio::test(start_paused = true)]
async fn subroutes_in_a_group() {
    let grid = witnesses().await;
    let group = all(&grid.node(0));
    let added = group.ask(|node| node.subroute("a").subroute("b").describe("hi".into()));
    assert_eq!(said(added).await, ["/a/b hi None 60"; 3]);
    // Each connection has its own.
    let connection = |node, path| grid.connection(0, node).subroute(path);
    let group = Group::new([connection(0, "a"), connection(1, ""), connection(2, "a/b")]);
    let own =
        |connection: &Connection| WitnessClient::DESCRIBE.call(connection, ("hi".to_owned(),));
    assert_eq!(said(group.ask(own)).await, ["/a hi None 60", " hi None 60", "/a/b hi None 60"]);
}

#[tokio::test(start_paused = true)]
async fn hosts_that_are_not_on_the_list_are_named() {
    let grid = witnesses().await;
    let node = grid.node(1);
    let hosts = [grid.name(0), "http://stranger:1", grid.name(2), "http://other:2"];
    let error = WitnessClient::group(&node, hosts).unwrap_err();
    let names: Vec<_> = error.unknown.iter().map(|unknown| &*unknown.host).collect();
    assert_eq!(names, ["http://stranger:1", "http://other:2"]);
    let text = error.to_string();
    assert!(text.starts_with("http://stranger:1 is not in the host list of "), "{text}");
    assert!(text.contains("; http://other:2 is not in the host list of "), "{text}");
    // The same in a handler, whose own node and caller are on the list.
    let client = WitnessClient::new(grid.connection(0, 1));
    let hosts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let told = client.relay(hosts(&[grid.name(0), grid.name(1)])).await.unwrap();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|text| text.ends_with(" relayed None 60")), "{told:?}");
    let refused = client.relay(hosts(&["http://stranger:1"])).await.unwrap_err();
    assert!(refused.to_string().contains("http://stranger:1 is not in the host list of"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_begun_cannot_be_made_again() {
    let grid = witnesses().await;
    let node = grid.node(0);
    let mut begun = WitnessClient::new(grid.connection(0, 1)).describe("hi".into());
    assert!(futures_util::poll!(&mut begun).is_pending());
    let outcomes = all(&node).ask(|_| begun).all().await;
    for outcome in outcomes {
        let error = outcome.result.unwrap_err().to_string();
        assert!(error.contains("a call that has begun cannot be made at other nodes"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_group_asks_nobody() {
    let grid = witnesses().await;
    let node = grid.node(0);
    let nobody = WitnessClient::group(&node, [""; 0]).unwrap();
    assert!(nobody.is_empty());
    let call = nobody.ask(|_| -> grid::Call<u8, std::convert::Infallible> { unreachable!() });
    assert!(call.all().await.is_empty());
}
