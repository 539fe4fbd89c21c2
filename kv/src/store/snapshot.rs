//! Snapshots: files with the whole state.
//!
//! A file is a line that says what it is, then frames: the length in four bytes, and a [`Frame`] as msgpack. The first one is the
//! head, the last one the number of those between.

use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Write};
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use openraft::RaftSnapshotBuilder;
use openraft::storage::Snapshot;
use openraft::type_config::alias::{SnapshotMetaOf, SnapshotOf};
use redb::{Durability, ReadTransaction, ReadableTable as _};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::task::spawn_blocking;

use super::disk::{Sync, sync_folder};
use super::read::State;
use super::rows::{decode, encode, other};
use super::tables::{HEAD, HISTORY, Head, ITEMS, SESSIONS, Session, Tables};
use crate::model::Types;

/// The first line: the program, and the version of the format.
const MAGIC: &[u8] = b"grid-kv snapshot 1\n";
/// The name of the latest snapshot in its folder.
const NAME: &str = "snapshot";
/// The longest frame: a value, its key and what is around them. More would be a damaged file.
const FRAME_BYTES_MAX: u32 = 4 << 20;

/// A part of a snapshot. Rows are as they are in the database.
#[derive(Serialize, Deserialize)]
enum Frame {
    Head(Head),
    Item(String, Bytes),
    Change(u64, u32, Bytes),
    Session(u64, Bytes),
    End(u64),
}

/// Writes a snapshot of the state as it was when the builder was made.
pub struct Builder {
    state: Arc<State>,
    view: Option<io::Result<ReadTransaction>>,
    folder: Arc<PathBuf>,
    sync: Sync,
}

impl Builder {
    pub(super) fn new(state: Arc<State>, folder: Arc<PathBuf>, sync: Sync) -> Self {
        let view = state.database.begin_read().map_err(other);
        Self { state, view: Some(view), folder, sync }
    }
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = File;

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf<Types, File>> {
        let (state, folder, sync) = (Arc::clone(&self.state), Arc::clone(&self.folder), self.sync);
        let view =
            self.view.take().unwrap_or_else(|| state.database.begin_read().map_err(other))?;
        let build = move || {
            // The log is purged up to here, so the state must not need it after a crash.
            state.checkpoint()?;
            let mut file = NamedTempFile::new_in(&*folder)?;
            let mut writer = BufWriter::new(file.as_file_mut());
            let meta = meta(&write(&view, &mut writer)?);
            writer.flush()?;
            drop(writer);
            Ok((meta, keep(file, &folder, sync)?))
        };
        let (meta, file) = spawn_blocking(build).await?.map_err(|error: io::Error| error)?;
        Ok(Snapshot { meta, snapshot: File::from_std(file) })
    }
}

fn meta(head: &Head) -> SnapshotMetaOf<Types> {
    SnapshotMetaOf::<Types> { last_log_id: head.applied, last_membership: head.membership.clone() }
}

/// Makes a complete file the latest snapshot, and returns it at its beginning.
fn keep(file: NamedTempFile, folder: &Path, sync: Sync) -> io::Result<fs::File> {
    if sync == Sync::Always {
        file.as_file().sync_all()?;
    }
    let mut file = file.persist(folder.join(NAME)).map_err(|error| error.error)?;
    if sync == Sync::Always {
        sync_folder(folder)?;
    }
    file.rewind()?;
    Ok(file)
}

fn put(writer: &mut impl Write, frame: &Frame) -> io::Result<()> {
    let frame = encode(frame)?;
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    writer.write_all(&length.to_be_bytes())?;
    writer.write_all(&frame)
}

fn write(view: &ReadTransaction, writer: &mut impl Write) -> io::Result<Head> {
    writer.write_all(MAGIC)?;
    let row = view.open_table(HEAD).map_err(other)?;
    let row = row.get(()).map_err(other)?;
    let head: Head = row.map(|row| decode(row.value())).transpose()?.unwrap_or_default();
    put(writer, &Frame::Head(head.clone()))?;
    let mut frames = 0;
    let mut next = |frame: Frame| {
        frames += 1;
        put(writer, &frame)
    };
    for row in view.open_table(ITEMS).map_err(other)?.iter().map_err(other)? {
        let (key, item) = row.map_err(other)?;
        next(Frame::Item(key.value().to_owned(), Bytes::copy_from_slice(item.value())))?;
    }
    for row in view.open_table(HISTORY).map_err(other)?.iter().map_err(other)? {
        let (at, change) = row.map_err(other)?;
        let (revision, place) = at.value();
        next(Frame::Change(revision, place, Bytes::copy_from_slice(change.value())))?;
    }
    for row in view.open_table(SESSIONS).map_err(other)?.iter().map_err(other)? {
        let (id, session) = row.map_err(other)?;
        next(Frame::Session(id.value(), Bytes::copy_from_slice(session.value())))?;
    }
    put(writer, &Frame::End(frames))?;
    Ok(head)
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a snapshot: {what}"))
}

fn check_magic(reader: &mut impl Read) -> io::Result<()> {
    let mut magic = [0; MAGIC.len()];
    reader.read_exact(&mut magic)?;
    if magic == *MAGIC { Ok(()) } else { Err(broken("it begins with something else")) }
}

fn take(reader: &mut impl Read) -> io::Result<Frame> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > FRAME_BYTES_MAX {
        return Err(broken("a part is too long"));
    }
    let mut frame = vec![0; length as usize];
    reader.read_exact(&mut frame)?;
    decode(&frame)
}

/// The latest snapshot, if there is one.
pub(super) fn current(folder: &Path) -> io::Result<Option<(SnapshotMetaOf<Types>, fs::File)>> {
    let mut file = match fs::File::open(folder.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    check_magic(&mut file)?;
    let Frame::Head(head) = take(&mut file)? else { return Err(broken("it has no head")) };
    file.rewind()?;
    Ok(Some((meta(&head), file)))
}

/// Replaces the state by that of a snapshot, and keeps the snapshot. After a crash in between, the state is the new one and the
/// snapshot an older one, which openraft permits.
pub(super) fn install(
    state: &State,
    folder: &Path,
    sync: Sync,
    mut snapshot: fs::File,
) -> io::Result<()> {
    snapshot.rewind()?;
    let mut transaction = state.database.begin_write().map_err(other)?;
    transaction.set_durability(Durability::Immediate);
    Tables::clear(&transaction)?;
    let mut tables = Tables::open(&transaction)?;
    read(&mut tables, &mut BufReader::new(&snapshot))?;
    let head = tables.finish()?;
    transaction.commit().map_err(other)?;
    state.publish(head);

    snapshot.rewind()?;
    let mut copy = NamedTempFile::new_in(folder)?;
    io::copy(&mut snapshot, copy.as_file_mut())?;
    keep(copy, folder, sync).map(drop)
}

fn read(tables: &mut Tables<'_>, reader: &mut impl Read) -> io::Result<()> {
    check_magic(reader)?;
    let Frame::Head(head) = take(reader)? else { return Err(broken("it has no head")) };
    tables.head = head;
    let mut frames = 0;
    loop {
        match take(reader)? {
            Frame::Head(_) => return Err(broken("it has two heads")),
            Frame::Item(key, row) => {
                tables.items.insert(key.as_str(), &*row).map_err(other)?;
            }
            Frame::Change(revision, place, row) => {
                tables.history.insert((revision, place), &*row).map_err(other)?;
            }
            Frame::Session(id, row) => {
                let session: Session = decode(&row)?;
                tables.used.insert(session.used, id).map_err(other)?;
                tables.sessions.insert(id, &*row).map_err(other)?;
            }
            Frame::End(count) if count == frames => return Ok(()),
            Frame::End(_) => return Err(broken("parts are missing")),
        }
        frames += 1;
    }
}
impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("folder", &self.folder).finish_non_exhaustive()
    }
}
