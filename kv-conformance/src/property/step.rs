//! Takes the steps of a sequence on both stores and compares what they answer.

use super::op::{Act, At, Chk, How, Op, of_fill};
use crate::backend::Backend;
use crate::fixture::{Failure, Mismatch, Store, Tx, Verdict as Outcome, Visit, show, text, visited};
use crate::model::{Reference, ReferenceTransaction, Verdict};
use kv_api::{
    Direction, Error, Isolation, Key, KeyRange, Result, ScanLimit, Transactable, TransactionOptions, Val, Version,
};
use std::collections::HashMap;

/// A transaction of the backend and its counterpart.
struct Pair {
    tested: Tx,
    model: ReferenceTransaction,
}

/// What an operation answered.
#[derive(Debug, PartialEq)]
enum Answer {
    Done,
    Flag(bool),
    Val(Option<Val>),
    Vals(Vec<Option<Val>>),
    Keys(Vec<Key>),
    Rows(Vec<(Key, Val)>),
    Page(Vec<(Key, Val)>, Option<KeyRange>),
    Count(u64),
    Counts(Vec<u64>),
}

/// Both stores.
pub(super) struct Twins {
    pub(super) tested: Store,
    pub(super) model: Reference,
    open: HashMap<usize, Pair>,
    /// The version of each commit, in either store.
    pub(super) commits: Vec<(Version, Version)>,
    /// Whether the backend may have pruned history.
    pub(super) pruned: bool,
    /// Whether ranges have been erased: a store may have written keys of them that had no value any more.
    pub(super) cleared: bool,
}

/// Runs a sequence on an empty store.
pub(super) async fn run(backend: &Backend, ops: &[Op]) -> Outcome {
    let model = Reference::new().capabilities(backend.declared.clone());
    let tested = Store::open(backend).await?;
    let mut twins = Twins { tested, model, open: HashMap::new(), commits: Vec::new(), pruned: false, cleared: false };
    for (n, op) in ops.iter().enumerate() {
        twins.step(op).await.map_err(|mismatch| Failure::new(format!("step {n}, {op:?}: {mismatch}")))?;
    }
    twins.finish().await.map_err(|mismatch| Failure::new(format!("after the last step: {mismatch}")))?;
    twins.shut_down().await.map_err(|mismatch| Failure::new(format!("after the shutdown: {mismatch}")))?;
    Ok(())
}

impl Twins {
    async fn step(&mut self, op: &Op) -> Result<(), Mismatch> {
        match op {
            Op::In { slot, how, insist, act } => return self.act(*slot, *how, *insist, act).await,
            Op::Flush => self.tested.db().flush().await?,
            Op::Compact => {
                self.tested.db().compact().await?;
                self.pruned = true;
            }
            Op::Reopen => {
                self.open.clear();
                if self.tested.persistent() {
                    self.tested.reopen().await?;
                }
                // What a store prunes when it opens is its own affair.
                self.pruned = true;
            }
        }
        self.compare_contents().await
    }

    async fn act(&mut self, slot: usize, how: How, insist: bool, act: &Act) -> Result<(), Mismatch> {
        if matches!(act, Act::Drop) {
            self.open.remove(&slot);
            return Ok(());
        }
        if self.open.get(&slot).is_none_or(|pair| pair.model.closed() && !insist) {
            let pair = self.begin(how).await?;
            self.open.insert(slot, pair);
        }
        let pair = &self.open[&slot];
        if matches!(act, Act::Commit) {
            let committed = pair.commit().await?;
            return if committed { self.note_commit().await } else { Ok(()) };
        }
        self.cleared |= matches!(act, Act::Clrr(_));
        let pair = &self.open[&slot];
        // Before either has done anything.
        let current = act.condition().and_then(|key| pair.model.peek(key));
        let expected = self.perform(&pair.model, act, &current, |commit| commit.1).await;
        let answer = self.perform(&*pair.tested, act, &current, |commit| commit.0).await;
        self.compare(&expected, &answer)?;
        if pair.tested.closed() != pair.model.closed() {
            return Err(Mismatch(format!("closed() is {} afterwards", pair.tested.closed())));
        }
        Ok(())
    }

    async fn begin(&self, how: How) -> Result<Pair, Mismatch> {
        let options = match how {
            How::Read => TransactionOptions::read(),
            How::Serializable if self.tested.declared().isolation >= Isolation::Serializable => {
                TransactionOptions::write().serializable()
            }
            How::Write | How::Serializable => TransactionOptions::write(),
        };
        Ok(Pair { tested: self.tested.begin(options).await?, model: self.model.transaction(options)? })
    }

    /// Does `act` in `tx`, a transaction of either store that sees `current` where a condition is; `version` picks that
    /// store's version of a commit.
    async fn perform(
        &self,
        tx: &dyn Transactable,
        act: &Act,
        current: &Option<Val>,
        version: fn(&(Version, Version)) -> Version,
    ) -> Result<Answer> {
        let at = |at: &At| match *at {
            At::Now => None,
            At::Commit(n) => Some(self.commit(n).map_or(0, version)),
            At::JustBefore(n) => Some(self.commit(n).map_or(0, version).saturating_sub(1)),
        };
        let chk = |chk: &Chk| match chk {
            Chk::Current => current.clone(),
            Chk::Missing => None,
            Chk::Value(filler) => Some(filler.val()),
        };
        Ok(match act {
            Act::Get(key, when) => Answer::Val(tx.get(key, at(when)).await?),
            Act::Exists(key, when) => Answer::Flag(tx.exists(key, at(when)).await?),
            Act::Getm(keys, when) => Answer::Vals(tx.getm(keys.clone(), at(when)).await?),
            Act::Getu(key) => Answer::Val(tx.getu(key).await?),
            Act::Set(key, val) => done(tx.set(key.clone(), val.val()).await?),
            Act::Put(key, val) => done(tx.put(key.clone(), val.val()).await?),
            Act::Putc(key, val, expected) => done(tx.putc(key.clone(), val.val(), chk(expected)).await?),
            Act::Clr(key) => done(tx.clr(key.clone()).await?),
            Act::Clrr(range) => done(tx.clrr(range.clone()).await?),
            Act::Del(key) => done(tx.del(key.clone()).await?),
            Act::Setm(entries) => {
                let entries = entries.iter().map(|(key, val)| (key.clone(), val.val())).collect();
                done(tx.setm(entries).await?)
            }
            Act::Delm(keys) => done(tx.delm(keys.clone()).await?),
            Act::Delc(key, expected) => done(tx.delc(key.clone(), chk(expected)).await?),
            Act::Delr(range) => done(tx.delr(range.clone()).await?),
            Act::Scan(scan) => {
                let (range, limit, skip, at) = (scan.range.clone(), scan.limit, scan.skip, at(&scan.at));
                match (scan.keys_only, scan.direction) {
                    (true, Direction::Forward) => Answer::Keys(tx.keys(range, limit, skip, at).await?),
                    (true, Direction::Backward) => Answer::Keys(tx.keysr(range, limit, skip, at).await?),
                    (false, Direction::Forward) => Answer::Rows(tx.scan(range, limit, skip, at).await?),
                    (false, Direction::Backward) => Answer::Rows(tx.scanr(range, limit, skip, at).await?),
                }
            }
            Act::Visit(visit) => {
                let of = Visit {
                    range: visit.range.clone(),
                    direction: visit.direction,
                    version: at(&visit.at),
                    vals: visit.vals,
                };
                let most = if visit.most == 0 { usize::MAX } else { visit.most };
                Answer::Rows(visited(tx, &of, most).await?)
            }
            Act::Count(range, when) => Answer::Count(tx.count(range.clone(), at(when)).await?),
            Act::Batch(range, batch, when) => {
                // Which check comes first is open for a batch of nothing.
                let page = tx.batch_keys_vals(range.clone(), (*batch).max(1), at(when)).await?;
                Answer::Page(page.items, page.next)
            }
            Act::Fill(count, val) => {
                for n in 0..*count {
                    tx.set(of_fill(n), val.val()).await?;
                }
                Answer::Done
            }
            Act::Nest(depth, val) => {
                for n in 0..*depth {
                    tx.set(of_fill(n), val.val()).await?;
                    tx.new_save_point().await?;
                }
                Answer::Done
            }
            Act::Unwind(depth) => {
                let mut counts = Vec::new();
                for _ in 0..*depth {
                    tx.rollback_to_save_point().await?;
                    counts.push(tx.count(KeyRange::all(), None).await?);
                }
                Answer::Counts(counts)
            }
            Act::SavePoint => done(tx.new_save_point().await?),
            Act::Release => done(tx.release_last_save_point().await?),
            Act::Rollback => done(tx.rollback_to_save_point().await?),
            Act::Cancel => done(tx.cancel().await?),
            Act::Commit | Act::Drop => Answer::Done,
        })
    }

    /// A commit that was made, by a number of any size.
    fn commit(&self, n: u16) -> Option<&(Version, Version)> {
        self.commits.get(usize::from(n).checked_rem(self.commits.len())?)
    }

    fn compare(&self, expected: &Result<Answer>, answer: &Result<Answer>) -> Result<(), Mismatch> {
        let same = match (expected, answer) {
            (Ok(expected), Ok(answer)) => expected == answer,
            (Err(expected), Err(answer)) => same_error(expected, answer),
            (Ok(_), Err(Error::VersionNotRetained { requested, oldest })) => self.pruned && requested < oldest,
            _ => false,
        };
        match same {
            true => Ok(()),
            false => Err(Mismatch(format!("answers {} instead of {}", told(answer), told(expected)))),
        }
    }

    /// Remembers the version of the commit just made.
    async fn note_commit(&mut self) -> Result<(), Mismatch> {
        if self.tested.declared().versioned_reads {
            let (tested, model) = (self.tested.version().await?, self.model.newest());
            let before = self.commits.last().copied().unwrap_or_default();
            // A commit without writes need not have a version.
            if model > before.1 {
                if tested <= before.0 {
                    return Err(Mismatch(format!("version {tested} comes after version {}", before.0)));
                }
                self.commits.push((tested, model));
            }
        }
        self.compare_contents().await
    }

    /// Compares what a transaction begun now sees.
    async fn compare_contents(&self) -> Result<(), Mismatch> {
        self.compare_rows(&self.begin(How::Read).await?, None).await
    }

    async fn compare_rows(&self, pair: &Pair, commit: Option<(Version, Version)>) -> Result<(), Mismatch> {
        let expected = all_rows(&pair.model, commit.map(|commit| commit.1)).await;
        let answer = all_rows(&*pair.tested, commit.map(|commit| commit.0)).await;
        self.compare(&expected, &answer).map_err(|Mismatch(text)| match commit {
            Some((version, _)) => Mismatch(format!("all rows at version {version}: {text}")),
            None => Mismatch(format!("all rows: {text}")),
        })
    }

    /// Compares every snapshot still open, then all history, before and after the store has settled.
    async fn finish(&mut self) -> Result<(), Mismatch> {
        let mut open: Vec<(usize, Pair)> = self.open.drain().collect();
        open.sort_by_key(|(slot, _)| *slot);
        for (slot, pair) in open {
            let compared = self.compare_rows(&pair, None).await;
            compared.map_err(|Mismatch(text)| Mismatch(format!("transaction {slot}: {text}")))?;
        }
        self.compare_history().await?;
        self.tested.settle().await?;
        self.compare_history().await
    }

    async fn compare_history(&self) -> Result<(), Mismatch> {
        let pair = self.begin(How::Read).await?;
        for commit in &self.commits {
            self.compare_rows(&pair, Some(*commit)).await?;
        }
        self.compare_rows(&pair, None).await
    }
}

impl Pair {
    /// Commits in both. The answer is whether that succeeded.
    async fn commit(&self) -> Result<bool, Mismatch> {
        if self.model.closed() || !self.model.writeable() {
            let (expected, answer) = (self.model.commit().await, self.tested.commit().await);
            return match (&expected, &answer) {
                (Err(expected), Err(answer)) if same_error(expected, answer) => Ok(false),
                _ => Err(Mismatch(format!("answers {answer:?} instead of {expected:?}"))),
            };
        }
        let verdict = self.model.verdict();
        match (verdict, self.tested.commit().await) {
            (Verdict::Succeeds | Verdict::Either, Ok(())) => {
                self.model.commit().await?;
                Ok(true)
            }
            (Verdict::Conflicts | Verdict::Either, Err(Error::TransactionConflict { .. })) => {
                self.model.cancel().await?;
                Ok(false)
            }
            (Verdict::Succeeds, answer) => Err(Mismatch(format!("answers {answer:?}, and nothing conflicts"))),
            (Verdict::Conflicts, answer) => Err(Mismatch(format!("answers {answer:?}, and there is a conflict"))),
            (Verdict::Either, Err(other)) => Err(Mismatch(format!("answers {other:?}"))),
        }
    }
}

async fn all_rows(tx: &dyn Transactable, at: Option<Version>) -> Result<Answer> {
    Ok(Answer::Rows(tx.scan(KeyRange::all(), ScanLimit::Count(u32::MAX), 0, at).await?))
}

fn done((): ()) -> Answer {
    Answer::Done
}

fn same_error(one: &Error, other: &Error) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// An answer as text.
fn told(answer: &Result<Answer>) -> String {
    match answer {
        Ok(Answer::Rows(rows)) => format!("'{}'", show(rows)),
        Ok(Answer::Page(rows, next)) => format!("'{}' and then {next:?}", show(rows)),
        Ok(Answer::Val(Some(val))) => format!("'{}'", text(val)),
        other => format!("{other:?}"),
    }
}
