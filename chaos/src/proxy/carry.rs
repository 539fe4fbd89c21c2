//! Carries one connection between two nodes, as two sockets, until it has ended.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::timeout;

use super::conditions::Conditions;
use super::connection::{Connection, Ending};
use super::pump;

/// After a cut, both ends have this long to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Carries bytes until both directions have ended, or the proxy ends them.
pub(super) async fn carry(
    connection: &Connection,
    dialer: TcpStream,
    target: TcpStream,
    conditions: watch::Receiver<Conditions>,
) -> io::Result<()> {
    dialer.set_nodelay(true)?;
    target.set_nodelay(true)?;
    let (mut from_dialer, mut to_dialer) = dialer.into_split();
    let (mut from_target, mut to_target) = target.into_split();
    let ending = tokio::select! {
        ((), ()) = async { tokio::join!(
            pump::run(connection, 0, &mut from_dialer, &mut to_target, conditions.clone()),
            pump::run(connection, 1, &mut from_target, &mut to_dialer, conditions),
        ) } => None,
        ending = connection.ending() => ending,
    };
    match ending {
        None => {}
        Some(Ending::Cut) => {
            let one = close(&mut to_dialer, &mut from_dialer);
            let other = close(&mut to_target, &mut from_target);
            let _ = timeout(CLOSE_TIMEOUT, async { tokio::join!(one, other) }).await;
        }
        Some(Ending::Reset) => {
            to_dialer.as_ref().set_zero_linger()?;
            to_target.as_ref().set_zero_linger()?;
        }
    }
    Ok(())
}

/// Sends the end of the stream, and discards what still arrives.
async fn close(to: &mut OwnedWriteHalf, from: &mut OwnedReadHalf) {
    let _ = to.shutdown().await;
    let mut discarded = [0; 4096];
    while matches!(from.read(&mut discarded).await, Ok(1..)) {}
}
