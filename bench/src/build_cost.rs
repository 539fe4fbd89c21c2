//! `build`: the CPU time of building one small service with grid, tarpc and tonic, and the size of the program.
//!
//! The three programs are in `build/` beside `src/`, each a workspace of its own, so that features and profiles are
//! those of a user's project.
//! Called by `main.rs`; it shares nothing with the cells, which measure the libraries at work.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, id};

use tokio::time::Instant;

use crate::error::Result;
use crate::process::usage;
use crate::sample::Spread;

const LIBRARIES: [&str; 3] = ["grid", "tarpc", "tonic"];

/// Variables that change what is compiled, or that compile nothing because a cache has it.
const FOREIGN: &[&str] =
    &["CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER"];
const FOREIGN_PROFILE: &str = "CARGO_PROFILE_";

pub(crate) fn main(rounds: u32) -> Result<()> {
    let mut programs = Vec::new();
    for library in LIBRARIES {
        programs.push(Program::prepare(library)?);
    }
    let mut times = vec![Vec::new(); programs.len()];
    for round in 1..=rounds {
        for (program, times) in programs.iter().zip(&mut times) {
            let time = program.time_cold()?;
            let Time { cpu, wall } = &time;
            eprintln!("[{round}/{rounds}] {}: {cpu:.1} s of CPU, {wall:.1} s", program.library);
            times.push(time);
        }
    }
    let mut table = String::from(
        "| library | crates | CPU s (dev, cold) | wall s | binary KiB (release) | stripped KiB |\n\
         |---|---|---|---|---|---|\n",
    );
    for (program, times) in programs.iter().zip(&times) {
        let cpu = seconds(times.iter().map(|time| time.cpu));
        let wall = seconds(times.iter().map(|time| time.wall));
        let Sizes { whole, stripped } = program.sizes()?;
        let (library, crates) = (program.library, program.crates);
        table.push_str(&format!(
            "| {library} | {crates} | {cpu} | {wall} | {whole} | {stripped} |\n"
        ));
    }
    print!("{table}");
    Ok(())
}

/// The median, with minimum and maximum if there are several values.
fn seconds(values: impl IntoIterator<Item = f64>) -> String {
    match Spread::of(values) {
        Some(Spread { median, min, max }) if min < max => {
            format!("{median:.1} ({min:.1}–{max:.1})")
        }
        Some(Spread { median, .. }) => format!("{median:.1}"),
        None => String::new(),
    }
}

/// One of the programs in `build/`.
struct Program {
    library: &'static str,
    folder: PathBuf,
    /// Packages that are compiled, this one and those of the build included.
    crates: usize,
}

#[derive(Clone)]
struct Time {
    cpu: f64,
    wall: f64,
}

/// Sizes of the binary in KiB.
struct Sizes {
    whole: u64,
    stripped: u64,
}

impl Program {
    /// Downloads what the program needs, so that nothing after this uses the network.
    fn prepare(library: &'static str) -> Result<Self> {
        let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = bench.join("build").join(library);
        // Cargo keeps the versions in it that the program needs and drops the rest, so there is no second list of
        // versions.
        fs::copy(bench.join("../Cargo.lock"), folder.join("Cargo.lock"))?;
        let program = Self { library, folder, crates: 0 };
        run(program.cargo(&env::temp_dir(), &["fetch", "--quiet"]))?;
        let mut tree = program.cargo(&env::temp_dir(), &["tree", "--locked", "--offline"]);
        tree.args(["--edges", "normal,build", "--prefix", "none", "--no-dedupe"]);
        let tree = tree.stderr(Stdio::inherit()).output()?;
        if !tree.status.success() {
            return Err(format!("cargo tree: {}", tree.status).into());
        }
        let tree = String::from_utf8(tree.stdout)?;
        // Only name and version: what follows them differs between the places where a package is needed.
        let mut crates: Vec<Vec<_>> =
            tree.lines().map(|line| line.split(' ').take(2).collect()).collect();
        crates.sort();
        crates.dedup();
        Ok(Self { crates: crates.len(), ..program })
    }

    /// Builds everything with the dev profile.
    fn time_cold(&self) -> Result<Time> {
        let target = Target::create()?;
        let build = self.cargo(&target.0, &["build", "--quiet", "--locked", "--offline"]);
        let (cpu, start) = (usage::children_cpu_seconds()?, Instant::now());
        run(build)?;
        let wall = start.elapsed().as_secs_f64();
        Ok(Time { cpu: usage::children_cpu_seconds()? - cpu, wall })
    }

    /// Builds the program with the release profile, and runs it to see that it works.
    fn sizes(&self) -> Result<Sizes> {
        let target = Target::create()?;
        let release = ["rustc", "--quiet", "--locked", "--offline", "--release"];
        let binary = target.0.join("release").join(format!("store-{}", self.library));
        run(self.cargo(&target.0, &release))?;
        let mut program = Command::new(&binary);
        program.stdout(Stdio::null());
        run(program)?;
        let whole = kib(&binary)?;
        // As an option of the last step. As one of the profile, it would compile all dependencies again.
        let mut strip = self.cargo(&target.0, &release);
        strip.args(["--", "-C", "strip=symbols"]);
        run(strip)?;
        Ok(Sizes { whole, stripped: kib(&binary)? })
    }

    /// Cargo in the program's folder, with nothing inherited that would change the result.
    fn cargo(&self, target: &Path, args: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with(FOREIGN_PROFILE) {
                cargo.env_remove(name);
            }
        }
        for name in FOREIGN {
            cargo.env_remove(name);
        }
        cargo.current_dir(&self.folder).args(args);
        // Set and empty, it also replaces the flags of configuration files.
        cargo.env("RUSTFLAGS", "").env("CARGO_TARGET_DIR", target);
        // Cargo would use it for grid and not for the others, because only grid is a path. With it, the crates of this
        // project took 34 s instead of 25.
        cargo.env("CARGO_INCREMENTAL", "0");
        cargo
    }
}

fn run(mut command: Command) -> Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

fn kib(file: &Path) -> Result<u64> {
    Ok(fs::metadata(file)?.len() / 1024)
}

/// An empty target directory. It is removed afterwards.
struct Target(PathBuf);

impl Target {
    fn create() -> Result<Self> {
        let path = env::temp_dir().join(format!("grid-bench-build-{}", id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // What is left over does not affect the result, unless the next one cannot be created; that is reported.
        let _ = fs::remove_dir_all(&self.0);
    }
}
