//! How long calls wait while handlers of the same link block their threads.
//!
//! ```sh
//! cargo bench -p grid-micro --bench isolation
//! ```
//!
//! Two nodes in one process, on a runtime with two workers, over loopback TCP. One task makes a small call every
//! millisecond, another one makes calls that are never answered, to see how late their deadlines pass.

use std::future::pending;
use std::time::Duration;

use grid::{CallError, Connection, Manager};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

type Error = Box<dyn std::error::Error>;

const QUICK: u8 = 1;
const NEVER: u8 = 2;
/// Blocks its thread for the milliseconds in the payload.
const BLOCK: u8 = 3;

/// How long each case is measured.
const MEASURED: Duration = Duration::from_secs(4);

/// Deadline of the calls that are not answered.
const DEADLINE: Duration = Duration::from_millis(20);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Error> {
    println!("| while | calls | p50 | p99 | max | deadlines late by at most | link lost |");
    println!("|---|---|---|---|---|---|---|");
    for case in [Case::Idle, Case::Nine, Case::OneInSixteen, Case::Long] {
        measure(case).await?;
    }
    // The end of the runtime would wait for the handler that sleeps.
    std::process::exit(0);
}

#[derive(Clone, Copy)]
enum Case {
    Idle,
    Nine,
    OneInSixteen,
    Long,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Self::Idle => "nothing blocks",
            Self::Nine => "nine handlers block for 1 s each, again and again",
            Self::OneInSixteen => "one call in 16 blocks for 50 ms, 8 calls at a time",
            Self::Long => "one handler sleeps for 25 s",
        }
    }

    fn load(self, connection: &Connection) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let mut repeat = |blocks: fn(u32) -> u64| {
            let connection = connection.clone();
            tasks.spawn(async move {
                for call in 0.. {
                    // The end of the measurement cuts the last ones short.
                    let _ = block(&connection, blocks(call)).await;
                }
            });
        };
        match self {
            Self::Idle => {}
            Self::Nine => (0..9).for_each(|_| repeat(|_| 1000)),
            Self::OneInSixteen => {
                (0..8).for_each(|_| repeat(|call| if call % 16 == 7 { 50 } else { 0 }));
            }
            // After the method is known to be quick.
            Self::Long => repeat(|call| if call == 300 { 25_000 } else { 0 }),
        }
        tasks
    }
}

async fn block(connection: &Connection, millis: u64) -> Result<(), CallError> {
    let payload = millis.to_be_bytes().to_vec();
    connection.request(BLOCK, Some(payload.into())).await.map(drop)
}

async fn measure(case: Case) -> Result<(), Error> {
    let (_nodes, connection) = pair().await?;
    let load = case.load(&connection);
    sleep(Duration::from_millis(500)).await;
    let late = tokio::spawn(lateness(connection.clone()));
    let mut times = Vec::new();
    let began = Instant::now();
    let mut lost = 0;
    while began.elapsed() < MEASURED {
        sleep(Duration::from_millis(1)).await;
        let called = Instant::now();
        match connection.request(QUICK, None).timeout(Duration::from_secs(60)).await {
            Ok(_) => times.push(called.elapsed()),
            Err(error) => {
                eprintln!("{:?} {error}", called.elapsed());
                lost += 1;
            }
        }
    }
    let late = late.await?;
    drop(load);
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!(
        "| {} | {} | {:.2?} | {:.2?} | {:.2?} | {late:.2?} | {lost} |",
        case.name(),
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}

/// Makes calls that are never answered. Returns by how much the latest of their deadlines was late.
async fn lateness(connection: Connection) -> Duration {
    let mut most = Duration::ZERO;
    let began = Instant::now();
    while began.elapsed() < MEASURED {
        let called = Instant::now();
        let answer = connection.request(NEVER, None).timeout(DEADLINE).await;
        if matches!(answer, Err(CallError::DeadlineExceeded { .. })) {
            most = most.max(called.elapsed().saturating_sub(DEADLINE));
        }
    }
    most
}

async fn pair() -> Result<([Manager; 2], Connection), Error> {
    let listeners =
        [TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?];
    let mut names = Vec::new();
    for listener in &listeners {
        names.push(format!("http://{}", listener.local_addr()?));
    }
    let mut nodes = Vec::new();
    for (name, listener) in names.iter().zip(listeners) {
        let node = Manager::builder(name)
            .hosts(names.iter())
            .token(grid::NoAuth)
            .single_handler(QUICK, None, |_, payload| async move { Ok(payload) })
            .single_handler(NEVER, None, |_, _| pending())
            .single_handler(BLOCK, None, |_, payload| async move {
                let millis = payload
                    .and_then(|payload| Some(u64::from_be_bytes(payload[..].try_into().ok()?)));
                std::thread::sleep(Duration::from_millis(millis.unwrap_or_default()));
                Ok(None)
            })
            .build()?;
        let serving = node.clone();
        tokio::spawn(async move { serving.serve(listener).await });
        nodes.push(node);
    }
    let connection = nodes[0].connection(&names[1])?;
    connection.wait_connected(Duration::from_secs(10)).await?;
    let nodes = nodes.try_into().map_err(|_| "two nodes")?;
    Ok((nodes, connection))
}
