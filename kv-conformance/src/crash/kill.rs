//! When a child is killed.

use super::ledger::Ledger;
use super::report::Report;
use super::victim::{Heard, Victim};
use crate::case::Random;
use crate::fixture::Failure;
use std::fmt;
use std::time::{Duration, Instant};

/// A fast store would else write more than a verification can look at.
const MOST: u64 = 80;

/// What the child is doing when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// It opens the store, and replays what the kill before has left.
    Opening,
    /// It has written for a while.
    Writing,
    /// It has just acknowledged a commit.
    Acknowledging,
    /// It has just begun a flush or a compaction.
    Maintaining,
    /// It has begun to shut the store down.
    Closing,
    /// None: it has shut the store down.
    Closed,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "while it opened",
            Self::Writing => "while it wrote",
            Self::Acknowledging => "after an acknowledgement",
            Self::Maintaining => "during a flush or a compaction",
            Self::Closing => "while it closed",
            Self::Closed => "not at all",
        })
    }
}

impl Moment {
    pub(super) fn draw(random: &mut Random) -> Self {
        match random.below(20) {
            0..=3 => Self::Opening,
            4..=8 => Self::Writing,
            9..=12 => Self::Acknowledging,
            13..=17 => Self::Maintaining,
            18 => Self::Closing,
            _ => Self::Closed,
        }
    }

    /// How many transactions each client commits at most.
    pub(super) fn transactions(self, random: &mut Random) -> u64 {
        if self.closes() { 1 + random.below(30) as u64 } else { MOST }
    }

    /// Whether the store is shut down after them.
    pub(super) fn closes(self) -> bool {
        matches!(self, Self::Closing | Self::Closed)
    }
}

/// A child and when it was started.
pub(super) struct Hunt<'l> {
    pub(super) victim: Victim,
    pub(super) started: Instant,
    pub(super) ledger: &'l mut Ledger,
    /// How long it may say nothing.
    pub(super) patience: Duration,
    /// How long the last one took to open the store.
    pub(super) opening: &'l mut Duration,
}

impl Hunt<'_> {
    /// Waits for the moment and kills the child.
    pub(super) fn kill_at(mut self, moment: Moment, random: &mut Random) -> Result<(), Failure> {
        match moment {
            Moment::Opening => {
                let span = (*self.opening * 5 / 4).as_micros() as usize;
                self.listen(self.started + Duration::from_micros(random.below(span) as u64))?;
            }
            Moment::Writing => {
                self.wait_for(|report| *report == Report::Opened)?;
                self.linger(1 << random.below(9), random)?;
            }
            Moment::Acknowledging => {
                for _ in 0..1 + random.below(MOST as usize) {
                    self.wait_for(|report| matches!(report, Report::Acked { .. }))?;
                }
            }
            Moment::Maintaining => {
                for _ in 0..1 + random.below(4) {
                    self.wait_for(|report| *report == Report::Maintaining)?;
                }
                self.linger(1 << random.below(6), random)?;
            }
            Moment::Closing => {
                self.wait_for(|report| *report == Report::Closing)?;
                self.linger(20, random)?;
            }
            Moment::Closed => self.wait_for(|report| *report == Report::Closed)?,
        }
        self.victim.kill()?.iter().try_for_each(|report| self.ledger.note(report)).map_err(Failure::new)
    }

    /// Lets it go on for up to `most` milliseconds.
    fn linger(&mut self, most: usize, random: &mut Random) -> Result<(), Failure> {
        self.listen(Instant::now() + Duration::from_micros(random.below(most * 1000) as u64))
    }

    /// Takes what the child says until then.
    fn listen(&mut self, until: Instant) -> Result<(), Failure> {
        loop {
            match self.victim.hear(until) {
                Heard::Nothing => return Ok(()),
                Heard::Report(report) => {
                    self.take(&report)?;
                    if report == Report::Closed {
                        return Ok(());
                    }
                }
                Heard::End => return Err(Failure::new("the child ended by itself")),
            }
        }
    }

    /// Takes what the child says up to one of these reports.
    fn wait_for(&mut self, wanted: impl Fn(&Report) -> bool) -> Result<(), Failure> {
        loop {
            match self.victim.hear(Instant::now() + self.patience) {
                Heard::Nothing => {
                    return Err(Failure::new(format!("the child said nothing for {} s", self.patience.as_secs())));
                }
                Heard::End => return Err(Failure::new("the child ended by itself")),
                Heard::Report(report) => {
                    self.take(&report)?;
                    if wanted(&report) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn take(&mut self, report: &Report) -> Result<(), Failure> {
        if *report == Report::Opened {
            *self.opening = self.started.elapsed();
        }
        self.ledger.note(report).map_err(Failure::new)
    }
}
