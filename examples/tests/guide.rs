//! Checks that the guide is complete, and that it shows programs that run.

mod ports;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The file names of all chapters, without the summary.
fn chapters() -> Vec<String> {
    let files = fs::read_dir(guide()).expect("the guide").map(|entry| entry.expect("a file"));
    let names = files.map(|entry| entry.file_name().into_string().expect("a name in UTF-8"));
    names.filter(|name| name.ends_with(".md") && name != "SUMMARY.md").collect()
}

/// The code blocks of a chapter, each with the line that begins it.
fn blocks(chapter: &str) -> impl Iterator<Item = (&str, &str)> {
    chapter.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'))
}

#[test]
fn every_chapter_is_listed_and_compiled() {
    let summary = read(guide().join("SUMMARY.md"));
    // One chapter is on a package of its own, which has what its code needs.
    let harness = concat!(include_str!("../src/lib.rs"), include_str!("../../kv/src/lib.rs"));
    for chapter in chapters() {
        assert!(summary.contains(&format!("({chapter})")), "SUMMARY.md lacks {chapter}");
        let text = read(guide().join(&chapter));
        let is_compiled = harness.contains(&format!("docs/guide/{chapter}\")"));
        let has_code = blocks(&text).any(|(fence, _)| fence.starts_with("rust"));
        assert!(is_compiled || !has_code, "neither the examples nor kv compile {chapter}");
    }
}

/// The anchors of the headings of a document, as a forge makes them.
fn anchors(document: &str) -> Vec<String> {
    let headings = document.lines().filter_map(|line| line.strip_prefix('#'));
    let anchor = |heading: &str| {
        let kept = |char: &char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_');
        let text = heading.trim_start_matches('#').trim();
        text.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let readme = guide().join("../../README.md");
    let files = chapters().into_iter().map(|name| guide().join(name));
    for file in files.chain([readme, guide().join("SUMMARY.md")]) {
        let text = read(&file);
        let links = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
        for link in links.filter(|link| !link.starts_with("http") && !link.contains(' ')) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => file.clone(),
                path => file.parent().expect("a directory").join(path),
            };
            assert!(target.exists(), "{}: {link}", file.display());
            let is_found = || anchors(&read(&target)).iter().any(|known| known == anchor);
            assert!(anchor.is_empty() || is_found(), "{}: {link}", file.display());
        }
    }
}

#[test]
fn every_setting_is_explained() {
    let config = read(guide().join("../../grid/src/config.rs"));
    let (_, setters) = config.split_once("    setters! {").expect("the list of settings");
    let setters = setters.split_once('}').expect("its end").0;
    let chapter = read(guide().join("configuration.md"));
    for setting in setters.lines().filter_map(|line| Some(line.trim().split_once(':')?.0)) {
        assert!(chapter.contains(&format!("\n| `{setting}` | ")), "the chapter lacks {setting}");
    }
}

#[test]
fn getting_started_shows_the_example() {
    let (_, program) = include_str!("../src/bin/trio.rs").split_once("\n\n").expect("a header");
    let chapter = read(guide().join("getting-started.md"));
    assert!(
        chapter.contains(&format!("```rust,no_run\n{program}```\n")),
        "it differs from trio.rs"
    );
}

#[test]
fn the_chapter_on_observing_shows_the_bridge_that_is_tested() {
    let (_, bridge) = include_str!("opentelemetry/bridge.rs").split_once("\n\n").expect("a header");
    let chapter = read(guide().join("observing.md"));
    assert!(chapter.contains(&format!("```rust\n{bridge}```\n")), "it differs from bridge.rs");
}

/// Doc tests leave `#[test]` functions out, so these blocks are parts of a file of tests instead.
#[test]
fn the_chapter_on_testing_shows_tests_that_run() {
    let (chapter, tests) = (read(guide().join("testing.md")), include_str!("testing.rs"));
    let ignored = blocks(&chapter).filter(|(fence, _)| *fence == "rust,ignore");
    let shown: Vec<_> = ignored.map(|(_, block)| block).collect();
    for block in &shown {
        assert!(tests.contains(block), "this is not in tests/testing.rs:\n{block}");
    }
    let count = |text: &str| text.matches("#[tokio::test").count();
    assert_eq!(shown.iter().map(|block| count(block)).sum::<usize>(), count(tests));
}

/// Doc tests compile all blocks of Rust but these, which are compared above.
#[test]
fn all_other_code_is_compiled() {
    for name in chapters().iter().filter(|name| *name != "testing.md") {
        let chapter = read(guide().join(name));
        for (fence, block) in blocks(&chapter) {
            assert!(!fence.contains("ignore"), "{name} has code that is not compiled:\n{block}");
        }
    }
}

/// A process that ends with its test.
struct Node(Child);

impl Node {
    fn start(name: &str, nodes: &[String]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trio"));
        command.arg(name).env("NODES", nodes.join(",")).stdout(Stdio::piped());
        Self(command.spawn().expect("cargo has built the program"))
    }

    /// Returns the next two lines that it prints, sorted.
    fn lines(&mut self) -> [String; 2] {
        let printed = self.0.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(printed).lines();
        let mut lines = [(); 2].map(|()| lines.next().expect("a line").expect("text"));
        lines.sort();
        lines
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn three_nodes_wait_for_each_other() {
    let mut names = ports::names::<3>();
    names.sort();
    let mut nodes = names.each_ref().map(|name| Node::start(name, &names));
    for (own, node) in names.iter().zip(&mut nodes) {
        let others = names.iter().filter(|name| *name != own);
        let expected: Vec<_> = others.map(|peer| format!("Hello, {own}, this is {peer}")).collect();
        assert_eq!(node.lines(), expected[..]);
    }
}
