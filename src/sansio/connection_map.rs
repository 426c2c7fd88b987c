//! A slab that refuses stale ids.
//!
//! It never hands a freed slot out again under the same id: every insertion gets a generation
//! of its own, and a lookup wants slot and generation to agree.

use slab::Slab;

use super::connection_id::ConnectionId;

/// Values by [`ConnectionId`].
#[derive(Debug)]
pub(crate) struct ConnectionMap<T> {
    slots: Slab<Slot<T>>,
    /// The generation of the next insertion. It counts insertions in the whole map, which costs
    /// four bytes in all instead of four for every free slot, and wraps after 2^31 connections:
    /// only an id kept through exactly so many could meet its namesake.
    generation: u32,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: T,
}

impl<T> ConnectionMap<T> {
    pub(crate) fn new() -> Self {
        Self { slots: Slab::new(), generation: 0 }
    }

    /// Inserts what `make` makes of the id it will have.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(ConnectionId) -> T) -> ConnectionId {
        let entry = self.slots.vacant_entry();
        let generation = self.generation;
        self.generation = (generation + 1) & ConnectionId::MAX_GENERATION;
        let slot = u32::try_from(entry.key()).expect("a table of 2^32 entries does not fit memory");
        let id = ConnectionId::new(slot, generation);
        entry.insert(Slot { generation, value: make(id) });
        id
    }

    pub(crate) fn get(&self, id: ConnectionId) -> Option<&T> {
        let slot = self.slots.get(id.slot() as usize)?;
        (slot.generation == id.generation()).then_some(&slot.value)
    }

    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.slot() as usize)?;
        (slot.generation == id.generation()).then_some(&mut slot.value)
    }

    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<T> {
        self.get(id)?;
        Some(self.slots.remove(id.slot() as usize).value)
    }

    /// The id that a slot has now, if it is in use.
    pub(crate) fn id_at(&self, slot: usize) -> Option<ConnectionId> {
        let generation = self.slots.get(slot)?.generation;
        Some(ConnectionId::new(u32::try_from(slot).ok()?, generation))
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// One past the highest slot that was ever in use: where a walk over slots ends.
    pub(crate) fn slot_count(&self) -> usize {
        self.slots.capacity()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &T)> {
        self.slots.iter().map(|(slot, entry)| {
            let slot = u32::try_from(slot).expect("insert_with admits only slots below 2^32");
            (ConnectionId::new(slot, entry.generation), &entry.value)
        })
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().map(|(_, entry)| &mut entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_id_finds_nobody_although_its_slot_is_in_use() {
        let mut map = ConnectionMap::new();
        let first = map.insert_with(|_| "first");
        assert_eq!(map.remove(first), Some("first"));
        let second = map.insert_with(|_| "second");
        assert_eq!(second.slot(), first.slot(), "the slot is used again");
        assert_eq!(map.get(first), None);
        assert_eq!(map.get_mut(first), None);
        assert_eq!(map.remove(first), None);
        assert_eq!(map.get(second), Some(&"second"));
        assert_eq!(map.id_at(0), Some(second));
    }

    #[test]
    fn every_id_is_found_by_walking_the_slots() {
        let mut map = ConnectionMap::new();
        let ids: Vec<_> = (0..10).map(|n| map.insert_with(|_| n)).collect();
        map.remove(ids[3]);
        let walked: Vec<_> = (0..map.slot_count()).filter_map(|slot| map.id_at(slot)).collect();
        assert_eq!(walked.len(), map.len());
        assert!(walked.iter().all(|id| map.get(*id).is_some()));
        assert_eq!(map.iter().count(), 9);
    }
}
