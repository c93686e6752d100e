//! The order of cursors: a binary heap of their numbers.

/// A cursor in the heap.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Orders as the cursor's key does, as far as it tells two apart: most keys are compared by it alone.
    pub(super) head: u64,
    pub(super) cursor: usize,
}

/// The cursors that have a row, the first of them on top.
#[derive(Default)]
pub(super) struct Heap(Vec<Entry>);

impl Heap {
    pub(super) fn first(&self) -> Option<Entry> {
        self.0.first().copied()
    }

    /// Where in the heap the second is.
    pub(super) fn second(&self, before: impl Fn(Entry, Entry) -> bool) -> Option<usize> {
        match (self.0.get(1), self.0.get(2)) {
            (Some(left), Some(right)) if before(*right, *left) => Some(2),
            (left, _) => left.map(|_| 1),
        }
    }

    /// The cursor at a place of the heap.
    pub(super) fn at(&self, place: usize) -> Option<Entry> {
        self.0.get(place).copied()
    }

    pub(super) fn push(&mut self, entry: Entry, before: impl Fn(Entry, Entry) -> bool) {
        self.0.push(entry);
        let mut place = self.0.len() - 1;
        while place > 0 {
            let parent = (place - 1) / 2;
            match (self.at(place), self.at(parent)) {
                (Some(here), Some(above)) if before(here, above) => self.0.swap(place, parent),
                _ => return,
            }
            place = parent;
        }
    }

    /// Takes out the cursor at a place.
    pub(super) fn remove(&mut self, place: usize, before: impl Fn(Entry, Entry) -> bool) {
        if place < self.0.len() {
            self.0.swap_remove(place);
            if let Some(moved) = self.at(place) {
                self.sink(place, moved.head, before);
            }
        }
    }

    /// Restores the order where the cursor at a place has moved on, and has this head now. What is taken out of the second
    /// place or put there comes from below, so that nothing has to rise.
    pub(super) fn sink(&mut self, mut place: usize, head: u64, before: impl Fn(Entry, Entry) -> bool) {
        let Some(here) = self.at(place).map(|entry| Entry { head, ..entry }) else { return };
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let Some(mut least) = self.at(left) else { break };
            let mut to = left;
            if let Some(right_one) = self.at(right)
                && before(right_one, least)
            {
                (least, to) = (right_one, right);
            }
            if !before(least, here) {
                break;
            }
            self.put(place, least);
            place = to;
        }
        self.put(place, here);
    }

    fn put(&mut self, place: usize, entry: Entry) {
        if let Some(slot) = self.0.get_mut(place) {
            *slot = entry;
        }
    }
}
