//! Compares listings and search results with those of the real `find` and `grep` on the same tree.

use std::path::Path;

use crate::{
    entry::{Entry, HasPath, Hit, Seen},
    lines::Dialect,
    path::RelPath,
    print::Line,
    search::search,
    testtree::{assert_same, odd_tree, sorted, sorted_output},
    tree::Tree,
};

const FIND: [&str; 6] = ["find", ".", "-mindepth", "1", "-printf", "%y %s %TFT%TH:%TMZ %P\n"];

fn printed<T: Line>(seen: &[Seen<T>]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut at_start = true;
    for item in seen {
        let Seen::Item(item) = item else { continue };
        item.write(at_start, &mut text).unwrap();
        at_start = item.ends_line();
    }
    text
}

fn walk(tree: &Tree, path: &str) -> Vec<Seen<Entry>> {
    let mut seen = Vec::new();
    tree.walk(&Path::new(path).into(), &mut seen).unwrap();
    seen
}

fn hits(tree: &Tree, pattern: &str, path: &str, dialect: Dialect) -> Vec<Seen<Hit>> {
    let mut seen = Vec::new();
    search(tree, &Path::new(path).into(), pattern, dialect, &mut seen).unwrap();
    seen
}

fn assert_search(dir: &Path, pattern: &str, options: &str, dialect: Dialect) {
    let ours = hits(&Tree::open(dir).unwrap(), pattern, "", dialect);
    let theirs = sorted_output(dir, &["grep", options, "-e", pattern]);
    assert_same(&sorted(&printed(&ours)), &theirs);
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn a_listing_equals_the_output_of_find() {
    let dir = odd_tree();
    let tree = Tree::open(dir.path()).unwrap();
    assert_same(&sorted(&printed(&walk(&tree, ""))), &sorted_output(dir.path(), &FIND));
}

#[test]
fn a_listing_of_a_part_equals_the_output_of_find() {
    let dir = odd_tree();
    let tree = Tree::open(dir.path()).unwrap();
    for part in ["a", "a/b/c", "plain.txt", "link-to-dir", "link-outside", "fifo", "empty-dir"] {
        let theirs =
            sorted_output(dir.path(), &["find", part, "-printf", "%y %s %TFT%TH:%TMZ %p\n"]);
        assert_same(&sorted(&printed(&walk(&tree, part))), &theirs);
    }
}

#[test]
fn times_are_exact() {
    let dir = odd_tree();
    let mut ours = Vec::new();
    for seen in walk(&Tree::open(dir.path()).unwrap(), "") {
        let Seen::Item(Entry { path, stat }) = seen else { panic!("{seen:?}") };
        // `find` prints a tenth digit, always 0 here.
        ours.extend_from_slice(format!("{}.{:09}0 ", stat.mtime, stat.mtime_ns).as_bytes());
        ours.extend_from_slice(path.as_bytes());
        ours.push(b'\n');
    }
    assert_same(
        &sorted(&ours),
        &sorted_output(dir.path(), &["find", ".", "-mindepth", "1", "-printf", "%T@ %P\n"]),
    );
}

#[test]
fn a_search_equals_the_output_of_grep() {
    let dir = odd_tree();
    for pattern in [
        "needle",
        "^needle$",
        "needle.$",
        "a+ needle|^$",
        "[[:alpha:]]+dle ",
        "",
        "^.{1,2}$",
        "\\bneedle\\b",
    ] {
        assert_search(dir.path(), pattern, "-rnIE", Dialect::default());
    }
    assert_search(
        dir.path(),
        "NEEDLE H",
        "-rnIEi",
        Dialect { ignore_case: true, ..Dialect::default() },
    );
    assert_search(dir.path(), "e.d", "-rnIE", Dialect::default());
    assert_search(dir.path(), "needle ü", "-rnIF", Dialect { fixed: true, ..Dialect::default() });
}

#[test]
fn a_search_of_a_part_equals_the_output_of_grep() {
    let dir = odd_tree();
    let tree = Tree::open(dir.path()).unwrap();
    for part in ["a", "plain.txt", "link-to-file", "link-to-dir", "a/b/c/d/e/deep", ".git"] {
        let theirs = sorted_output(dir.path(), &["grep", "-rnIEH", "needle", part]);
        assert_same(&sorted(&printed(&hits(&tree, "needle", part, Dialect::default()))), &theirs);
    }
}

#[test]
fn this_repository_equals_the_output_of_find_and_grep() {
    for part in ["examples/src", "grid/src", "grid-macros/src"] {
        let dir = repository().join(part);
        assert_same(
            &sorted(&printed(&walk(&Tree::open(&dir).unwrap(), ""))),
            &sorted_output(&dir, &FIND),
        );
        assert_search(&dir, "//!", "-rnIE", Dialect::default());
    }
    assert_search(&repository().join("examples/src"), "fn |^use .*;$", "-rnIE", Dialect::default());
}

#[test]
fn results_are_in_the_order_of_paths() {
    let dir = odd_tree();
    let tree = Tree::open(dir.path()).unwrap();
    let paths =
        |seen: &[Seen<Entry>]| seen.iter().map(|s| s.path().clone()).collect::<Vec<RelPath>>();
    assert!(paths(&walk(&tree, "")).is_sorted());
    let found = hits(&tree, "needle", "", Dialect::default());
    let keys: Vec<_> = found
        .iter()
        .map(|seen| match seen {
            Seen::Item(hit) => (hit.path.clone(), hit.line),
            Seen::Skipped(skipped) => panic!("{skipped:?}"),
        })
        .collect();
    assert!(keys.is_sorted());
    assert_eq!(found, hits(&tree, "needle", "", Dialect::default()), "twice the same");
}

#[test]
fn shares_are_disjoint_and_cover_the_tree() {
    let dir = odd_tree();
    let whole = walk(&Tree::open(dir.path()).unwrap(), "");
    let shares = Tree::split(dir.path(), 3).unwrap();
    let mut parts: Vec<_> = shares.iter().flat_map(|share| walk(share, "")).collect();
    parts.sort_by(|a, b| a.path().cmp(b.path()));
    assert_eq!(parts, whole);
    let sizes: Vec<_> = shares.iter().map(|share| share.share_size().unwrap()).collect();
    assert!(sizes.iter().all(|&n| n.abs_diff(sizes[0]) <= 1), "{sizes:?}");
}
