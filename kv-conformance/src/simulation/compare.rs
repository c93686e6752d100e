//! Comparisons of what the store has with what it should have.

use super::pair::{self, Pair, Rows};
use super::run::Simulation;
use super::step::Read;
use crate::fixture::{Mismatch, show};
use kv_api::{Error, Result, TransactionOptions, Version};

/// Versions of the past that are compared at the end of a life.
const SAMPLES: usize = 6;

impl Simulation<'_> {
    /// A transaction that reads, in both.
    pub(super) async fn reader(&self) -> std::result::Result<Pair, Mismatch> {
        let options = TransactionOptions::read();
        Ok(Pair { tested: self.store()?.begin(options).await?, model: self.model.transaction(options)? })
    }

    /// Reads a range in both, at the commit of a number or as the transaction has it.
    pub(super) async fn compare_read(&mut self, pair: &Pair, read: &Read) -> std::result::Result<(), Mismatch> {
        let at = read.at.and_then(|n| self.commit_of(n));
        let expected = pair::read(&pair.model, read, at.map(|at| at.1)).await;
        for _ in 0..2 {
            let answer = pair::read(&*pair.tested, read, at.map(|at| at.0)).await;
            if self.same(at.map(|at| at.0), &expected, answer)? {
                return Ok(());
            }
        }
        Err(Mismatch("it fails a second time".into()))
    }

    /// Compares all that a transaction sees, at a commit where there is one.
    pub(super) async fn compare_all(
        &mut self,
        pair: &Pair,
        at: Option<(Version, Version)>,
        every_way: bool,
    ) -> std::result::Result<(), Mismatch> {
        self.tally.comparisons += 1;
        let expected = pair::all(&pair.model, at.map(|at| at.1), false).await;
        for _ in 0..2 {
            let answer = pair::all(&*pair.tested, at.map(|at| at.0), every_way).await;
            if self.same(at.map(|at| at.0), &expected, answer)? {
                return Ok(());
            }
        }
        Err(Mismatch("it fails a second time".into()))
    }

    /// Compares the newest state in every way, some of the past, tags, and what open transactions see.
    pub(super) async fn compare_life(&mut self) -> std::result::Result<(), Mismatch> {
        for slot in 0..self.slots.len() {
            if let Some(pair) = self.slots[slot].take() {
                self.compare_all(&pair, None, false).await.map_err(|e| Mismatch(format!("transaction {slot}: {e}")))?;
                self.slots[slot] = Some(pair);
            }
        }
        let pair = self.reader().await?;
        self.compare_all(&pair, None, true).await?;
        for _ in 0..SAMPLES {
            let n = self.random.below(1 << 16);
            self.compare_past(&pair, n).await?;
        }
        self.compare_tags(&pair).await
    }

    /// Compares all at one of the versions that there were.
    pub(super) async fn compare_past(&mut self, pair: &Pair, n: usize) -> std::result::Result<(), Mismatch> {
        let Some(at) = self.commit_of(n) else { return Ok(()) };
        let compared = self.compare_all(pair, Some(at), n.is_multiple_of(4)).await;
        compared.map_err(|e| Mismatch(format!("at version {}, the reference's {}: {e}", at.0, at.1)))
    }

    async fn compare_tags(&mut self, pair: &Pair) -> std::result::Result<(), Mismatch> {
        if !self.declared.tags {
            return Ok(());
        }
        let found = self.store()?.tags().await?;
        let found: Vec<_> = found.into_iter().map(|tag| (tag.name, tag.version)).collect();
        let expected: Vec<_> = self.tags.iter().map(|(name, at)| (name.clone(), at.0)).collect();
        if found != expected {
            return Err(Mismatch(format!("the tags are {found:?} instead of {expected:?}")));
        }
        for (name, at) in self.tags.clone() {
            let compared = self.compare_all(pair, Some(at), false).await;
            compared.map_err(|e| Mismatch(format!("at the tag {name}, version {}: {e}", at.0)))?;
        }
        Ok(())
    }

    /// Whether both answer the same; `false` where the store may have failed, and is to be asked again.
    fn same(
        &self,
        version: Option<Version>,
        expected: &Result<Rows>,
        answer: Result<Rows>,
    ) -> std::result::Result<bool, Mismatch> {
        match (expected, answer) {
            (Ok(expected), Ok(answer)) if *expected == answer => Ok(true),
            (Ok(expected), Ok(answer)) => {
                Err(Mismatch(format!("it holds '{}' instead of '{}'", show(&answer), show(expected))))
            }
            (Ok(_), Err(Error::VersionNotRetained { oldest, .. }))
                if version.is_some_and(|version| version < oldest && !self.is_tagged(version))
                    && oldest <= self.forgotten =>
            {
                Ok(true)
            }
            (_, Err(e)) if self.is_excused(&e) => Ok(false),
            (expected, Err(e)) => Err(Mismatch(format!("it answers {e:?} instead of {expected:?}"))),
            (Err(expected), Ok(answer)) => Err(Mismatch(format!("it holds '{}' instead of {expected}", show(&answer)))),
        }
    }

    fn is_tagged(&self, version: Version) -> bool {
        self.tags.values().any(|at| at.0 == version)
    }
}
