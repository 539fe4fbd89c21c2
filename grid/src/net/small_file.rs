//! Reads files that are named in a configuration, and are small if they are what they should be.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The content of a file of at most this many bytes.
///
/// # Errors
/// Also fails for a directory, a pipe or a device, whose reading might never end.
pub(super) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // To open a pipe would wait until something writes to it.
    let kind = path.metadata()?.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() { "it is a directory" } else { "it is a pipe or a device" };
        return Err(io::Error::other(format!("{what}, and not a file")));
    }
    let mut content = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > bytes_max {
        return Err(io::Error::other(format!("longer than {bytes_max} bytes")));
    }
    Ok(content)
}
