//! Stands in for the modules that need the library, until it is there. To switch them on: remove this file and, in
//! `main`, each `cfg(any())`, `cfg(not(any()))` and the `allow(dead_code)`.

/// See `console.rs`.
pub(crate) mod console {
    use crate::{
        Failure,
        cli::{Command, Source},
        print::Printer,
    };

    pub(crate) async fn run(
        _source: &Source,
        _command: &Command,
        _out: &mut Printer,
    ) -> Result<(), Failure> {
        Err("not built yet".into())
    }
}

/// See `demo.rs`.
pub(crate) mod demo {
    use crate::{Failure, cli};

    pub(crate) async fn run(_args: &cli::Demo) -> Result<u64, Failure> {
        Err("not built yet".into())
    }
}

/// See `node.rs`.
pub(crate) mod node {
    use crate::{Failure, cli};

    pub(crate) async fn run(_args: &cli::Node) -> Result<(), Failure> {
        Err("not built yet".into())
    }
}
