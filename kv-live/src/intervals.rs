//! Ranges of keys, and which of them hold a key.
//!
//! A treap: a search tree by the starts of the ranges, which the priorities of its nodes keep balanced, where each node knows
//! the greatest end below it. So a key is looked up without looking at ranges that end before it or begin after it.

use kv_api::{Key, KeyRange};

/// Which one of those that were added.
pub(crate) type Ticket = u64;

type Link = Option<Box<Node>>;

#[derive(Debug)]
struct Node {
    range: KeyRange,
    ticket: Ticket,
    priority: u64,
    /// The greatest end of this node and those below; `None` where there is no end.
    reach: Option<Key>,
    left: Link,
    right: Link,
}

/// Ranges, each with its ticket.
#[derive(Debug, Default)]
pub(crate) struct Intervals {
    root: Link,
}

impl Intervals {
    /// Adds a range; `ticket` is that of no other.
    pub(crate) fn insert(&mut self, range: KeyRange, ticket: Ticket) {
        let (left, right) = split(self.root.take(), (&range.start, ticket));
        let reach = range.end.clone();
        let node = Node { range, ticket, priority: priority(ticket), reach, left: None, right: None };
        self.root = merge(merge(left, Some(Box::new(node))), right);
    }

    /// Takes out the range that was added with `ticket` and begins at `start`.
    pub(crate) fn remove(&mut self, start: &Key, ticket: Ticket) {
        let (left, rest) = split(self.root.take(), (start, ticket));
        let (_, right) = split(rest, (start, ticket.saturating_add(1)));
        self.root = merge(left, right);
    }

    /// Takes out all.
    pub(crate) fn clear(&mut self) {
        self.root = None;
    }

    /// Shows the tickets of the ranges that hold `key`.
    pub(crate) fn holding(&self, key: &[u8], mut seen: impl FnMut(Ticket)) {
        visit(&self.root, key, &mut seen);
    }
}

/// Spreads the tickets, which are numbers in a row: splitmix64.
fn priority(ticket: Ticket) -> u64 {
    let mut bits = ticket.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Whether an end is after a key.
fn is_after(end: &Option<Key>, key: &[u8]) -> bool {
    end.as_ref().is_none_or(|end| end.as_ref() > key)
}

fn visit(link: &Link, key: &[u8], seen: &mut dyn FnMut(Ticket)) {
    let Some(node) = link.as_ref().filter(|node| is_after(&node.reach, key)) else { return };
    visit(&node.left, key, seen);
    if node.range.start.as_ref() <= key {
        if is_after(&node.range.end, key) {
            seen(node.ticket);
        }
        visit(&node.right, key, seen);
    }
}

/// Divides a tree into what comes before a place and the rest.
fn split(link: Link, place: (&Key, Ticket)) -> (Link, Link) {
    let Some(mut node) = link else { return (None, None) };
    if (&node.range.start, node.ticket) < place {
        let (before, rest) = split(node.right.take(), place);
        node.right = before;
        node.update();
        (Some(node), rest)
    } else {
        let (before, rest) = split(node.left.take(), place);
        node.left = rest;
        node.update();
        (before, Some(node))
    }
}

/// Joins two trees, of which all of the first comes before the second.
fn merge(first: Link, second: Link) -> Link {
    match (first, second) {
        (Some(mut first), Some(second)) if first.priority >= second.priority => {
            first.right = merge(first.right.take(), Some(second));
            first.update();
            Some(first)
        }
        (Some(first), Some(mut second)) => {
            second.left = merge(Some(first), second.left.take());
            second.update();
            Some(second)
        }
        (one, None) | (None, one) => one,
    }
}

impl Node {
    /// Sees how far those below reach.
    fn update(&mut self) {
        self.reach = self.range.end.clone();
        for below in [&self.left, &self.right].into_iter().flatten() {
            self.reach = match (self.reach.take(), &below.reach) {
                (Some(own), Some(other)) => Some(own.max(other.clone())),
                _ => None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn random(state: &mut u64, below: u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % below
    }

    fn key(number: u64) -> Key {
        format!("{number:03}").into()
    }

    fn held(intervals: &Intervals, key: &[u8]) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        intervals.holding(key, |ticket| tickets.push(ticket));
        tickets.sort_unstable();
        tickets
    }

    fn depth(link: &Link) -> usize {
        link.as_ref().map_or(0, |node| 1 + depth(&node.left).max(depth(&node.right)))
    }

    #[test]
    fn a_key_is_in_the_ranges_that_a_look_at_each_finds() {
        let (mut intervals, mut model, mut state) = (Intervals::default(), BTreeMap::new(), 5);
        for ticket in 0..3000 {
            let start = random(&mut state, 200);
            // Narrow and wide ones, some without an end.
            let width = 1 << (2 * random(&mut state, 4));
            let end = (random(&mut state, 10) > 0).then(|| key(start + 1 + random(&mut state, width)));
            let range = KeyRange { start: key(start), end };
            intervals.insert(range.clone(), ticket);
            model.insert(ticket, range);
            if random(&mut state, 3) > 0 {
                let least = random(&mut state, ticket + 1);
                if let Some((&gone, range)) = model.range(least..).next() {
                    intervals.remove(&range.start, gone);
                    model.remove(&gone);
                }
            }
            let key = key(random(&mut state, 360));
            let expected: Vec<_> = model.iter().filter(|(_, range)| range.contains(&key)).map(|(t, _)| *t).collect();
            assert_eq!(held(&intervals, &key), expected, "{key:?} of {} ranges", model.len());
        }
        intervals.clear();
        assert!(held(&intervals, b"100").is_empty());
    }

    /// Subscriptions that come in the order of their keys made a list of a tree that is not balanced.
    #[test]
    fn it_stays_flat_in_whatever_order_the_ranges_come() {
        let mut intervals = Intervals::default();
        for ticket in 0..10_000 {
            intervals.insert(KeyRange::prefix(format!("{ticket:05}")), ticket);
        }
        assert!(depth(&intervals.root) < 50, "{}", depth(&intervals.root));
        assert_eq!(held(&intervals, b"07512/a"), [7512]);
        for ticket in (0..10_000).filter(|ticket| ticket % 10 > 0) {
            intervals.remove(&format!("{ticket:05}").into(), ticket);
        }
        assert!(depth(&intervals.root) < 40, "{}", depth(&intervals.root));
        assert_eq!((held(&intervals, b"07512/a"), held(&intervals, b"07510/a")), (vec![], vec![7510]));
    }
}
