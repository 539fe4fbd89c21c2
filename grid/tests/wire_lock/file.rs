//! The file, the macro, and its messages.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs, panic, process};

use grid::Outgoing;
use grid::reflection::ServiceDescription;
use grid::testing::{WireLock, WireLockError};

mod v1 {
    use super::Outgoing;

    #[grid::service(name = "Disk")]
    #[allow(dead_code, reason = "only described")]
    pub(super) trait Disk {
        /// Not in the file.
        #[handler(id = 9, idempotent, timeout = "5s", request_bytes_max = 4096)]
        async fn stat(&self, path: String, depth: u32) -> Result<u64, grid::RemoteError>;
        #[handler(id = 8, compact, outgoing = 7)]
        async fn list(&self, #[default] all: bool, out: Outgoing<String>);
    }
}

mod v2 {
    use super::Outgoing;

    #[grid::service(name = "Disk")]
    #[allow(dead_code, reason = "only described")]
    pub(super) trait Disk {
        #[handler(id = 9, idempotent, timeout = "5s", request_bytes_max = 4096)]
        async fn stat(
            &self,
            path: String,
            depth: u64,
            unit: String,
        ) -> Result<u64, grid::RemoteError>;
        #[handler(id = 8, compact, outgoing = 7)]
        async fn list(&self, #[default] all: bool, out: Outgoing<String>);
    }
}

mod v3 {
    use super::Outgoing;

    #[grid::service(name = "Disk")]
    #[allow(dead_code, reason = "only described")]
    pub(super) trait Disk {
        #[handler(id = 9, idempotent, timeout = "5s", request_bytes_max = 4096)]
        async fn stat(
            &self,
            path: String,
            depth: u32,
            unit: Option<String>,
        ) -> Result<u64, grid::RemoteError>;
        #[handler(id = 8, compact, outgoing = 7)]
        async fn list(&self, #[default] all: bool, out: Outgoing<String>);
    }
}

const V1: &str = "\
# What the services of this package send, for a test with `grid::testing::wire_lock!`.
# Check it in, and do not edit it: `WIRE_LOCK=update cargo test` writes it.
version 1

service Disk
  method list
    id 0x00000008
    kind server_stream
    outgoing 7
    compact
    argument all (default): bool
    answer: String
  method stat
    id 0x00000009
    kind single
    timeout_ms 5000
    request_bytes_max 4096
    idempotent
    argument path: String
    argument depth: u32
    answer: u64
    error: RemoteError
";

#[test]
fn the_file_has_one_fact_a_line() {
    let lock = WireLock::of(&[v1::DiskClient::DESCRIPTOR]);
    assert_eq!(lock.to_string(), V1);
    assert_eq!(WireLock::parse(V1), Ok(lock.clone()));
    assert_eq!(WireLock::parse(&V1.replace('\n', "\r\n")), Ok(lock));
}

/// The example of the guide.
#[test]
fn the_guide_shows_a_file() {
    #[grid::service]
    #[allow(dead_code, reason = "only described")]
    trait Disk {
        #[handler(idempotent, timeout = "5s")]
        async fn free(&self, volume: String) -> Result<u64, grid::RemoteError>;
    }

    let text = WireLock::of(&[DiskClient::DESCRIPTOR]).to_string();
    let guide = include_str!("../../../docs/guide/evolution.md");
    assert!(guide.contains(&format!("```text\n{text}```\n")), "{text}");
}

#[test]
fn a_file_that_is_not_understood_says_where() {
    assert_eq!(WireLock::parse(""), Err(WireLockError::Version));
    assert_eq!(WireLock::parse(&V1.replace("version 1", "version 2")), Err(WireLockError::Version));
    let error = WireLock::parse(&V1.replace("compact", "<<<<<<< HEAD")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 10 is not understood: `<<<<<<< HEAD`; restore the file from version control, or merge it again"
    );
}

#[test]
fn a_file_that_was_merged_wrongly_is_refused() {
    let line = |text: &str| match WireLock::parse(text) {
        Err(WireLockError::Line { number, line, .. }) => (number, line),
        other => panic!("{other:?}"),
    };
    for fact in ["id 0x00000009", "kind single", "answer: u64"] {
        let text = V1.replace(&format!("    {fact}\n"), "");
        assert_eq!(line(&text), (13, "method stat".to_owned()), "without {fact}");
    }
    let twice = |fact: &str| V1.replace(fact, &format!("{fact}{fact}"));
    for fact in
        ["    id 0x00000009\n", "    compact\n", "    argument depth: u32\n", "    answer: u64\n"]
    {
        assert_eq!(line(&twice(fact)).1, fact.trim());
    }
    // Shapes that the library does not write, or that are deeper than it reads.
    for shape in ["text??".to_owned(), "[".repeat(100_000), "nonzero(text)".to_owned()] {
        let text = V1.replace("answer: u64", &format!("answer: u64 = {shape}"));
        assert_eq!(line(&text).0, 21, "{shape:.9}");
    }
    let method = &V1[V1.find("  method stat").unwrap()..];
    assert_eq!(line(&format!("{V1}{method}")).1, "method stat");
    let error =
        WireLock::parse(&format!("{V1}{}", &V1[V1.find("service ").unwrap()..])).unwrap_err();
    assert!(error.to_string().starts_with("the service `Disk` is in the file twice;"), "{error}");
}

/// Names that mean something in the file, and types on several lines.
#[test]
fn every_name_and_type_is_read_again() {
    let mut services = [ServiceDescription::of(v1::DiskClient::DESCRIPTOR)];
    services[0].name = "Disk = \"a\"\nb".to_owned();
    let method = &mut services[0].methods[0];
    method.name = "type text".to_owned();
    method.signature = "a() -> \"x\" = u8".to_owned();
    method.arguments[0].ty = "Page<Item = u8,\n    Tail = u16>".to_owned();
    method.arguments[1].ty = "Map<\n    u8,\n    u16>".to_owned();
    method.arguments[1].name = "a (default): b".to_owned();
    let lock = WireLock::of_descriptions(&services);
    let read = WireLock::parse(&lock.to_string());
    assert_eq!(read.as_ref(), Ok(&lock), "{lock}");
    assert_eq!(read.unwrap().changes(&lock), []);
}

#[test]
#[should_panic(expected = "two services called `Disk` differ")]
fn two_services_of_one_name_are_refused() {
    let [old, new] = [v1::DiskClient::DESCRIPTOR, v2::DiskClient::DESCRIPTOR];
    assert_eq!(WireLock::of(&[old, old]), WireLock::of(&[old]));
    WireLock::of(&[old, new]);
}

/// A folder for the files of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("grid-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// What the macro says when it fails.
    fn check(&self, service: &'static grid::ServiceDescriptor) -> Result<(), String> {
        let file = self.0.join("wire.lock");
        let run = || grid::testing::wire_lock!(&*file, [service]);
        panic::catch_unwind(panic::AssertUnwindSafe(run)).map_err(|text| {
            let text = text.downcast_ref::<String>().unwrap();
            text.replace(&*self.0.to_string_lossy(), "FOLDER")
        })
    }

    fn write(&self, text: &str) {
        fs::write(self.0.join("wire.lock"), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_messages_say_what_to_do() {
    let folder = Folder::new("messages");
    assert_eq!(
        folder.check(v1::DiskClient::DESCRIPTOR).unwrap_err(),
        "FOLDER/wire.lock does not exist: run `WIRE_LOCK=update cargo test`, and check the file in"
    );
    folder.write(V1);
    assert_eq!(folder.check(v1::DiskClient::DESCRIPTOR), Ok(()));
    assert_eq!(folder.check(v2::DiskClient::DESCRIPTOR).unwrap_err(), BREAKING);
    assert_eq!(folder.check(v3::DiskClient::DESCRIPTOR).unwrap_err(), COMPATIBLE);
    folder.write(&V1.replace("\n  method list", "\n\n  method list"));
    assert_eq!(folder.check(v1::DiskClient::DESCRIPTOR).unwrap_err(), SAME);
}

const BREAKING: &str = "\
the services do not work with nodes that were built from FOLDER/wire.lock, while both versions run:

  Disk/stat: the argument `unit` was added
    breaks:  old callers of a new node
    row:     another argument added, where there are none or at least two
    instead: make it an `Option`, write `#[default]` before it, or add a method

  Disk/stat, argument depth: `uint32` is now `uint64`
    breaks:  new callers of an old node
    row:     a number made wider
    instead: update all receivers first, before larger numbers are sent, or add a method

The rows are those of \"Changing a service\" in the guide's chapter on evolving a service (docs/guide/evolution.md).
If nodes of both versions never run at the same time, `WIRE_LOCK=break cargo test` accepts it.";

const COMPATIBLE: &str = "\
FOLDER/wire.lock is not up to date. The change is compatible: run `WIRE_LOCK=update cargo test`, and check the file in.

compatible:

  Disk/stat: the argument `unit` was added
    breaks:  nobody
    row:     an `Option` or `#[default]` argument added, where there are none or at least two
    note:    old nodes ignore it, which must be harmless";

const SAME: &str = "\
FOLDER/wire.lock is not up to date, although no change was found: it was edited, or written by another version of grid-rpc. \
Run `WIRE_LOCK=update cargo test`, and check the file in.";

/// The environment is that of a whole process, so each wish has one of its own, which runs the test below.
#[test]
fn only_the_wish_to_break_writes_what_breaks() {
    let folder = Folder::new("wishes");
    let run_os = |wish: &OsStr, version: &str| {
        let mut command = process::Command::new(env::current_exe().unwrap());
        command.args(["--exact", "file::one_check", "--include-ignored"]);
        command
            .env("WIRE_LOCK", wish)
            .env("FOLDER_OF_TEST", &folder.0)
            .env("VERSION_OF_TEST", version);
        command.output().unwrap().status.success()
    };
    let run = |wish: &str, version| run_os(OsStr::new(wish), version);
    let known = || fs::read_to_string(folder.0.join("wire.lock")).ok();
    assert!(!run("", "1") && known().is_none(), "only a wish writes a file");
    #[cfg(unix)]
    {
        let wish: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"update\xff");
        assert!(!run_os(wish, "1"), "a wish that is no Unicode");
    }
    assert!(run("update", "1"));
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "nothing is left beside the file");
    assert_eq!(known().as_deref(), Some(V1));
    assert!(!run("update", "2") && !run("nonsense", "1"));
    assert_eq!(known().as_deref(), Some(V1), "what breaks is not written by the habit of updating");
    assert!(run("update", "3"));
    assert!(known().unwrap().contains("    argument unit: Option<String>\n"));
    assert!(run("break", "2") && run("", "2"));
    assert!(known().unwrap().contains("    argument unit: String\n"));
}

#[test]
fn one_check() {
    let Some(folder) = env::var_os("FOLDER_OF_TEST") else { return };
    let service = match &*env::var("VERSION_OF_TEST").unwrap() {
        "1" => v1::DiskClient::DESCRIPTOR,
        "2" => v2::DiskClient::DESCRIPTOR,
        _ => v3::DiskClient::DESCRIPTOR,
    };
    grid::testing::wire_lock!(&*Path::new(&folder).join("wire.lock"), [service]);
}
