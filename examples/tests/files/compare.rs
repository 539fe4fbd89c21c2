//! Output through nodes equals the output of `find` and `grep`.

use std::{fs, path::Path};

use crate::{
    nodes::{Node, output, refusal},
    testtree::{assert_same, odd_tree, sorted, sorted_output},
};

const FIND: &str = "%y %s %TFT%TH:%TMZ %p\n";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All numbers in a text.
fn numbers(text: &str) -> Vec<u64> {
    let words = text.split(|c: char| !c.is_ascii_digit());
    words.filter(|word| !word.is_empty()).map(|word| word.parse().unwrap()).collect()
}

/// The line of the demo's report that begins with `start`, after its duration.
fn report<'a>(text: &'a str, start: &str) -> &'a str {
    let line = text.lines().find(|line| line.starts_with(start)).expect(start);
    line.split_once(": ").unwrap().1
}

async fn assert_demo(dir: &Path, pattern: &str) {
    let text = output(&["demo", dir.to_str().unwrap(), "--pattern", pattern]).await;
    let text = String::from_utf8(text).unwrap();
    let of_kind = |kind: &str| {
        sorted_output(dir, &["find", "-mindepth", "1", "-type", kind, "-printf", "%s\n"])
    };
    let count = |kind: &str| of_kind(kind).len() as u64;
    let bytes = of_kind("f").iter().flat_map(|size| numbers(&String::from_utf8_lossy(size))).sum();
    let listed = numbers(report(&text, "listed in "));
    let others = count("p") + count("s");
    assert_eq!(listed[..5], [count("f"), count("d"), count("l"), others, bytes], "{text}");
    // Line counts of files, so that names with newlines in them do not matter.
    let counts = sorted_output(dir, &["grep", "-rchIE", "-e", pattern]);
    let counts: Vec<u64> =
        counts.iter().flat_map(|count| numbers(&String::from_utf8_lossy(count))).collect();
    let files = counts.iter().filter(|&&lines| lines > 0).count() as u64;
    let searched = report(&text, "searched in ");
    assert_eq!(numbers(searched)[..2], [counts.iter().sum(), files], "{text}");
    let crossed = report(&text, "over sockets");
    assert!(crossed.starts_with("6 calls, "), "a walk and a search of each node: {text}");
}

#[tokio::test]
async fn the_demo_counts_what_find_and_grep_count() {
    assert_demo(odd_tree().path(), "needle").await;
    assert_demo(&repository().join("grid"), "fn |//!").await;
}

#[tokio::test]
async fn a_generated_tree_through_nodes_equals_find_and_grep() {
    let tree = odd_tree();
    let [more, even_more] = ["more", "even more"].map(|name| {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name).join("file"), format!("a needle in {name}\n")).unwrap();
        dir
    });
    let dirs = [tree.path(), more.path(), even_more.path()];
    let [a, b, c] = Node::cluster(dirs).await;
    let find =
        |dir| sorted_output(dir, &["find", "-mindepth", "1", "-printf", "%y %s %TFT%TH:%TMZ %P\n"]);
    let grep = |dir, pattern| sorted_output(dir, &["grep", "-rnIE", "-e", pattern]);

    // One node, called by another.
    assert_same(
        &sorted(&output(&["ls", "--via", &b.name, "--node", &a.name]).await),
        &find(dirs[0]),
    );
    for pattern in ["needle", "^needle$", "a+ needle|^$", ""] {
        let ours = output(&["search", "--via", &c.name, "--node", &a.name, pattern]).await;
        assert_same(&sorted(&ours), &grep(dirs[0], pattern));
    }
    // A part of its tree.
    let ours = output(&["ls", "--via", &b.name, "a/b"]).await;
    assert_same(&sorted(&ours), &sorted_output(dirs[0], &["find", "a/b", "-printf", FIND]));
    // All nodes, merged.
    let union = |parts: [Vec<Vec<u8>>; 3]| sorted(&parts.concat().concat());
    assert_same(&sorted(&output(&["ls", "--via", &b.name]).await), &union(dirs.map(find)));
    let ours = output(&["search", "--via", &a.name, "needle"]).await;
    assert_same(&sorted(&ours), &union(dirs.map(|dir| grep(dir, "needle"))));
    // Files of any node.
    for file in ["long-line", "many", "binary", "empty", "more/file", "even more/file"] {
        let there = dirs.iter().find_map(|dir| fs::read(dir.join(file)).ok()).expect(file);
        assert!(output(&["cat", "--via", &c.name, file]).await == there, "{file}");
    }
    assert_eq!(
        refusal(&["cat", "--via", &c.name, "missing"]).await,
        "error: missing: no such file or directory\n"
    );
    assert_eq!(
        refusal(&["cat", "--via", &c.name, "a/b"]).await,
        "error: a/b: not a regular file\n"
    );
}

#[tokio::test]
async fn this_repository_through_nodes_equals_find_and_grep() {
    let empty = tempfile::tempdir().unwrap();
    let [near, _far, far_too] = Node::cluster([empty.path(), repository(), empty.path()]).await;
    for part in ["examples", "grid", "grid-macros", "Cargo.toml"] {
        let ours = output(&["ls", "--via", &near.name, part]).await;
        assert_same(&sorted(&ours), &sorted_output(repository(), &["find", part, "-printf", FIND]));
        let pattern = "fn |^use .*;$|^\\[";
        let ours = output(&["search", "--via", &far_too.name, pattern, part]).await;
        let theirs = sorted_output(repository(), &["grep", "-rnIEH", "-e", pattern, part]);
        assert_same(&sorted(&ours), &theirs);
    }
}
