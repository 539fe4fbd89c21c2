//! The program; everything else is in the library of this package, which is empty where there is no Linux.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    grid_kv_chaos::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("kv-chaos needs Linux: it stops processes by signals");
    ExitCode::FAILURE
}
