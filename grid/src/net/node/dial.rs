//! How byte streams to other nodes are opened.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;

use super::name::Name;
use super::resolve::Resolver;
use crate::certificate::PeerCertificate;
use crate::error::LinkError;
use crate::net::transport::{Io, tune};

/// The future that [`Dial::dial`] returns.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Io>, LinkError>> + Send + 'a>>;

/// The future that [`Dial::dial_certified`] returns: a byte stream, and the certificate of the node at its other end.
pub type DialingCertified<'a> = Pin<
    Box<dyn Future<Output = Result<(Box<dyn Io>, Option<PeerCertificate>), LinkError>> + Send + 'a>,
>;

/// Opens byte streams to other nodes. The default is plain TCP. [`Builder::dial_with`](crate::Builder::dial_with)
/// replaces it, for example by TLS.
///
/// ```
/// use grid::{Dial, Dialing, Io};
/// use tokio::net::TcpStream;
///
/// /// All nodes are behind one gateway.
/// struct Gateway(String);
///
/// impl Dial for Gateway {
///     fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
///         Box::pin(async move {
///             println!("{name} through {}", self.0);
///             let stream = TcpStream::connect(&self.0).await?;
///             grid::tune(&stream);
///             Ok(Box::new(stream) as Box<dyn Io>)
///         })
///     }
/// }
///
/// let builder = grid::Manager::builder("http://node1:9000").dial_with(Gateway("10.0.0.1:80".into()));
/// # let _ = builder;
/// ```
pub trait Dial: Send + Sync + 'static {
    /// Connects to the node with this name, a URL such as `http://node1:9000`.
    ///
    /// # Errors
    /// A [`LinkError`] if it cannot connect, created by [`LinkError::resolve`], [`LinkError::connect`] or
    /// [`LinkError::tls`]. `?` on an [`io::Error`] is the same as `LinkError::connect`.
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a>;

    /// Like [`dial`](Self::dial), and also returns the certificate of the node, which the dialer has verified against the
    /// name. Handlers that serve calls of that node find it in [`Context::certificate`](crate::Context::certificate).
    /// Default: calls `dial`, and returns no certificate. This is the method that nodes call.
    ///
    /// # Errors
    /// As for [`dial`](Self::dial).
    fn dial_certified<'a>(&'a self, name: &'a str) -> DialingCertified<'a> {
        // `dial` itself is called here and not in the future, which needs no reference to an unsized dialer then.
        let dialing = self.dial(name);
        Box::pin(async move { Ok((dialing.await?, None)) })
    }
}

/// Time between the starts of two attempts at different addresses of one name, as RFC 8305 recommends.
const STAGGER: Duration = Duration::from_millis(250);

/// Addresses of one name that are tried. All attempts together are limited by
/// [`Config::connect_timeout`](crate::Config::connect_timeout), in which no more are started.
const ADDRESSES_MAX: usize = 32;

/// Dials over TCP.
#[derive(Debug, Default)]
pub(super) struct TcpDial {
    resolver: Resolver,
}

impl Dial for TcpDial {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            let name = Name::parse(name).map_err(LinkError::resolve)?;
            if name.is_secure() {
                return Err(LinkError::tls(
                    "this node has no TLS: see `Builder::tls` (feature `tls`) and `Builder::dial_with`",
                ));
            }
            let stream = self.connect(name).await?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}

impl TcpDial {
    /// Opens a byte stream to the host and port of a name, without TLS.
    pub(super) async fn connect(&self, name: Name<'_>) -> Result<TcpStream, LinkError> {
        let addresses = self.resolver.resolve(name.host(), name.port()).await?;
        let stream = connect_first(&addresses, TcpStream::connect).await?;
        tune(&stream)?;
        Ok(stream)
    }
}

/// Connects to whichever of several addresses answers first. An address that does not answer must not keep a node from
/// reaching the others, so the next one is tried after a moment, while the earlier attempts continue.
async fn connect_first<S, F>(
    addresses: &[SocketAddr],
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<S>
where
    F: Future<Output = io::Result<S>>,
{
    let mut waiting = interleaved(addresses).into_iter().take(ADDRESSES_MAX);
    let (mut attempts, mut errors) = (Vec::new(), Vec::new());
    loop {
        match waiting.next() {
            Some(address) => attempts.push((address, Box::pin(connect(address)))),
            None if attempts.is_empty() => return Err(all_failed(errors)),
            None => {}
        }
        tokio::select! {
            biased;
            (index, result) = first_of(&mut attempts) => {
                let (address, _) = attempts.swap_remove(index);
                match result {
                    Ok(stream) => return Ok(stream),
                    Err(error) => errors.push((address, error)),
                }
            }
            () = tokio::time::sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}

/// Waits for the first attempt that ends. There must be one.
async fn first_of<S, F>(attempts: &mut [(SocketAddr, Pin<Box<F>>)]) -> (usize, io::Result<S>)
where
    F: Future<Output = io::Result<S>>,
{
    poll_fn(|cx| {
        for (index, (_, attempt)) in attempts.iter_mut().enumerate() {
            if let Poll::Ready(result) = attempt.as_mut().poll(cx) {
                return Poll::Ready((index, result));
            }
        }
        Poll::Pending
    })
    .await
}

/// Orders addresses so that both versions of IP are tried early: a whole version may be unreachable. Within a version
/// the order of the resolver is kept.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let of = |version| addresses.iter().filter(move |address| address.is_ipv6() == version);
    let (mut one, mut other) = (of(first), of(!first));
    let mut ordered = Vec::with_capacity(addresses.len());
    while ordered.len() < addresses.len() {
        ordered.extend(one.next());
        ordered.extend(other.next());
    }
    ordered
}

/// An error that names all addresses.
fn all_failed(errors: Vec<(SocketAddr, io::Error)>) -> io::Error {
    match errors.len() {
        0 => io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
        _ => {
            let kind = errors[0].1.kind();
            let texts: Vec<_> =
                errors.iter().map(|(address, error)| format!("{address}: {error}")).collect();
            io::Error::new(kind, texts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::time::Instant;

    use super::*;

    const SILENT: u16 = 1;
    const REFUSES: u16 = 2;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    /// Connects to scripted addresses: the port says what happens. Returns when each attempt began.
    async fn connect(list: &[&str]) -> (io::Result<SocketAddr>, Vec<(u128, SocketAddr)>) {
        let (start, begun) = (Instant::now(), Mutex::new(Vec::new()));
        let list = addresses(list);
        let connected = connect_first(&list, async |address| {
            begun.lock().unwrap().push((start.elapsed().as_millis(), address));
            match address.port() {
                SILENT => std::future::pending().await,
                REFUSES => Err(io::Error::new(io::ErrorKind::ConnectionRefused, "refused")),
                millis => {
                    tokio::time::sleep(Duration::from_millis(millis.into())).await;
                    Ok(address)
                }
            }
        });
        let connected = tokio::time::timeout(Duration::from_secs(10), connected).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        (connected, begun.into_inner().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_does_not_answer_does_not_delay_the_next_by_much() {
        let list = ["10.0.0.1:1", "10.0.0.2:100"];
        let (connected, begun) = connect(&list).await;
        let all = addresses(&list);
        assert_eq!((connected.unwrap(), begun), (all[1], vec![(0, all[0]), (250, all[1])]));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_address_wins_if_it_answers_first() {
        let list = ["10.0.0.1:400", "10.0.0.2:300"];
        let (connected, _) = connect(&list).await;
        assert_eq!(connected.unwrap(), addresses(&list)[0]);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_the_next_address_is_tried_at_once() {
        let list = ["10.0.0.1:2", "10.0.0.2:1", "10.0.0.3:2", "10.0.0.4:5"];
        let (connected, begun) = connect(&list).await;
        assert_eq!(connected.unwrap(), addresses(&list)[3]);
        let times: Vec<_> = begun.iter().map(|(time, _)| *time).collect();
        assert_eq!(times, [0, 0, 250, 250]);
    }

    #[tokio::test(start_paused = true)]
    async fn versions_of_ip_take_turns() {
        let list = ["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:3"];
        let (connected, begun) = connect(&list).await;
        assert_eq!((connected.unwrap(), begun.len()), (addresses(&list)[3], 2));
    }

    #[tokio::test]
    async fn a_host_that_listens_on_one_version_of_ip_only_is_reached() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap();
        // Refused, or not reachable on a host without IPv6.
        let nobody = SocketAddr::new("::1".parse().unwrap(), there.port());
        for order in [[nobody, there], [there, nobody]] {
            let stream = connect_first(&order, TcpStream::connect).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), there);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_losers_are_cancelled() {
        let (list, running) = (addresses(&["10.0.0.1:1", "10.0.0.2:1"]), Arc::new(()));
        let connected = connect_first(&list, |address| {
            let running = Arc::clone(&running);
            async move {
                let _running = running;
                if address.ip().to_string() == "10.0.0.1" {
                    std::future::pending::<()>().await;
                }
                Ok(address)
            }
        });
        assert_eq!(connected.await.unwrap(), list[1]);
        assert_eq!(Arc::strong_count(&running), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_names_all_addresses() {
        let (failed, _) = connect(&["10.0.0.1:2", "[::1]:2"]).await;
        let text = failed.unwrap_err().to_string();
        assert_eq!(text, "10.0.0.1:2: refused, [::1]:2: refused");
        let (failed, _) = connect(&["10.0.0.1:2"]).await;
        assert_eq!(failed.unwrap_err().to_string(), "10.0.0.1:2: refused");
        let (failed, _) = connect(&[]).await;
        assert_eq!(failed.unwrap_err().to_string(), "the name has no address");
        let (failed, begun) = connect(&["10.0.0.1:1", "10.0.0.2:1"]).await;
        assert_eq!((failed.unwrap_err().kind(), begun.len()), (io::ErrorKind::TimedOut, 2));
    }
}
