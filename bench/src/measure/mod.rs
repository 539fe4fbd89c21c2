//! One measurement, in the process that the conductor has started for it.

mod load;
mod nodes;
mod run;
pub(crate) mod serve;

use self::run::run;
use crate::cell::{Cell, Mode, Name, Times, Work};
use crate::clock::Clock;
use crate::error::Result;
use crate::peers::{Contender, contend, listen};
use crate::process::{Server, runtime};
use crate::sample::Sample;

/// Measures a cell and prints the sample as a line of JSON.
pub(crate) fn main(cell: Cell, times: &Times) -> Result<()> {
    let sample = match cell.work {
        Work::Fan if matches!(cell.contender, Name::Grid | Name::GridGroup) => {
            nodes::fan(cell, times)?
        }
        Work::Links => nodes::links(cell, times)?,
        _ => contend!(cell.contender, measure(cell, times))?,
    };
    println!("{}", serde_json::to_string(&sample)?);
    Ok(())
}

fn measure<C: Contender>(cell: Cell, times: &Times) -> Result<Sample> {
    if cell.work == Work::Fan {
        return nodes::fan_of::<C>(cell, times);
    }
    let runtime = runtime(cell.mode)?;
    let (client, server) = runtime.block_on(connect::<C>(cell.contender, cell.mode))?;
    let load = |clock: &mut Clock| load::spawn(&client, cell.work, cell.width, clock);
    run(&runtime, cell, times, server, load)
}

/// Starts the server, in this process or in its own, and connects to it.
async fn connect<C: Contender>(name: Name, mode: Mode) -> Result<(C::Client, Option<Server>)> {
    let mut own = listen().await?;
    if mode.has_server_process() {
        let server = Server::start(name, mode, own.address)?;
        let client = C::connect(own, server.address).await?;
        return Ok((client, Some(server)));
    }
    let mut server = listen().await?;
    if let Some(line) = mode.line() {
        own.address = line.to(own.address)?;
        server.address = line.to(server.address)?;
    }
    let address = server.address;
    C::serve(server, own.address).await?;
    Ok((C::connect(own, address).await?, None))
}
