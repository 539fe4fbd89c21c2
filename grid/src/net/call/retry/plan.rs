//! Calls that have a policy, until their first poll: sets it, in any order with the other options of the call.

use super::policy::{Hedge, Retry};
use crate::net::call::start::{Plan, Progress, Start, Target};

impl Start {
    /// Whether the call may be repeated, whether or not it has begun.
    #[inline]
    pub(in crate::net::call) fn is_repeated(&self) -> bool {
        matches!(self.state, Progress::Planned(_) | Progress::Repeating(_))
    }

    pub(in crate::net::call) fn set_retry(&mut self, retry: &Retry) {
        if retry.attempts_max() <= 1 {
            return self.remove_retry();
        }
        if let Some(plan) = self.plan() {
            plan.retry = Some(retry.clone());
        }
    }

    /// A policy with one attempt is none: the call is then an ordinary one, unless it is hedged.
    fn remove_retry(&mut self) {
        let Progress::Planned(plan) = &mut self.state else { return };
        plan.retry = None;
        if plan.hedge.is_none() {
            let payload = std::mem::replace(&mut plan.payload, Ok(None));
            self.state = Progress::New { payload, stream: None };
        }
    }

    pub(in crate::net::call) fn set_hedge(&mut self, hedge: &Hedge, other: Target) {
        if let Some(plan) = self.plan() {
            plan.hedge = Some((hedge.clone(), other));
        }
    }

    /// The plan of a call that has not begun. Options have no effect after that.
    fn plan(&mut self) -> Option<&mut Plan> {
        if let Progress::New { payload, .. } = &mut self.state {
            let payload = std::mem::replace(payload, Ok(None));
            self.state = Progress::Planned(Box::new(Plan { payload, retry: None, hedge: None }));
        }
        match &mut self.state {
            Progress::Planned(plan) => Some(plan),
            _ => None,
        }
    }
}
