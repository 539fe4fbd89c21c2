//! What is found of small grids.

use grid::admin::LinkStatus;

use super::*;

#[test]
fn the_odd_node_is_named_even_if_it_is_the_first() {
    let report = |version: &str| {
        let mut report = NodeReport::default();
        version.clone_into(&mut report.status.version);
        Ok(report)
    };
    let hosts = [("a", "2"), ("b", "1"), ("c", "1")];
    let hosts = hosts.map(|(name, version)| (name.to_owned(), report(version)));
    let found = findings(&Snapshot { hosts: hosts.into() }, &Limits::default());
    let [of] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&*of.node, &*of.what), ("a", "version_differs"));
    assert_eq!(of.text, "runs version 2 of the library, and b version 1");
}

/// What is found of a single node.
fn found_of(report: NodeReport) -> Vec<(Severity, String, String)> {
    let snapshot = Snapshot { hosts: vec![("a".to_owned(), Ok(report))] };
    let found = findings(&snapshot, &Limits::default()).into_iter();
    found.map(|of| (of.severity, of.what, of.text)).collect()
}

#[test]
fn a_planned_restart_is_a_warning() {
    let link = |state: &str| {
        let mut link = LinkStatus::default();
        let [peer, kind, word, text] = ["b", "node", state, "the reason"].map(str::to_owned);
        (link.peer, link.kind, link.state, link.text) = (peer, kind, word, text);
        NodeReport { links: vec![link], ..NodeReport::default() }
    };
    let expected = |severity, what: &str| {
        vec![(severity, what.to_owned(), "the link to b: the reason".to_owned())]
    };
    assert_eq!(found_of(link("draining")), expected(Severity::Warning, "link_draining"));
    assert_eq!(found_of(link("error")), expected(Severity::Critical, "link_down"));
    assert_eq!(found_of(link("connected")), []);
}

#[test]
fn services_that_were_not_compared_are_a_warning() {
    let services_unknown = Some("not permitted".to_owned());
    let found = found_of(NodeReport { services_unknown, ..NodeReport::default() });
    let text = "its services were not compared: not permitted".to_owned();
    assert_eq!(found, [(Severity::Warning, "services_unknown".to_owned(), text)]);
}
