//! How keys and values are printed.

use std::io::{self, Write};

use grid_kv::model::Event;

/// Writes a line. When the reader of a pipe has left, the program ends as others do: without a word.
pub(crate) fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => result,
    }
}

/// A key or value in a line: what is not text, and what would end the line or its column, is escaped.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().flat_map(escaped).collect()
}

fn escaped(character: char) -> Vec<char> {
    match character {
        '\\' => vec!['\\', '\\'],
        character if character.is_control() => character.escape_default().collect(),
        character => vec![character],
    }
}

/// A change, as one line.
pub(crate) fn event(event: &Event) -> String {
    let key = shown(event.key.as_bytes());
    match &event.value {
        Some(value) => format!("{}\tput\t{key}\t{}", event.revision, shown(value)),
        None => format!("{}\tdelete\t{key}", event.revision),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_value_stays_in_its_line_and_column() {
        assert_eq!(shown("a\tb\nc\\ é".as_bytes()), "a\\tb\\nc\\\\ é");
    }
}
