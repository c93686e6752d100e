//! What the store must hold once each client has come so far.

use super::plan::{CLIENTS, ERASED, Plan, SHARED, SLOTS, Step, counter_key, own_key, parse_shared, shared_key, value};
use kv_api::{Key, Val};
use std::collections::BTreeMap;

/// What a step is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    KeyExists,
    ConditionNotMet,
}

/// A client's own keys.
#[derive(Debug, Clone)]
pub(super) struct Own {
    client: usize,
    pub(super) rows: BTreeMap<usize, Val>,
    save_points: Vec<BTreeMap<usize, Val>>,
}

impl Own {
    pub(super) fn new(client: usize) -> Self {
        Self { client, rows: BTreeMap::new(), save_points: Vec::new() }
    }

    /// What is there after the first `n` transactions.
    pub(super) fn after(seed: u64, client: usize, n: u64) -> Self {
        let mut own = Self::new(client);
        (1..=n).for_each(|n| own.apply(&Plan::of(seed, client, n), n));
        own
    }

    /// Takes a whole transaction.
    pub(super) fn apply(&mut self, plan: &Plan, n: u64) {
        for (number, step) in plan.steps.iter().enumerate() {
            self.step(*step, n, number);
        }
    }

    /// Takes step `number` of transaction `n`.
    pub(super) fn step(&mut self, step: Step, n: u64, number: usize) -> Answer {
        let val = |size| value(self.client, n, number, size);
        match step {
            Step::Set { slot, size } => drop(self.rows.insert(slot, val(size))),
            Step::Put { slot, .. } if self.rows.contains_key(&slot) => return Answer::KeyExists,
            Step::Put { slot, size } => drop(self.rows.insert(slot, val(size))),
            Step::Putc { right: false, .. } | Step::Delc { right: false, .. } => return Answer::ConditionNotMet,
            Step::Putc { slot, size, .. } => drop(self.rows.insert(slot, val(size))),
            Step::Del { slot } | Step::Delc { slot, .. } | Step::Clr { slot } => drop(self.rows.remove(&slot)),
            Step::Delr { from, to } => self.rows.retain(|slot, _| slot % 2 != from % 2 || !(from..to).contains(slot)),
            Step::SavePoint => self.save_points.push(self.rows.clone()),
            Step::Release => drop(self.save_points.pop()),
            Step::Rollback => {
                if let Some(rows) = self.save_points.pop() {
                    self.rows = rows;
                }
            }
        }
        Answer::Done
    }
}

/// The whole store.
#[derive(Debug)]
pub(super) struct Expected {
    counters: [u64; CLIENTS],
    rows: BTreeMap<Key, Val>,
    shared: [u64; SHARED],
}

/// Follows the clients from their first transaction on, so that the past is worked out once.
#[derive(Debug)]
pub(super) struct Follower {
    seed: u64,
    counters: [u64; CLIENTS],
    own: Vec<Own>,
    shared: [u64; SHARED],
}

impl Follower {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, counters: [0; CLIENTS], own: (0..CLIENTS).map(Own::new).collect(), shared: [0; SHARED] }
    }

    /// What the store holds once the clients have come so far, which is not less than before.
    pub(super) fn expect(&mut self, counters: [u64; CLIENTS]) -> Expected {
        for (client, (own, to)) in self.own.iter_mut().zip(counters).enumerate() {
            for n in self.counters[client] + 1..=to {
                let plan = Plan::of(self.seed, client, n);
                own.apply(&plan, n);
                plan.shared.into_iter().for_each(|shared| self.shared[shared] += 1);
            }
        }
        self.counters = counters;
        let mut rows = BTreeMap::new();
        for (client, own) in self.own.iter().enumerate() {
            rows.extend(own.rows.iter().map(|(slot, val)| (own_key(client, *slot), val.clone())));
            if counters[client] > 0 {
                rows.insert(counter_key(client), counters[client].to_string().into());
            }
        }
        Expected { counters, rows, shared: self.shared }
    }
}

impl Expected {
    /// What is wrong with these rows of the whole store, if anything is. `erased` says whether keys
    /// count that are erased with their history.
    pub(super) fn compare(&self, seed: u64, found: &[(Key, Val)], erased: bool) -> Result<(), String> {
        let mut shared = [0; SHARED];
        let mut rows = BTreeMap::new();
        for (key, val) in found.iter().filter(|(key, _)| erased || !is_erased(key)) {
            match (0..SHARED).find(|shared| shared_key(*shared) == *key) {
                Some(number) => shared[number] = self.count(seed, number, val)?,
                None => drop(rows.insert(key, val)),
            }
        }
        if shared != self.shared {
            return Err(format!("the shared keys were incremented {:?} times and hold {shared:?}", self.shared));
        }
        let expected: BTreeMap<&Key, &Val> = self.rows.iter().filter(|(key, _)| erased || !is_erased(key)).collect();
        let keys: std::collections::BTreeSet<&Key> = expected.keys().chain(rows.keys()).copied().collect();
        match keys.into_iter().find(|key| expected.get(key) != rows.get(key)) {
            None => Ok(()),
            Some(key) => Err(format!(
                "{key:?} is {} instead of {}",
                shown(rows.get(key).copied()),
                shown(expected.get(key).copied())
            )),
        }
    }

    /// How often a shared key was incremented, as its value says, which one of the clients wrote.
    fn count(&self, seed: u64, number: usize, val: &Val) -> Result<u64, String> {
        let (count, client, n) = parse_shared(val).ok_or_else(|| format!("m{number} holds {val:?}"))?;
        let come = self.counters.get(client).copied().unwrap_or(0);
        if n > come || Plan::of(seed, client, n).shared != Some(number) {
            return Err(format!(
                "m{number} was last incremented by transaction {n} of client {client}, which has come to {come}"
            ));
        }
        Ok(count)
    }

    /// Every key that there is.
    pub(super) fn keys(&self) -> Vec<Key> {
        let shared = (0..SHARED).filter(|number| self.shared[*number] > 0).map(shared_key);
        self.rows.keys().cloned().chain(shared).collect()
    }
}

/// Whether it belongs to those whose history is erased.
fn is_erased(key: &Key) -> bool {
    (0..CLIENTS).any(|client| (ERASED..SLOTS).any(|slot| own_key(client, slot) == *key))
}

/// Who wrote a value, and how long it is.
pub(super) fn shown(val: Option<&Val>) -> String {
    match val {
        None => "not there".into(),
        Some(val) => format!(
            "{:?}… ({} bytes)",
            String::from_utf8_lossy(val.get(..val.len().min(12)).unwrap_or_default()),
            val.len()
        ),
    }
}
