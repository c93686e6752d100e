//! What a client does in its nth transaction. A seed decides it, so that whoever knows how far each
//! client has come knows what the store holds.

use crate::case::Random;
use kv_api::{Key, Val};

/// Clients that write at once.
pub(super) const CLIENTS: usize = 4;
/// Keys that belong to one client, half of them at the front of the store and half at its end.
pub(super) const SLOTS: usize = 48;
/// From here on a client's keys are also erased, history and all.
pub(super) const ERASED: usize = 40;
/// Keys that all clients increment.
pub(super) const SHARED: usize = 3;

/// A step of a transaction, on the client's own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Set {
        slot: usize,
        size: usize,
    },
    /// Refused where the key is there.
    Put {
        slot: usize,
        size: usize,
    },
    /// Asks for the value that is there, or for another.
    Putc {
        slot: usize,
        size: usize,
        right: bool,
    },
    Del {
        slot: usize,
    },
    Delc {
        slot: usize,
        right: bool,
    },
    /// Of every other slot, as they lie beside each other in the store.
    Delr {
        from: usize,
        to: usize,
    },
    Clr {
        slot: usize,
    },
    SavePoint,
    Release,
    Rollback,
}

/// A transaction. It also counts itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The shared key that it increments.
    pub(super) shared: Option<usize>,
    /// Whether the same is written once before and given up.
    pub(super) given_up_before: bool,
}

impl Plan {
    /// The transaction `n`, from 1, of a client.
    pub(super) fn of(seed: u64, client: usize, n: u64) -> Self {
        let mut random = Random::of(&[seed, client as u64, n]);
        let mut steps = Vec::new();
        let mut open = 0_usize;
        for _ in 0..2 + random.below(8) {
            steps.push(draw(&mut random, &mut open));
        }
        steps.extend((0..open).map(|_| if random.chance(50) { Step::Release } else { Step::Rollback }));
        // So that every transaction leaves something of its own at both ends of the store.
        for parity in 0..2 {
            steps.push(Step::Set { slot: 2 * random.below(4) + parity, size: size(&mut random) });
        }
        let shared = random.chance(40).then(|| random.below(SHARED));
        Self { steps, shared, given_up_before: random.chance(5) }
    }
}

fn draw(random: &mut Random, open: &mut usize) -> Step {
    let (slot, right) = (random.below(SLOTS), random.chance(70));
    let size = size(random);
    match random.below(20) {
        0..=6 => Step::Set { slot, size },
        7..=8 => Step::Put { slot, size },
        9..=11 => Step::Putc { slot, size, right },
        12..=13 => Step::Del { slot },
        14 => Step::Delc { slot, right },
        15 => Step::Delr { from: slot, to: (slot + 2 * (1 + random.below(6))).min(SLOTS + slot % 2) },
        16 => Step::Clr { slot: ERASED + slot % (SLOTS - ERASED) },
        17..=18 if *open > 0 => {
            *open -= 1;
            if right { Step::Release } else { Step::Rollback }
        }
        _ => {
            *open += 1;
            Step::SavePoint
        }
    }
}

fn size(random: &mut Random) -> usize {
    match random.below(40) {
        0 => 2000 + random.below(20_000),
        1..=4 => random.below(2000),
        _ => random.below(100),
    }
}

/// The key of a slot. Even ones lie at the front of the store, odd ones at its end.
pub(super) fn own_key(client: usize, slot: usize) -> Key {
    let region = if slot.is_multiple_of(2) { 'a' } else { 'z' };
    format!("{region}{client}/{slot:02}").into()
}

/// Where a client counts its transactions.
pub(super) fn counter_key(client: usize) -> Key {
    format!("n{client}").into()
}

/// A key that all clients increment.
pub(super) fn shared_key(shared: usize) -> Key {
    format!("m{shared}").into()
}

/// What a step writes: who, in which transaction, in which step, and bytes that follow from that.
pub(super) fn value(client: usize, n: u64, step: usize, size: usize) -> Val {
    let mut val = format!("{client} {n} {step} ").into_bytes();
    let mut random = Random::of(&[client as u64, n, step as u64]);
    let end = val.len() + size;
    while val.len() < end {
        val.extend(random.next().to_le_bytes());
    }
    val.truncate(end);
    val.into()
}

/// What a shared key holds: how often it was incremented, and by whom at last.
pub(super) fn shared_value(count: u64, client: usize, n: u64) -> Val {
    format!("{count} {client} {n}").into()
}

/// Reads what [`shared_value`] wrote.
pub(super) fn parse_shared(val: &[u8]) -> Option<(u64, usize, u64)> {
    let mut words = std::str::from_utf8(val).ok()?.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}
