//! The server half of a cell with two processes, in the process that `Server` starts.

use std::net::SocketAddr;

use crate::cell::{Mode, Name};
use crate::error::{Error, Result};
use crate::peers::{contend, listen};
use crate::process::{runtime, usage};

/// Runs the server until the end of the input.
pub(crate) fn main(contender: Name, mode: Mode, peer: SocketAddr) -> Result<()> {
    let runtime = runtime(mode)?;
    let address = runtime.block_on(async {
        let listener = listen().await?;
        let address = listener.address;
        contend!(contender, serve(listener, peer)).await?;
        Ok::<_, Error>(address)
    })?;
    println!("{address}");
    for line in std::io::stdin().lines() {
        line?;
        println!("{}", usage::cpu_seconds());
    }
    // Connections and their tasks end with the process.
    std::process::exit(0);
}
