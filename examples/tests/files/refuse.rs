//! Requests and command lines that must fail: the message names the cause, the exit code is 1, and nothing hangs.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::nodes::{LIMIT, Node, address, output, refusal};
use crate::ports::names;

#[tokio::test]
async fn a_node_that_is_not_running() {
    let [nobody] = names();
    let text = refusal(&["ls", "--via", &nobody]).await;
    assert!(text.starts_with(&format!("error: cannot connect to {nobody} as a guest: ")), "{text}");
    assert!(text.contains("Connection refused"), "{text}");
    let text = refusal(&["cat", "--via", "nonsense", "file"]).await;
    assert!(text.starts_with("error: bad guest: bad node name \"nonsense\": "), "{text}");
}

#[tokio::test]
async fn invalid_requests() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = Node::cluster([dir.path(), dir.path()]).await;
    assert_eq!(
        refusal(&["ls", "--via", &a.name, "--node", "http://nobody:1"]).await,
        "error: http://nobody:1: not a node of this cluster\n"
    );
    let text = refusal(&["search", "--via", &a.name, "--node", &b.name, "(open"]).await;
    assert!(text.starts_with("error: bad pattern: ") && text.contains("(open"), "{text}");
    let text = refusal(&["ls", "--via", &a.name, "../secret"]).await;
    assert_eq!(text, "error: ../secret: outside of the served directory\n");
}

#[tokio::test]
async fn invalid_command_lines_of_a_node() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let [name, other] = &names();
    let node = async |name: &str, hosts: &str, dir: &str| {
        refusal(&["node", "--name", name, "--hosts", hosts, "--dir", dir]).await
    };
    assert_eq!(node(name, other, path).await, format!("error: {name} is not in --hosts {other}\n"));
    assert_eq!(
        node(name, &format!("{name},{other},{other}"), path).await,
        format!("error: {other} is in the host list twice\n")
    );
    let text = node(name, &format!("{name},node2:9000"), path).await;
    assert!(text.starts_with("error: bad node name \"node2:9000\": "), "{text}");
    let text = node("node1", "node1", path).await;
    assert!(text.starts_with("error: bad --name \"node1\": "), "{text}");
    let missing = format!("{path}/missing");
    assert_eq!(
        node(name, name, &missing).await,
        format!("error: {missing}: no such file or directory\n")
    );
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let [mut first, second] = Node::cluster([dir.path(), dir.path()]).await;
    let hosts = format!("{},{}", first.name, second.name);
    let text = refusal(&["node", "--name", &first.name, "--hosts", &hosts, "--dir", path]).await;
    let expected = format!("error: cannot listen on {}: ", address(&first.name));
    assert!(text.starts_with(&expected) && text.contains("in use"), "{text}");
    output(&["ls", "--via", &second.name, "--node", &first.name]).await;
    assert!(first.is_running());
}

#[tokio::test]
async fn a_wrong_token() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = names::<2>();
    let [good, bad] = &hosts;
    let right = Node::start_with(good, &hosts, dir.path(), &["--token", "right"]).await;
    for (wrong, reason) in [
        (&["--token", "wrong"][..], "auth token: invalid token"),
        (&[], "auth token: not a token of a `SharedSecret`"),
    ] {
        let text = refusal(&[&["ls", "--via", good], wrong].concat()).await;
        assert!(
            text.starts_with(&format!("error: cannot connect to {good} as a guest: ")),
            "{text}"
        );
        assert!(text.contains(reason), "{text}");
    }
    // Refusals with one status are counted.
    right.says("auth token: invalid token").await;
    output(&["ls", "--via", good, "--node", good, "--token", "right"]).await;

    let wrong = Node::start_with(bad, &hosts, dir.path(), &["--token", "wrong"]).await;
    let (dials, listens) = if grid::dials(good, bad) { (right, wrong) } else { (wrong, right) };
    dials.says(&format!("{}: not connected: ", listens.name)).await;
    dials.says("auth token: invalid token").await;
    listens.says("refused a connection").await;
    let token = if dials.name == *good { "right" } else { "wrong" };
    let text = refusal(&["ls", "--via", &dials.name, "--token", token]).await;
    assert!(text.contains(&format!("{}: disconnected: ", listens.name)), "{text}");
    assert!(text.contains("auth token: invalid token"), "{text}");
}

#[tokio::test]
async fn garbage_instead_of_a_handshake() {
    let dir = tempfile::tempdir().unwrap();
    let [mut node, other] = Node::cluster([dir.path(), dir.path()]).await;
    let upgrade = "GET /minio/grid/v1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let unmasked = [upgrade.as_bytes(), &[0x82, 3, 1, 2, 3]].concat();
    // A complete frame whose bytes are not a message, with a mask of zeros.
    let no_message = [upgrade.as_bytes(), &[0x82, 0x83, 0, 0, 0, 0, 0xc1, 2, 3]].concat();
    let huge = [upgrade.as_bytes(), &[0x82, 0xff], &[0x7f; 8], &[0; 4]].concat();
    for (what, garbage) in [
        ("bytes", &[0xff; 4096][..]),
        ("no upgrade", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("an unmasked frame", &unmasked),
        ("not a message", &no_message),
        ("a frame of 9 exabytes", &huge),
    ] {
        let mut stream = TcpStream::connect(address(&node.name)).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let closed = timeout(LIMIT, stream.read_to_end(&mut Vec::new())).await;
        assert!(closed.is_ok(), "{what}: the node must close the connection");
    }
    node.says("refused a connection").await;
    // A silent connection does not block the node either.
    let _silent = TcpStream::connect(address(&node.name)).await.unwrap();
    output(&["ls", "--via", &node.name]).await;
    output(&["ls", "--via", &other.name, "--node", &node.name]).await;
    assert!(node.is_running());
}
