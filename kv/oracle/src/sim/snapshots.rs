//! [`make_stale`]: for [`Bug::StaleSnapshot`](super::Bug::StaleSnapshot).

use std::fs;
use std::io;
use std::path::Path;

/// The head of a snapshot, and the state that follows it. The head is a line, a length and so many bytes.
fn split(snapshot: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = snapshot.iter().position(|byte| *byte == b'\n')? + 1;
    let length = snapshot.get(line..line + 4)?.try_into().ok()?;
    snapshot.split_at_checked(line + 4 + u32::from_be_bytes(length) as usize)
}

/// Replaces the state in the snapshot of a node by that of its snapshot before, if there was one. The head stays.
pub(super) fn make_stale(folder: &Path) -> io::Result<()> {
    let (path, kept) = (folder.join("snapshot"), folder.join("kept"));
    let snapshot = fs::read(&path)?;
    let Some((head, state)) = split(&snapshot) else { return Ok(()) };
    let old = fs::read(&kept).unwrap_or_default();
    fs::write(&kept, state)?;
    match old.is_empty() {
        true => Ok(()),
        false => fs::write(&path, [head, &old].concat()),
    }
}
