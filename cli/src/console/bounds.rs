//! Bounds on what a node sends: a broken or hostile one must not fill the memory of the console or of a browser.
//!
//! A node cuts its texts itself, so a usual one never reaches these.

use std::collections::BTreeMap;

use grid::admin::{
    Activity, AdminEvent, Durations, LinkStatus, NodeStatus, StreamStatus, TappedCall,
};

use crate::snapshot::NodeReport;

/// Longest name of a node, peer or method.
const NAME_BYTES_MAX: usize = 512;

/// Longest word for a state, an outcome or a reason, and longest name of an extension. Those of this library have 20 bytes.
const WORD_BYTES_MAX: usize = 64;

/// Longest text of an event, state or error.
const TEXT_BYTES_MAX: usize = 2048;

/// Links of one node: to 200 others, and to guests.
const LINKS_MAX: usize = 1024;

/// Names on the host list of one node.
const HOSTS_MAX: usize = 1024;

/// Streams that are asked for of each node, and shown of all nodes: those that wait are first, and nobody reads more.
pub(super) const STREAMS_MAX: usize = 100;

/// Words of one list: extensions, outcomes, reasons. This library has 30 reasons.
const WORDS_MAX: usize = 64;

/// Words that are counted at all links, or for all methods, of one node.
const WORDS_SUM_MAX: usize = 16 * 1024;

/// Ranges of durations of one method: eight for each power of two of a number of 64 bits.
const RANGES_MAX: usize = 512;

/// Ranges of all methods in one report: 32 each, of which usual methods have ten.
const RANGES_SUM_MAX: usize = 64 * 1024;

/// Reasons for which one stream waits.
const WAITS_MAX: usize = 8;

/// Rows of one report: a node counts 1024 pairs of method and peer.
const METHODS_MAX: usize = 2048;

/// Cuts a text at the end of a character.
fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let ends = (0..=bytes_max).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(ends.unwrap_or(0));
        text.push('…');
        text.shrink_to_fit();
    }
}

/// All but the services, which are bounded where they are read.
pub(super) fn report(report: &mut NodeReport) {
    status(&mut report.status);
    links(&mut report.links);
    report.events.iter_mut().for_each(event);
    if let Some(why) = &mut report.services_unknown {
        text(why);
    }
}

/// A reason for which a node is lost, or cannot be tapped.
pub(super) fn text(text: &mut String) {
    cut(text, TEXT_BYTES_MAX);
}

pub(super) fn status(status: &mut NodeStatus) {
    status.hosts.retain(|host| host.len() <= NAME_BYTES_MAX);
    status.hosts.truncate(HOSTS_MAX);
    for word in [&mut status.name, &mut status.version, &mut status.instance] {
        cut(word, NAME_BYTES_MAX);
    }
    status.extensions.truncate(WORDS_MAX);
    status.extensions.iter_mut().for_each(|word| cut(word, WORD_BYTES_MAX));
    words(&mut status.refused, &mut { WORDS_MAX });
}

pub(super) fn links(links: &mut Vec<LinkStatus>) {
    links.truncate(LINKS_MAX);
    let mut words_left = WORDS_SUM_MAX;
    for link in links {
        cut(&mut link.peer, NAME_BYTES_MAX);
        cut(&mut link.kind, WORD_BYTES_MAX);
        cut(&mut link.state, WORD_BYTES_MAX);
        cut(&mut link.text, TEXT_BYTES_MAX);
        if let Some(instance) = &mut link.instance {
            cut(instance, NAME_BYTES_MAX);
        }
        words(&mut link.downs, &mut words_left);
    }
}

/// Counts by words, of which there are few.
fn words(counts: &mut BTreeMap<String, u64>, left: &mut usize) {
    counts.retain(|word, _| word.len() <= WORD_BYTES_MAX);
    while counts.len() > WORDS_MAX.min(*left) {
        counts.pop_last();
    }
    *left -= counts.len();
}

pub(super) fn streams(streams: &mut Vec<StreamStatus>) {
    streams.truncate(STREAMS_MAX);
    for stream in streams {
        cut(&mut stream.peer, NAME_BYTES_MAX);
        cut(&mut stream.method, NAME_BYTES_MAX);
        cut(&mut stream.text, TEXT_BYTES_MAX);
        stream.waits_for.truncate(WAITS_MAX);
        stream.waits_for.iter_mut().for_each(|word| cut(word, WORD_BYTES_MAX));
    }
}

pub(super) fn activity(activity: &mut Activity) {
    activity.methods.truncate(METHODS_MAX);
    let (mut words_left, mut ranges_left) = (WORDS_SUM_MAX, RANGES_SUM_MAX);
    for of in &mut activity.methods {
        cut(&mut of.peer, NAME_BYTES_MAX);
        cut(&mut of.method, NAME_BYTES_MAX);
        words(&mut of.outcomes, &mut words_left);
        // Some of the ranges would be wrong percentiles.
        if of.durations.ranges().count() > RANGES_MAX.min(ranges_left) {
            of.durations = Durations::default();
        }
        ranges_left -= of.durations.ranges().count();
    }
}

pub(super) fn event(event: &mut AdminEvent) {
    cut(&mut event.kind, WORD_BYTES_MAX);
    cut(&mut event.text, TEXT_BYTES_MAX);
    for name in [&mut event.peer, &mut event.method].into_iter().flatten() {
        cut(name, NAME_BYTES_MAX);
    }
}

pub(super) fn call(call: &mut TappedCall) {
    cut(&mut call.peer, NAME_BYTES_MAX);
    cut(&mut call.method, NAME_BYTES_MAX);
    cut(&mut call.outcome, WORD_BYTES_MAX);
    if let Some(error) = &mut call.error {
        cut(error, TEXT_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use grid::admin::MethodActivity;

    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        let mut text = "ä".repeat(10);
        cut(&mut text, 5);
        assert_eq!(text, "ää…");
        cut(&mut text, 7);
        assert_eq!(text, "ää…");
    }
    fn counts() -> BTreeMap<String, u64> {
        let long = "x".repeat(10_000);
        (0..1000).map(|number| (format!("word {number}"), 1)).chain([(long, 1)]).collect()
    }

    #[test]
    fn words_and_ranges_of_a_report_are_bounded() {
        let ranges: BTreeMap<_, _> = (0..500).map(|end| (end.to_string(), 1)).collect();
        let durations: Durations =
            serde_json::from_value(serde_json::json!(ranges)).expect("durations");
        let method = |_| {
            let mut of = MethodActivity::default();
            of.method = "x".repeat(10_000);
            (of.outcomes, of.durations) = (counts(), durations.clone());
            of
        };
        let mut all = Activity::default();
        all.methods = (0..3000).map(method).collect();
        activity(&mut all);
        let sum = |count: fn(&MethodActivity) -> usize| all.methods.iter().map(count).sum();
        let (words, ranges): (usize, usize) =
            (sum(|of| of.outcomes.len()), sum(|of| of.durations.ranges().count()));
        assert_eq!((all.methods.len(), words), (METHODS_MAX, WORDS_SUM_MAX));
        assert_eq!(ranges, RANGES_SUM_MAX / 500 * 500, "whole histograms");
        assert!(all.methods.iter().all(|of| of.method.len() < 600));
        assert!(all.methods[0].outcomes.keys().all(|word| word.len() <= WORD_BYTES_MAX));

        let usual = || {
            let mut of = MethodActivity::default();
            of.outcomes = BTreeMap::from([("ok".to_owned(), 3)]);
            of.durations.add(std::time::Duration::from_micros(7));
            of
        };
        let mut few = Activity::default();
        few.methods = vec![usual()];
        activity(&mut few);
        assert_eq!(few.methods, [usual()]);
    }

    #[test]
    fn reports_of_a_hostile_node_are_bounded() {
        let link = |_| {
            let mut link = LinkStatus::default();
            for word in [&mut link.peer, &mut link.kind, &mut link.state, &mut link.text] {
                *word = "x".repeat(10_000);
            }
            (link.instance, link.downs) = (Some("x".repeat(10_000)), counts());
            link
        };
        let mut hostile = NodeReport::default();
        hostile.status.hosts = vec!["x".repeat(500); 3000];
        hostile.status.extensions = vec!["x".repeat(10_000); 1000];
        hostile.status.refused = counts();
        hostile.links = (0..2000).map(link).collect();
        hostile.services_unknown = Some("x".repeat(1 << 20));
        report(&mut hostile);
        let bytes = |of: serde_json::Value| of.to_string().len();
        let links = bytes(serde_json::json!(hostile.links));
        assert!(links < 5 << 20, "{links}");
        let status = bytes(serde_json::json!(hostile.status));
        assert!(status < 1 << 20, "{status}");
        assert!(hostile.services_unknown.is_some_and(|why| why.len() < 3000));
    }
}
