//! A set of wakers of tasks that wait for the same condition.

use std::task::Waker;

use slab::Slab;

use super::effects::Effects;

/// A set of wakers. A task remembers its place, so that it can replace or remove its waker.
#[derive(Debug, Default)]
pub(in crate::net) struct WakerSet {
    wakers: Slab<Waker>,
    /// Number of times the set was woken. Places of an earlier epoch are invalid.
    epoch: u64,
}

/// The place of one task in a [`WakerSet`].
#[derive(Debug, Clone, Copy)]
pub(in crate::net) struct Place {
    epoch: u64,
    index: usize,
}

impl WakerSet {
    /// Whether the task of `waker` is registered at this place.
    pub(super) fn has(&self, place: Option<Place>, waker: &Waker) -> bool {
        let registered = self.live(place).and_then(|index| self.wakers.get(index));
        registered.is_some_and(|registered| registered.will_wake(waker))
    }

    /// Registers a waker at `place`, or at a new place if that one is invalid.
    pub(super) fn register(
        &mut self,
        place: &mut Option<Place>,
        waker: Waker,
        effects: &mut Effects,
    ) {
        match self.live(*place).and_then(|index| self.wakers.get_mut(index)) {
            Some(registered) => effects.drop_waker(Some(std::mem::replace(registered, waker))),
            None => {
                let index = self.wakers.insert(waker);
                *place = Some(Place { epoch: self.epoch, index });
            }
        }
    }

    /// Removes the waker at this place, if the place is still valid.
    pub(super) fn remove(&mut self, place: Place, effects: &mut Effects) {
        if let Some(index) = self.live(Some(place)) {
            effects.drop_waker(self.wakers.try_remove(index));
        }
    }

    /// Wakes every task. All places become invalid.
    pub(super) fn wake_all(&mut self, effects: &mut Effects) {
        if !self.wakers.is_empty() {
            self.epoch += 1;
            effects.wake(self.wakers.drain());
        }
    }

    fn live(&self, place: Option<Place>) -> Option<usize> {
        place.filter(|place| place.epoch == self.epoch).map(|place| place.index)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    struct Nothing;

    impl Wake for Nothing {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_place_that_was_woken_is_void() {
        let (mut set, mut effects) = (WakerSet::default(), Effects::default());
        let waker = Waker::from(Arc::new(Nothing));
        let (mut first, mut second) = (None, None);
        set.register(&mut first, waker.clone(), &mut effects);
        assert!(set.has(first, &waker));
        set.wake_all(&mut effects);
        assert_eq!(effects.activations(), 1);
        set.register(&mut second, waker.clone(), &mut effects);
        assert!(!set.has(first, &waker), "the same index, but another task's");
        set.remove(first.expect("was registered"), &mut effects);
        assert!(set.has(second, &waker), "not removed through the void place");
    }
}
