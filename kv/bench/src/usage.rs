//! CPU time and memory of this process.

use rustix::time::{ClockId, clock_gettime};

use crate::error::Result;

/// Memory that programs may use, in MiB.
pub(crate) fn available_mib() -> Result<u64> {
    Ok(kib("/proc/meminfo", "MemAvailable:")? / 1024)
}

/// The number in a line of a file of the kernel.
fn kib(file: &str, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(number.ok_or_else(|| format!("no {name} in {file}"))?.trim().parse()?)
}

/// CPU time of all threads of this process so far, in seconds.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The highest resident memory since the last call, or the start, in KiB. From now on it is counted from what is resident now.
pub(crate) fn take_peak_kib() -> Result<f64> {
    let peak = kib("/proc/self/status", "VmHWM:")?;
    // The kernel's way to forget the peak.
    std::fs::write("/proc/self/clear_refs", "5")?;
    Ok(peak as f64)
}
