//! [`Recording`]: a state and the services of its nodes in a file, which `--replay` shows without any node.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::services::ServiceRow;
use super::state::{Source, State};
use crate::failure::Failure;
use crate::secrets::without;

/// The version of the format. A file with another one is refused.
const FORMAT: u32 = 1;

/// The largest file that is read: a grid of 200 nodes needs a tenth of it.
const FILE_BYTES_MAX: u64 = 256 << 20;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Recording {
    format: u32,
    pub(super) state: State,
    pub(super) services: Vec<ServiceRow>,
}

/// The part of a file of any version.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

impl Recording {
    pub(super) fn new(state: State, services: Vec<ServiceRow>) -> Self {
        Self { format: FORMAT, state, services }
    }

    /// Writes it without these secrets.
    pub(super) fn write(&self, file: &Path, secrets: &[String]) -> Result<(), Failure> {
        let value = serde_json::to_value(self).map_err(|error| cannot("write", file, error))?;
        let cleaned = without(value, secrets);
        // Better no file than one that cannot be shown, or one with the secret.
        if let Err(error) = Self::deserialize(&cleaned) {
            let text = format!("a secret is also a word of the format, and was removed: {error}");
            return Err(cannot("write", file, text));
        }
        let text = cleaned.to_string();
        fs::write(file, text + "\n").map_err(|error| cannot("write", file, error))
    }

    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let length = fs::metadata(file).map_err(|error| cannot("read", file, error))?.len();
        if length > FILE_BYTES_MAX {
            let text = format!("it has {length} bytes, and may have {FILE_BYTES_MAX}");
            return Err(cannot("read", file, text));
        }
        let text = fs::read_to_string(file).map_err(|error| cannot("read", file, error))?;
        let broken = |error| cannot("read", file, error);
        let Header { format } = serde_json::from_str(&text).map_err(broken)?;
        if format != FORMAT {
            let text = format!("format {format} is not supported, only {FORMAT}");
            return Err(cannot("read", file, text));
        }
        let mut recording: Self = serde_json::from_str(&text).map_err(broken)?;
        recording.state.source = Source::Replay;
        recording.state.allows_calls = false;
        Ok(recording)
    }
}

fn cannot(what: &str, file: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::Usage(format!("cannot {what} the recording {}: {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::super::demo;
    use super::*;

    #[test]
    fn a_recording_is_read_as_it_was_written() {
        let file = std::env::temp_dir().join(format!("grid-console-{}.json", std::process::id()));
        let written = Recording::new(demo::state(7), demo::services());
        written.write(&file, &["Made-up orders".to_owned()]).expect("it can be written");
        let recorded = fs::read_to_string(&file).expect("it is there");
        assert!(recorded.contains("[secret].") && !recorded.contains("Made-up orders"));
        let refused = written.write(&file, &["form".to_owned()]).expect_err("`format` is a key");
        assert!(refused.to_string().contains("also a word of the format"), "{refused}");
        written.write(&file, &[]).expect("it can be written");
        let read = Recording::read(&file).expect("it can be read");
        assert_eq!(read.state.source, Source::Replay);
        let source = written.state.source;
        let again = Recording::new(State { source, ..read.state }, read.services);
        let text = |recording| serde_json::to_string(recording).expect("JSON");
        assert_eq!(text(&again), text(&written));

        // Earlier versions did not report streams.
        let mut earlier = serde_json::to_value(&written).expect("JSON");
        earlier["state"].as_object_mut().expect("a state").remove("streams").expect("streams");
        fs::write(&file, earlier.to_string()).expect("it can be written");
        assert!(Recording::read(&file).expect("it can be read").state.streams.is_empty());

        fs::write(&file, r#"{"format": 2}"#).expect("it can be written");
        let refused = Recording::read(&file).expect_err("another format").to_string();
        assert!(refused.contains("format 2 is not supported, only 1"), "{refused}");
        fs::remove_file(file).expect("it is there");
    }
}
