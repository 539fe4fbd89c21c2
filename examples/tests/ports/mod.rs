//! Names with free ports, for nodes that run in processes of their own.

use std::net::TcpListener;

/// Names of nodes with free ports, which are found by binding all of them at once, so that they differ.
///
/// Each test process has its own loopback address. On the usual one, an outgoing connection of another process could
/// take the port before the node binds it.
pub(crate) fn names<const N: usize>() -> [String; N] {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let bind = |_| {
        TcpListener::bind((format!("127.{a}.{b}.{}", c.clamp(1, 254)), 0)).expect("a free port")
    };
    [(); N].map(bind).map(|listener| {
        format!("http://{}", listener.local_addr().expect("the address of a bound socket"))
    })
}
