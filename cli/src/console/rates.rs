//! Counts within an interval, as rates and percentiles.

use std::collections::BTreeMap;
use std::time::Duration;

use grid::admin::{Activity, Durations, MethodActivity};

use super::state::{CallRow, MethodRow, rounded};

/// Methods that are shown, the busiest if there are more.
const METHODS_MAX: usize = 1024;

pub(super) fn per_second(count: u64, within_us: u64) -> f64 {
    if within_us == 0 {
        return 0.0;
    }
    count as f64 / Duration::from_micros(within_us).as_secs_f64()
}

fn quantile(durations: &Durations, share: f64) -> Option<u64> {
    let time = durations.quantile(share)?;
    Some(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

fn bytes(of: &MethodActivity) -> u64 {
    of.request_bytes.saturating_add(of.answer_bytes)
}

/// Calls served, of these failed, and calls made, per second.
pub(super) fn totals(activity: &Activity) -> [f64; 3] {
    let sum = |is_served, count: fn(&MethodActivity) -> u64| {
        let methods = activity.methods.iter().filter(|of| of.is_served == is_served);
        let sum = methods.fold(0, |sum: u64, of| sum.saturating_add(count(of)));
        rounded(per_second(sum, activity.within_us))
    };
    [
        sum(true, MethodActivity::calls),
        sum(true, MethodActivity::failed),
        sum(false, MethodActivity::calls),
    ]
}

/// Who calls what of this node, and what it calls.
pub(super) fn calls(node: &str, activity: &Activity) -> impl Iterator<Item = CallRow> {
    let within_us = activity.within_us;
    activity.methods.iter().map(move |of| CallRow {
        node: node.to_owned(),
        peer: of.peer.clone(),
        method: of.method.clone(),
        is_served: of.is_served,
        calls_per_s: rounded(per_second(of.calls(), within_us)),
        failed_per_s: rounded(per_second(of.failed(), within_us)),
        p50_us: quantile(&of.durations, 0.5),
        p99_us: quantile(&of.durations, 0.99),
    })
}

/// The methods that all these nodes serve, without their histories. In no order.
pub(super) fn methods<'a>(activities: impl Iterator<Item = &'a Activity>) -> Vec<MethodRow> {
    let mut methods: BTreeMap<&str, (MethodRow, Durations)> = BTreeMap::new();
    for activity in activities {
        for of in activity.methods.iter().filter(|of| of.is_served) {
            let (row, durations) = methods.entry(&of.method).or_default();
            row.calls_per_s += per_second(of.calls(), activity.within_us);
            row.failed_per_s += per_second(of.failed(), activity.within_us);
            row.bytes_per_s += per_second(bytes(of), activity.within_us);
            durations.merge(&of.durations);
        }
    }
    let rows = methods.into_iter().map(|(method, (row, durations))| MethodRow {
        method: method.to_owned(),
        calls_per_s: rounded(row.calls_per_s),
        failed_per_s: rounded(row.failed_per_s),
        bytes_per_s: rounded(row.bytes_per_s),
        p50_us: quantile(&durations, 0.5),
        p90_us: quantile(&durations, 0.9),
        p99_us: quantile(&durations, 0.99),
        ..MethodRow::default()
    });
    let mut rows: Vec<_> = rows.collect();
    if rows.len() > METHODS_MAX {
        rows.sort_by(|one, other| other.calls_per_s.total_cmp(&one.calls_per_s));
        rows.truncate(METHODS_MAX);
    }
    rows
}
