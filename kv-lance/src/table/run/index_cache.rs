//! The parts of indexes that are in memory: up to a budget of bytes, for all runs of a store.
//!
//! A run reaches what it has loaded through a pointer of its own, not through a table that all
//! share: that is what each point read does for each run. The budget is kept by a hand that goes
//! round all that is loaded, and takes what has not been used since it came by before (CLOCK;
//! Corbató: "A paging experiment with the Multics system", 1968).

use crate::tally::Tally;
use arc_swap::{ArcSwapOption, Guard};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// Keeps the budget.
#[derive(Default)]
pub(super) struct IndexCache {
    budget: u64,
    bytes: AtomicU64,
    hits: Tally,
    loads: AtomicU64,
    /// All that is loaded; the hand is at the front.
    loaded: Mutex<VecDeque<Entry>>,
}

struct Entry {
    slots: Weak<dyn Evict>,
    slot: usize,
    bytes: u64,
}

/// What the hand does to a slot.
trait Evict: Send + Sync {
    /// Whether it has been used since this was asked last.
    fn take_used(&self, slot: usize) -> bool;

    fn empty(&self, slot: usize);
}

/// Places for what a run has, or has not, in memory.
pub(super) struct Slots<T: Send + Sync + 'static> {
    slots: Box<[ArcSwapOption<Loaded<T>>]>,
    cache: Arc<IndexCache>,
}

/// What is in memory.
pub(super) struct Loaded<T> {
    pub(super) value: T,
    used: AtomicBool,
}

impl IndexCache {
    pub(super) fn new(budget: u64) -> Self {
        Self { budget, ..Self::default() }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How often something was there when it was asked for.
    pub(super) fn hits(&self) -> u64 {
        self.hits.count()
    }

    /// How often something was read that was not.
    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// Takes in what is put into a slot by `fill`, unless that says that there is something
    /// already; then keeps the budget.
    fn admit(&self, entry: Entry, fill: impl FnOnce() -> bool) {
        // Dropped when the lock is free: the last reference to some slots takes it.
        let mut upgraded = Vec::new();
        let mut loaded = self.loaded.lock();
        if !fill() {
            return;
        }
        let mut bytes = self.bytes.load(Ordering::Relaxed) + entry.bytes;
        loaded.push_back(entry);
        // Those who read meanwhile could lead the hand round without end.
        let mut spared = loaded.len();
        while bytes > self.budget
            && let Some(entry) = loaded.pop_front()
        {
            let slots = entry.slots.upgrade();
            match &slots {
                Some(slots) if spared > 0 && slots.take_used(entry.slot) => {
                    spared -= 1;
                    loaded.push_back(entry);
                }
                Some(slots) => {
                    slots.empty(entry.slot);
                    bytes -= entry.bytes;
                }
                None => bytes -= entry.bytes,
            }
            upgraded.extend(slots);
        }
        self.bytes.store(bytes, Ordering::Relaxed);
        drop(loaded);
        drop(upgraded);
    }

    /// Lets go of what belonged to a run that is no more.
    fn forget_dropped(&self) {
        let mut loaded = self.loaded.lock();
        loaded.retain(|entry| entry.slots.strong_count() > 0);
        self.bytes.store(loaded.iter().map(|entry| entry.bytes).sum(), Ordering::Relaxed);
    }
}

impl<T: Send + Sync + 'static> Slots<T> {
    /// Empty slots.
    pub(super) fn new(count: usize, cache: Arc<IndexCache>) -> Arc<Self> {
        Arc::new(Self { slots: (0..count).map(|_| ArcSwapOption::empty()).collect(), cache })
    }

    /// What is in a slot, which has been used now. Not to be held for long: it is cheap for a few
    /// at a time.
    pub(super) fn get(&self, slot: usize) -> Guard<Option<Arc<Loaded<T>>>> {
        let Some(slot) = self.slots.get(slot) else { return Guard::from_inner(None) };
        let guard = slot.load();
        if let Some(loaded) = &*guard {
            self.cache.hits.add();
            if !loaded.used.load(Ordering::Relaxed) {
                loaded.used.store(true, Ordering::Relaxed);
            }
        }
        guard
    }

    /// Puts into a slot what takes `bytes` of memory. Where somebody else has put the same there
    /// meanwhile, that stays.
    pub(super) fn put(self: &Arc<Self>, slot: usize, value: T, bytes: u64) -> Arc<Loaded<T>> {
        self.cache.loads.fetch_add(1, Ordering::Relaxed);
        let mut new = Arc::new(Loaded { value, used: AtomicBool::new(false) });
        if bytes > self.cache.budget {
            // It would drive out all others and then itself.
            return new;
        }
        let entry = Entry { slots: Arc::downgrade(self) as Weak<dyn Evict>, slot, bytes };
        self.cache.admit(entry, || {
            let Some(place) = self.slots.get(slot) else { return false };
            if let Some(there) = place.load_full() {
                new = there;
                return false;
            }
            place.store(Some(new.clone()));
            true
        });
        new
    }

    /// Bytes that the slots themselves take.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }
}

impl<T: Send + Sync> Evict for Slots<T> {
    fn take_used(&self, slot: usize) -> bool {
        let loaded = self.slots.get(slot).map(|slot| slot.load());
        loaded.is_some_and(|loaded| loaded.as_ref().is_some_and(|l| l.used.swap(false, Ordering::Relaxed)))
    }

    fn empty(&self, slot: usize) {
        if let Some(slot) = self.slots.get(slot) {
            slot.store(None);
        }
    }
}

impl<T: Send + Sync> Drop for Slots<T> {
    fn drop(&mut self) {
        if self.slots.iter().any(|slot| slot.load().is_some()) {
            self.cache.forget_dropped();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slots that hold something, and what they say of the bytes.
    fn state(slots: &Slots<usize>) -> (Vec<usize>, u64) {
        let there = slots.slots.iter().filter_map(|slot| slot.load().as_ref().map(|loaded| loaded.value));
        (there.collect(), slots.cache.bytes())
    }

    #[test]
    fn what_is_used_stays_and_the_budget_is_kept() {
        let slots = Slots::new(100, Arc::new(IndexCache::new(50)));
        for slot in 0..100 {
            slots.put(slot, slot, 10);
            let (there, bytes) = state(&slots);
            assert_eq!(bytes, there.len() as u64 * 10);
            assert!(bytes <= 50 && there.contains(&slot), "{there:?}");
            // Slot 3 is used all the time.
            assert_eq!(slots.get(3).is_some(), slot >= 3);
        }
        assert!(slots.get(100).is_none());
    }

    #[test]
    fn what_is_larger_than_the_budget_can_be_used_and_is_not_kept() {
        let slots = Slots::new(2, Arc::new(IndexCache::new(5)));
        slots.put(0, 3, 4);
        let loaded = slots.put(1, 7, 10);
        assert_eq!((loaded.value, state(&slots)), (7, (vec![3], 4)));
    }

    #[test]
    fn the_second_to_put_something_gets_the_first_one_s() {
        let slots = Slots::new(1, Arc::new(IndexCache::new(50)));
        assert_eq!(slots.put(0, 1, 10).value, 1);
        assert_eq!((slots.put(0, 2, 10).value, state(&slots)), (1, (vec![1], 10)));
    }

    #[test]
    fn a_run_that_is_no_more_takes_no_memory() {
        let cache = Arc::new(IndexCache::new(1000));
        let (kept, dropped) = (Slots::new(2, cache.clone()), Slots::new(2, cache.clone()));
        for slots in [&kept, &dropped] {
            slots.put(0, 0, 10);
            slots.put(1, 1, 10);
        }
        drop(dropped);
        assert_eq!(state(&kept), (vec![0, 1], 20));
    }
}
