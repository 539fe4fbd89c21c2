//! One service with a call, a server stream and a two-way stream, served and called in one process.
//! The README contains the rest of this file.

use grid::{Incoming, Manager, Outgoing, RemoteError};

#[grid::service]
trait Greeter {
    async fn greet(&self, name: String) -> String;
    async fn count(&self, to: u32, out: Outgoing<u32>) -> Result<(), RemoteError>;
    async fn sum(&self, add: Incoming<u32>, out: Outgoing<u32>) -> Result<(), RemoteError>;
}

struct English;

impl Greeter for English {
    async fn greet(&self, name: String) -> String {
        format!("Hello, {name}!")
    }

    async fn count(&self, to: u32, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        for number in 1..=to {
            out.send(number).await?; // waits while the caller is behind
        }
        Ok(())
    }

    async fn sum(&self, mut add: Incoming<u32>, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        let mut sum = 0;
        while let Some(number) = add.next().await {
            sum += number?;
            out.send(sum).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = "http://node1:9000";
    let manager = Manager::builder(node).service(GreeterServer::new(English)).build()?;
    let greeter = GreeterClient::new(manager.connection(node)?);

    println!("greet: {}", greeter.greet("grid".into()).await?);

    let mut numbers = greeter.count(3).await?;
    while let Some(number) = numbers.next().await {
        println!("count: {}", number?);
    }

    let (mut add, mut sums) = greeter.sum().await?;
    for number in [1, 10, 100] {
        add.send(number).await?;
    }
    drop(add); // the end of the input
    while let Some(sum) = sums.next().await {
        println!("sum: {}", sum?);
    }
    Ok(())
}
