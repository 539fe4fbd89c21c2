//! Bounds on what a node sends: a broken or hostile one must not fill the memory of the console or of a browser.
//!
//! A node cuts its texts itself, so a usual one never reaches these.

use std::collections::BTreeMap;

use grid::admin::{
    Activity, AdminEvent, Durations, LinkStatus, NodeStatus, StreamStatus, TappedCall,
};

use crate::snapshot::NodeReport;

/// Longest name of a node, peer or method, and longest word for a state.
const NAME_BYTES_MAX: usize = 512;

/// Longest text of an event, state or error.
const TEXT_BYTES_MAX: usize = 2048;

/// Links of one node: to 200 others, and to guests.
const LINKS_MAX: usize = 1024;

/// Names on the host list of one node.
const HOSTS_MAX: usize = 1024;

/// Streams that are asked for of each node, and shown of all nodes: those that wait are first, and nobody reads more.
pub(super) const STREAMS_MAX: usize = 100;

/// Words of one list: extensions, outcomes, reasons.
const WORDS_MAX: usize = 64;

/// Ranges of durations: eight for each power of two of a number of 64 bits.
const RANGES_MAX: usize = 512;

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

pub(super) fn told(told: &mut NodeReport) {
    status(&mut told.status);
    links(&mut told.links);
    told.events.iter_mut().for_each(event);
}

pub(super) fn status(status: &mut NodeStatus) {
    status.hosts.retain(|host| host.len() <= NAME_BYTES_MAX);
    status.hosts.truncate(HOSTS_MAX);
    for word in [&mut status.name, &mut status.version, &mut status.instance] {
        cut(word, NAME_BYTES_MAX);
    }
    status.extensions.truncate(WORDS_MAX);
    status.extensions.iter_mut().for_each(|word| cut(word, NAME_BYTES_MAX));
    words(&mut status.refused);
}

pub(super) fn links(links: &mut Vec<LinkStatus>) {
    links.truncate(LINKS_MAX);
    for link in links {
        for word in [&mut link.peer, &mut link.kind, &mut link.state] {
            cut(word, NAME_BYTES_MAX);
        }
        cut(&mut link.text, TEXT_BYTES_MAX);
        if let Some(instance) = &mut link.instance {
            cut(instance, NAME_BYTES_MAX);
        }
        words(&mut link.downs);
    }
}

/// Counts by words, of which there are few.
fn words(counts: &mut BTreeMap<String, u64>) {
    counts.retain(|word, _| word.len() <= NAME_BYTES_MAX);
    while counts.len() > WORDS_MAX {
        counts.pop_last();
    }
}

pub(super) fn streams(streams: &mut Vec<StreamStatus>) {
    streams.truncate(STREAMS_MAX);
    for stream in streams {
        cut(&mut stream.peer, NAME_BYTES_MAX);
        cut(&mut stream.method, NAME_BYTES_MAX);
        cut(&mut stream.text, TEXT_BYTES_MAX);
        stream.waits_for.truncate(WAITS_MAX);
        stream.waits_for.iter_mut().for_each(|word| cut(word, NAME_BYTES_MAX));
    }
}

pub(super) fn activity(activity: &mut Activity) {
    activity.methods.truncate(METHODS_MAX);
    for of in &mut activity.methods {
        cut(&mut of.peer, NAME_BYTES_MAX);
        cut(&mut of.method, NAME_BYTES_MAX);
        words(&mut of.outcomes);
        if of.durations.ranges().count() > RANGES_MAX {
            of.durations = Durations::default();
        }
    }
}

pub(super) fn event(event: &mut AdminEvent) {
    cut(&mut event.kind, NAME_BYTES_MAX);
    cut(&mut event.text, TEXT_BYTES_MAX);
    for name in [&mut event.peer, &mut event.method].into_iter().flatten() {
        cut(name, NAME_BYTES_MAX);
    }
}

pub(super) fn call(call: &mut TappedCall) {
    for word in [&mut call.peer, &mut call.method, &mut call.outcome] {
        cut(word, NAME_BYTES_MAX);
    }
    if let Some(error) = &mut call.error {
        cut(error, TEXT_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        let mut text = "ä".repeat(10);
        cut(&mut text, 5);
        assert_eq!(text, "ää…");
        cut(&mut text, 7);
        assert_eq!(text, "ää…");
    }
}
