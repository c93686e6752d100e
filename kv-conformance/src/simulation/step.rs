//! The steps of a simulation, drawn from its seed.

use super::world::{Chore, Fault};
use crate::case::Random;
use kv_api::{Key, KeyRange, Val};

/// Transactions that may be open at once.
pub(super) const SLOTS: usize = 5;

/// What all keys of data begin with.
const DATA: &str = "k";

/// Values that fill a memtable sooner.
const LONG_VALUE: usize = 400;

/// One step.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Writes in the transaction of a slot, which begins where there is none.
    Write(usize, Write),
    Commit(usize),
    /// Ends the transaction of a slot without a commit.
    Drop(usize),
    /// Begins a transaction that only reads, and stays for long.
    Look(usize),
    /// Reads in the transaction of a slot, or in one that begins.
    Read(usize, Read),
    /// Compares all that the transaction of a slot sees.
    Compare(usize),
    /// Compares all at one of the versions that there were.
    Past(usize),
    Tag(usize),
    /// Of one of the older versions.
    TagPast(usize, usize),
    Untag(usize),
    /// Asks for something and does not wait for it.
    Ask(Chore),
    /// Waits for all that was asked for.
    Await,
    /// Lets background work go on by so many operations.
    GoOn(usize),
    /// Has something go wrong after so many operations.
    Arm(Fault, u64, u64),
    /// Ends the store in some way and opens it again.
    Reopen(End),
}

/// A write.
#[derive(Debug, Clone)]
pub(super) enum Write {
    Set(Key, Val),
    Del(Key),
    Clr(Key),
    Delr(KeyRange),
    Clrr(KeyRange),
}

/// A read: when is a number of a commit, counted modulo those that there are.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) range: KeyRange,
    pub(super) at: Option<usize>,
    pub(super) backward: bool,
}

/// How a store ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Shutdown,
    /// It is dropped.
    Kill,
    /// It is dropped, and what was not synced goes as the seed says.
    PowerLoss(u64),
}

/// Draws steps.
pub(super) struct Steps {
    random: Random,
    keys: usize,
}

impl Steps {
    /// Those of a seed; some have few keys, so that history is deep, and some have many, so that levels are.
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::of(&[seed, 1]);
        let keys = [6, 40, 150][random.below(3)];
        Self { random, keys }
    }

    /// The step after `number` others.
    pub(super) fn next(&mut self, number: usize) -> Step {
        let random = &mut self.random;
        let slot = random.below(SLOTS);
        match random.below(100) {
            0..34 => Step::Write(slot, self.write(number)),
            34..48 => Step::Commit(slot),
            48..50 => Step::Drop(slot),
            50..53 => Step::Look(slot),
            53..58 => Step::Read(slot, self.read()),
            58..60 => Step::Compare(slot),
            60..62 => Step::Past(random.below(1 << 16)),
            62..64 => Step::Tag(random.below(4)),
            64 => Step::TagPast(random.below(4), random.below(1 << 16)),
            65 => Step::Untag(random.below(4)),
            66..70 => Step::Ask(Chore::Flush),
            70..73 => Step::Ask(Chore::Compact),
            73 => Step::Ask(if random.chance(40) { Chore::Forget } else { Chore::Compact }),
            74 => Step::Ask(Chore::Pause),
            75..77 => Step::Ask(Chore::Resume),
            77 => Step::Await,
            78..92 => Step::GoOn(1 + random.below(24)),
            92..95 => Step::Arm(Fault::PowerLoss, random.below(80) as u64, random.next()),
            95..97 => Step::Arm(Fault::Failure, random.below(80) as u64, random.next()),
            97 => Step::Reopen(End::Shutdown),
            98 => Step::Reopen(End::Kill),
            _ => Step::Reopen(End::PowerLoss(random.next())),
        }
    }

    fn key(&mut self) -> Key {
        format!("{DATA}{:03}", self.random.below(self.keys)).into()
    }

    fn range(&mut self) -> KeyRange {
        match self.random.below(3) {
            0 => KeyRange::prefix(DATA),
            _ => KeyRange::from(self.key()..self.key()),
        }
    }

    fn write(&mut self, number: usize) -> Write {
        match self.random.below(24) {
            0..15 => {
                let len = if self.random.chance(30) { LONG_VALUE } else { 30 };
                let mut val = number.to_string().into_bytes();
                val.resize(val.len() + self.random.below(len), b'.');
                Write::Set(self.key(), val.into())
            }
            15..20 => Write::Del(self.key()),
            20..22 => Write::Clr(self.key()),
            22 => Write::Delr(KeyRange::from(self.key()..self.key())),
            _ => Write::Clrr(KeyRange::from(self.key()..self.key())),
        }
    }

    fn read(&mut self) -> Read {
        let at = self.random.chance(40).then(|| self.random.below(1 << 16));
        Read { range: self.range(), at, backward: self.random.chance(50) }
    }
}
