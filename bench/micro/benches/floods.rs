//! How long the calls of an honest node wait while another one floods the node that both of them talk to.
//!
//! ```sh
//! cargo bench -p grid-micro --bench floods
//! ```
//!
//! The node has a runtime with two workers, the honest one and the hostile one have a thread each. The hostile one reads
//! as it sends. A flood ends with a closed link, after which it connects again at once. With fewer than four cores, the threads also wait
//! for each other, flood or not: so there is a row for a thread that does nothing but compute.

#[allow(dead_code, clippy::unwrap_used, reason = "made for tests")]
#[path = "../../../grid/tests/hostile_peer/raw.rs"]
mod raw;
#[path = "../../../grid/tests/support/mod.rs"]
mod support;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use grid::Manager;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use raw::{RawPeer, merged, message, op};
use support::EXTENSIONS;

type Error = Box<dyn std::error::Error + Send + Sync>;

const ECHO: u8 = 7;
const NEVER: u8 = 8;

/// How long each case is measured.
const MEASURED: Duration = Duration::from_secs(4);

/// The next messages of a flood, which begins anew with each connection.
type Flood = fn(u64) -> Vec<Message>;

/// What the other thread does.
#[derive(Clone, Copy)]
enum Load {
    Nothing,
    Computing,
    Flood(Flood),
}

const CASES: &[(&str, Load)] = &[
    ("nothing", Load::Nothing),
    ("a thread computes", Load::Computing),
    ("pings", Load::Flood(|_| many(message(0, op::PING, 0, b"")))),
    ("messages without a meaning", Load::Flood(|_| many(message(5, 99, 0, b"")))),
    ("messages for calls that are over", Load::Flood(|_| many(message(5, op::RESPONSE, 0, b"x")))),
    ("calls that are cancelled at once", Load::Flood(cancelled)),
    ("WebSocket pings", Load::Flood(|_| vec![Message::Ping(Bytes::new()); 1000])),
    ("calls that are never answered", Load::Flood(unanswered)),
];

fn many(one: Bytes) -> Vec<Message> {
    vec![Message::Binary(merged(&vec![one; 1000]))]
}

fn cancelled(number: u64) -> Vec<Message> {
    let pair = |mux| [message(mux, op::REQUEST, NEVER, b""), message(mux, 8, 0, b"")];
    let calls = 1000 * number + 1..=1000 * (number + 1);
    vec![Message::Binary(merged(&calls.flat_map(pair).collect::<Vec<_>>()))]
}

fn unanswered(number: u64) -> Vec<Message> {
    let call = |mux| message(mux, op::REQUEST, NEVER, &[0; 1000]);
    let calls = 100 * number + 1..=100 * (number + 1);
    vec![Message::Binary(merged(&calls.map(call).collect::<Vec<_>>()))]
}

fn main() -> Result<(), Error> {
    println!("| while | calls | p50 | p99 | max | connections of the flood |");
    println!("|---|---|---|---|---|---|");
    let node = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let honest = Builder::new_current_thread().enable_all().build()?;
    for (name, load) in CASES {
        let _node = node.enter();
        let listener = node.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let target = format!("http://{address}");
        let names = (0..).map(|number| format!("http://127.0.0.1:{}", 2000 + number));
        let mut dialers = names.filter(|name| grid::dials(name, &target));
        let (Some(hostile_name), Some(honest_name)) = (dialers.next(), dialers.next()) else {
            return Err("no names".into());
        };
        let served = Manager::builder(&target)
            .hosts([&target, &hostile_name, &honest_name])
            .token(grid::NoAuth)
            .single_handler(ECHO, None, |_, payload| async move { Ok(payload) })
            .single_handler(NEVER, None, |_, _| pending())
            .build()?;
        node.spawn(async move { served.serve(listener).await });
        let hostile = Hostile::start(*load, target.clone(), hostile_name);
        let mut times = honest.block_on(measure(&honest_name, &target))?;
        let connections = hostile.stop()?;
        times.sort();
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
        let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
        let calls = times.len();
        println!("| {name} | {calls} | {p50:.2?} | {p99:.2?} | {max:.2?} | {connections} |");
    }
    // The end of a runtime would wait for its tasks.
    std::process::exit(0);
}

/// Makes a small call every millisecond. Returns how long they took from the moment when each was due, so that a pause
/// counts for all calls that it delays.
async fn measure(name: &str, target: &str) -> Result<Vec<Duration>, Error> {
    let node = Manager::builder(name).hosts([name, target]).token(grid::NoAuth).build()?;
    let connection = node.connection(target)?;
    connection.wait_connected(Duration::from_secs(10)).await?;
    sleep(Duration::from_millis(500)).await;
    let (began, mut times) = (Instant::now(), Vec::new());
    let mut due = interval(Duration::from_millis(1));
    while began.elapsed() < MEASURED {
        let due = due.tick().await;
        connection.request(ECHO, None).await?;
        times.push(due.elapsed());
    }
    node.shutdown(Duration::from_secs(1)).await;
    Ok(times)
}

/// The thread of the hostile node.
struct Hostile {
    thread: JoinHandle<Result<(), Error>>,
    stop: Arc<AtomicBool>,
    connections: Arc<AtomicU64>,
}

impl Hostile {
    fn start(load: Load, target: String, name: String) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let connections = Arc::<AtomicU64>::default();
        let (is_stopped, count) = (Arc::clone(&stop), Arc::clone(&connections));
        let thread = thread::spawn(move || match load {
            Load::Nothing => Ok(()),
            Load::Computing => {
                while !is_stopped.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                Ok(())
            }
            Load::Flood(flood) => {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                while !is_stopped.load(Ordering::Relaxed) {
                    count.fetch_add(1, Ordering::Relaxed);
                    runtime.block_on(send_flood(flood, &target, &name, &is_stopped))?;
                }
                Ok(())
            }
        });
        Self { thread, stop, connections }
    }

    /// Returns the number of connections that the flood took.
    fn stop(self) -> Result<u64, Error> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the hostile thread panicked")??;
        Ok(self.connections.load(Ordering::Relaxed))
    }
}

/// Floods the node until it closes the link.
async fn send_flood(
    flood: Flood,
    target: &str,
    name: &str,
    is_stopped: &AtomicBool,
) -> Result<(), Error> {
    let stream = TcpStream::connect(&target["http://".len()..]).await?;
    let mut peer = RawPeer::over(stream, target, name, &EXTENSIONS, &[]).await;
    for number in 0.. {
        for frame in flood(number) {
            // A node that does not read is no flood, but the end must come.
            let sent = timeout(Duration::from_millis(100), peer.send_frame(frame)).await;
            if sent.is_ok_and(|open| !open) || is_stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    }
    Ok(())
}
