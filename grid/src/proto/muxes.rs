//! The table of calls of one direction. Messages find a call by its mux id, handles of this node by its [`Key`].
//!
//! A peer uses the same mux ids again after a restart, so handles hold a key with a serial number that is never used
//! again: a stale key finds nothing, and never another call.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use slab::Slab;

use super::hash::Fold;
use super::wire::MuxId;

/// Names one call in the tables of one link, for as long as the link lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    serial: u64,
    slot: usize,
}

impl Key {
    /// A small number that is used again when the call is over: an index into tables beside this one.
    pub(crate) fn slot(self) -> usize {
        self.slot
    }

    /// A number below `range` that differs between calls that start one after another.
    pub(super) fn spread(self, range: u32) -> u32 {
        u32::try_from(self.serial % u64::from(range)).unwrap_or(0)
    }
}

#[derive(Debug)]
struct Slot<T> {
    serial: u64,
    /// The id by which the peer addresses it. `None` before it is sent and after it ended.
    id: Option<MuxId>,
    value: T,
}

/// Calls of one direction.
#[derive(Debug)]
pub(super) struct Muxes<T> {
    slots: Slab<Slot<T>>,
    by_id: HashMap<MuxId, Key, Fold>,
    next_serial: u64,
}

impl<T> Default for Muxes<T> {
    fn default() -> Self {
        Self { slots: Slab::new(), by_id: HashMap::default(), next_serial: 0 }
    }
}

impl<T> Muxes<T> {
    /// Adds a call without an id.
    pub(super) fn insert(&mut self, value: T) -> Key {
        let serial = self.next_serial;
        self.next_serial += 1;
        let slot = self.slots.insert(Slot { serial, id: None, value });
        Key { serial, slot }
    }

    /// Makes `id` the call's id. Returns `false` if the id is in use.
    #[must_use]
    pub(super) fn bind(&mut self, key: Key, id: MuxId) -> bool {
        let Some(slot) = self.slots.get_mut(key.slot).filter(|slot| slot.serial == key.serial)
        else {
            return false;
        };
        match self.by_id.entry(id) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(key);
                slot.id = Some(id);
                true
            }
        }
    }

    /// Removes the call's id, so that messages of the peer do not find it any more. Its key stays valid.
    pub(super) fn unbind(&mut self, key: Key) {
        if let Some(slot) = self.slots.get_mut(key.slot).filter(|slot| slot.serial == key.serial)
            && let Some(id) = slot.id.take()
        {
            self.by_id.remove(&id);
        }
    }

    pub(super) fn key_of(&self, id: MuxId) -> Option<Key> {
        self.by_id.get(&id).copied()
    }

    /// The call's id.
    pub(super) fn id_of(&self, key: Key) -> Option<MuxId> {
        self.slots.get(key.slot).filter(|slot| slot.serial == key.serial)?.id
    }

    pub(super) fn get(&self, key: Key) -> Option<&T> {
        self.slots.get(key.slot).filter(|slot| slot.serial == key.serial).map(|slot| &slot.value)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slots
            .get_mut(key.slot)
            .filter(|slot| slot.serial == key.serial)
            .map(|slot| &mut slot.value)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        self.unbind(key);
        self.get(key)?;
        Some(self.slots.remove(key.slot).value)
    }

    pub(super) fn contains(&self, key: Key) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Number of calls that have an id.
    pub(super) fn bound(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().map(|(_, slot)| &slot.value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().map(|(_, slot)| &mut slot.value)
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.slots.iter().map(|(slot, entry)| Key { serial: entry.serial, slot }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut muxes = Muxes::default();
        let first = muxes.insert("first");
        assert!(muxes.bind(first, MuxId(7)));
        assert_eq!(muxes.remove(first), Some("first"));
        let second = muxes.insert("second");
        assert_eq!(second.slot(), first.slot(), "the slot is used again");
        assert!(muxes.bind(second, MuxId(7)), "the id is used again");
        assert_eq!(muxes.get(first), None);
        assert_eq!(muxes.remove(first), None);
        assert_eq!(muxes.key_of(MuxId(7)), Some(second));
    }

    #[test]
    fn an_id_belongs_to_one_call() {
        let mut muxes = Muxes::default();
        let (a, b) = (muxes.insert('a'), muxes.insert('b'));
        assert!(muxes.bind(a, MuxId(1)));
        assert!(!muxes.bind(b, MuxId(1)));
        muxes.unbind(a);
        assert!(muxes.bind(b, MuxId(1)));
        assert_eq!((muxes.get(a), muxes.len()), (Some(&'a'), 2));
    }
}
