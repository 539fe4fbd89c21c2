//! What a process uses, from `/proc`.

use std::fs;
use std::io;

use crate::check::Sample;

/// What a process uses now. Fails if it does not run.
pub(super) fn of(pid: u32) -> io::Result<Sample> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        value.split_whitespace().next()?.parse().ok()
    };
    let missing = || io::Error::other("a field of /proc is missing");
    Ok(Sample {
        fds,
        threads: field("Threads:").ok_or_else(missing)?,
        // A process that has ended and was not waited for has none.
        rss_kib: field("VmRSS:").ok_or_else(missing)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let sample = of(std::process::id()).unwrap();
        assert!(sample.fds >= 3 && sample.threads >= 1 && sample.rss_kib > 100, "{sample:?}");
        let file = fs::File::open("/proc/self/status").unwrap();
        assert!(of(std::process::id()).unwrap().fds > 3);
        drop(file);
    }
}
