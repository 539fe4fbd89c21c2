//! [`Usage`]: the processor time and memory of this process, on Linux. Elsewhere both are 0.

use std::time::Duration;

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Time on all processors.
    pub cpu: Duration,
    /// Resident memory, in bytes.
    pub memory: u64,
}

impl Usage {
    /// Since the process started.
    pub fn now() -> Self {
        Self { cpu: cpu().unwrap_or_default(), memory: memory().unwrap_or_default() }
    }

    /// The time since `self` was taken, and the memory of now.
    pub fn since(self) -> Self {
        let now = Self::now();
        Self { cpu: now.cpu.saturating_sub(self.cpu), memory: now.memory }
    }
}

fn cpu() -> Option<Duration> {
    /// The kernel shows times in this unit on all platforms.
    const TICKS_PER_SECOND: u64 = 100;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program stands in parentheses, and can hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let [user, system] = [11, 12].map(|at| fields.get(at)?.parse::<u64>().ok());
    Some(Duration::from_millis((user? + system?) * 1000 / TICKS_PER_SECOND))
}

fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
