//! [`WallClock`]: the time of day of a node's process, which can be stepped without touching that of the machine.
//!
//! The library `libfaketime`, if it is installed, replaces the calls by which a process asks for the time of day, and reads from a
//! file how far it is off. The monotonic clock stays as it is: that of a machine is never stepped either.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where distributions install it. The variable `KV_CHAOS_FAKETIME` names another file.
const LIBRARIES: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib/libfaketimeMT.so.1",
];

fn library() -> Option<&'static str> {
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let named = std::env::var("KV_CHAOS_FAKETIME").ok();
        named.into_iter().chain(LIBRARIES.map(str::to_owned)).find(|path| Path::new(path).exists())
    });
    found.as_deref()
}

/// Whether clocks can be stepped.
pub(crate) fn can_step() -> bool {
    library().is_some()
}

/// The time of day at one place.
#[derive(Debug)]
pub(crate) struct WallClock {
    file: PathBuf,
}

impl WallClock {
    /// A clock that shows the time of the machine.
    pub(crate) fn new(file: PathBuf) -> io::Result<Self> {
        let clock = Self { file };
        clock.step(0)?;
        Ok(clock)
    }

    /// Sets how many seconds it differs from the clock of the machine.
    pub(crate) fn step(&self, seconds: i64) -> io::Result<()> {
        // Renamed, so that nobody reads a part of it.
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{seconds:+}\n"))?;
        std::fs::rename(next, &self.file)
    }

    /// What a process needs in its environment.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let Some(library) = library() else { return Vec::new() };
        vec![
            ("LD_PRELOAD", library.to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            // The file is read each time, which is rare: only handshakes and the log ask for the time of day.
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;

    fn seconds(clock: &WallClock) -> u64 {
        let date = Command::new("date").arg("+%s").envs(clock.environment()).output().unwrap();
        String::from_utf8(date.stdout).unwrap().trim().parse().unwrap()
    }

    #[test]
    fn a_process_sees_the_steps_where_the_library_is_installed() {
        let folder = tempfile::tempdir().unwrap();
        let clock = WallClock::new(folder.path().join("clock")).unwrap();
        for step in [3600, -7200, 0] {
            clock.step(step).unwrap();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            let expected = now.saturating_add_signed(if can_step() { step } else { 0 });
            let off = seconds(&clock).abs_diff(expected);
            assert!(off < Duration::from_secs(60).as_secs(), "{off} s off after {step:+}");
        }
    }
}
