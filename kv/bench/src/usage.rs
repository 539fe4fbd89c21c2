//! CPU time and memory of this process.

use rustix::time::{ClockId, clock_gettime};

use crate::error::Result;

/// Memory that programs may use, in MiB.
pub(crate) fn available_mib() -> Result<u64> {
    let info = std::fs::read_to_string("/proc/meminfo")?;
    let available = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let available = available.and_then(|text| text.trim().strip_suffix(" kB"));
    Ok(available.ok_or("no MemAvailable in meminfo")?.parse::<u64>()? / 1024)
}

/// CPU time of all threads of this process so far, in seconds.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The highest resident memory since the last call, or the start, in KiB. From now on it is counted from what is resident now.
pub(crate) fn take_peak_kib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")).ok_or("no peak in status")?;
    // The kernel's way to forget the peak.
    std::fs::write("/proc/self/clear_refs", "5")?;
    Ok(peak.trim().parse()?)
}
