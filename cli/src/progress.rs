//! [`Progress`]: a line that says how far a command is.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};

use crossterm::terminal;

use crate::connect::Global;

/// To the begin of the line, which is erased.
const ERASE: &str = "\r\x1b[K";

/// A line on standard error that is written again and again, and erased when this is dropped. It is there only if a person
/// looks: on a terminal, and not with --json.
///
/// Drop it before anything else is written to the terminal, which would be in the same line.
pub(crate) struct Progress {
    out: Option<Box<dyn Write + Send>>,
    is_shown: bool,
}

impl Progress {
    pub(crate) fn new(global: &Global) -> Self {
        let is_seen = !global.json && io::stderr().is_terminal();
        Self::to(is_seen.then(|| Box::new(io::stderr()) as Box<_>))
    }

    fn to(out: Option<Box<dyn Write + Send>>) -> Self {
        Self { out, is_shown: false }
    }

    /// Whether anybody sees it.
    pub(crate) fn is_seen(&self) -> bool {
        self.out.is_some()
    }

    /// Writes the line in place of the last one. The text is the program's own, without control characters.
    pub(crate) fn show(&mut self, text: impl Display) {
        let Some(out) = &mut self.out else { return };
        // A line that is wrapped could not be erased.
        let known = terminal::size().ok().filter(|(columns, _)| *columns > 0);
        let width = known.map_or(80, |(columns, _)| usize::from(columns));
        let text: String = text.to_string().chars().take(width - 1).collect();
        // Progress that cannot be shown is no reason to end.
        let _ = write!(out, "{ERASE}{text}").and_then(|()| out.flush());
        self.is_shown = true;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let (Some(out), true) = (&mut self.out, self.is_shown) {
            let _ = write!(out, "{ERASE}").and_then(|()| out.flush());
        }
    }
}

/// A number with its digits in groups, such as `39 000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(texts: &[&str]) -> String {
        let screen = Screen::default();
        let mut progress = Progress::to(Some(Box::new(screen.clone())));
        texts.iter().for_each(|text| progress.show(text));
        drop(progress);
        let written = screen.0.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn the_line_is_rewritten_and_erased_at_the_end() {
        assert_eq!(written(&["1 of 2", "2 of 2"]), "\r\x1b[K1 of 2\r\x1b[K2 of 2\r\x1b[K");
        assert_eq!(written(&[]), "", "what was not shown is not erased");
        let long = written(&[&"x".repeat(10_000)]);
        assert!(long.len() < 5_000, "it is not wrapped");
    }

    #[test]
    fn digits_are_in_groups() {
        let grouped = [0, 999, 1000, 39_000, 1_234_567].map(grouped);
        assert_eq!(grouped, ["0", "999", "1 000", "39 000", "1 234 567"]);
    }
}
