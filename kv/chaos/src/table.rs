//! The results as text.

use std::fmt::{self, Display, Formatter};

use crate::results::{Results, Row, Times};

/// The tables that are printed at the end.
impl Display for Results {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let line = |f: &mut Formatter<'_>, name: &str, value: &dyn Display| {
            writeln!(f, "{name:<50} {value:>10}")
        };
        writeln!(f)?;
        line(f, "operations", &self.judged.operations)?;
        line(f, "reads", &self.judged.reads)?;
        line(f, "acknowledged writes", &self.judged.acknowledged)?;
        line(f, "swaps that were refused", &self.judged.conflicts)?;
        line(f, "writes with an unknown outcome", &self.judged.unknown)?;
        line(f, "windows that were judged", &self.judged.windows)?;
        line(f, "registers that were read again at the end", &self.judged.audited)?;
        line(f, "acknowledged writes that are lost", &self.judged.lost)?;
        line(f, "longest time without a write, with a majority, ms", &self.longest_pause_ms)?;
        line(f, "members added or removed", &self.member_changes)?;
        line(f, "attempts of that without a confirmation", &self.member_attempts_unconfirmed)?;
        line(f, "links made slow", &self.slow_links)?;
        line(f, "connections closed", &self.closed_links)?;
        self.faults(f)?;
        if !self.can_step_clocks {
            writeln!(f, "no clock was stepped: libfaketime is not installed")?;
        }
        match self.violations {
            0 => writeln!(f, "\nlinearisable, and no violation (seed {})", self.seed),
            count => writeln!(f, "\n{count} VIOLATIONS (seed {})", self.seed),
        }
    }
}

impl Results {
    fn faults(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:<27} {:>6} {:>7} {:>8} {:>9} {:>7} {:>7} {:>7} {:>8}",
            "", "", "of the", "without", "", "", "", "", "longest"
        )?;
        writeln!(
            f,
            "{:<27} {:>6} {:>7} {:>8} {:>9} {:>7} {:>7} {:>7} {:>8}",
            "faults",
            "count",
            "leader",
            "failover",
            "failovers",
            "p50 ms",
            "p99 ms",
            "max ms",
            "pause ms"
        )?;
        let row = |f: &mut Formatter<'_>, name, counts: [u64; 3], times: &Times, pause: u128| {
            let [faults, of_leader, without] = counts;
            let Times { samples, p50_ms, p99_ms, max_ms } = times;
            writeln!(
                f,
                "{name:<27} {faults:>6} {of_leader:>7} {without:>8} {samples:>9} {p50_ms:>7} {p99_ms:>7} {max_ms:>7} {pause:>8}"
            )
        };
        let counts = |row: &Row| [row.faults, row.of_leader, row.without_failover];
        for fault in &self.faults {
            row(f, fault.kind.name(), counts(fault), &fault.failover, fault.longest_pause_ms)?;
        }
        let sum = |at: usize| self.faults.iter().map(|row| counts(row)[at]).sum();
        let pause = self.faults.iter().map(|row| row.longest_pause_ms).max().unwrap_or_default();
        row(f, "all, without restarts", [sum(0), sum(1), sum(2)], &self.failover, pause)
    }
}
