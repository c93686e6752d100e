//! One client: a transaction after the other, each recorded, none retried.

use super::plan::{Plan, Random, Step, key};
use super::record::{End, Micro, Recorder};
use super::{Kind, Workload};
use crate::fixture::{Failure, Mismatch, Store, Tx, Verdict, b, text};
use kv_api::{Error, Isolation, Key, KeyRange, Result, TransactionOptions, Val};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// What all clients of a history share.
#[derive(Clone)]
pub(super) struct Clients {
    pub(super) store: Store,
    pub(super) workload: &'static Workload,
    pub(super) recorder: Arc<Recorder>,
    /// The next number to write: each is written once.
    pub(super) next: Arc<AtomicI64>,
    /// Transactions begun.
    pub(super) begun: Arc<AtomicUsize>,
    pub(super) clients: i64,
}

impl Clients {
    /// Runs the transactions of client `process`.
    pub(super) async fn run(&self, mut process: i64, mut random: Random, transactions: usize) -> Verdict {
        for _ in 0..transactions {
            let plan = Plan::draw(&mut random, self.workload, self.base());
            let end = self.transaction(process, &mut random, &plan).await?;
            if end == End::Maybe {
                // It may still be running, for all that is known: the client goes on under another name.
                process += self.clients;
            }
            pause(&mut random).await;
        }
        Ok(())
    }

    /// The first of the keys that are in use now.
    fn base(&self) -> usize {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        begun.checked_div(self.workload.window).unwrap_or(0) * self.workload.keys
    }

    /// Reads all keys, as the last transaction.
    pub(super) async fn last_look(&self, process: i64) -> Verdict {
        let steps = (0..=self.base()).step_by(self.workload.keys).map(Step::Scan).collect();
        let plan = Plan { read_only: true, cancel: false, steps };
        self.transaction(process, &mut Random::new(0), &plan).await?;
        Ok(())
    }

    async fn transaction(&self, process: i64, random: &mut Random, plan: &Plan) -> Result<End, Failure> {
        let writes: Vec<i64> = plan.steps.iter().map(|_| self.next.fetch_add(1, Ordering::Relaxed)).collect();
        let asked: Vec<Micro> = plan
            .steps
            .iter()
            .zip(&writes)
            .flat_map(|(step, value)| match step {
                Step::Read(n) => vec![Micro::Read(key(*n), None)],
                Step::Scan(base) => self.keys(*base).map(|key| Micro::Read(key, None)).collect(),
                Step::Write(n) => vec![Micro::Write(key(*n), *value)],
            })
            .collect();
        self.recorder.invoke(process, &asked);
        let options = if plan.read_only { TransactionOptions::read() } else { TransactionOptions::write() };
        let serializable = self.workload.isolation == Isolation::Serializable;
        let tx = self.store.begin(if serializable { options.serializable() } else { options }).await?;
        let mut answered = Vec::new();
        for (step, value) in plan.steps.iter().zip(&writes) {
            pause(random).await;
            self.step(&tx, *step, *value, &mut answered).await?;
        }
        let end = self.end(&tx, plan).await?;
        self.recorder.complete(process, if end == End::Maybe { &asked } else { &answered }, end);
        Ok(end)
    }

    fn keys(&self, base: usize) -> impl Iterator<Item = String> {
        (base..base + self.workload.keys).map(key)
    }

    async fn step(&self, tx: &Tx, step: Step, value: i64, answered: &mut Vec<Micro>) -> Result<(), Mismatch> {
        match step {
            Step::Read(n) => {
                let found = tx.get(key(n).as_bytes(), None).await?;
                answered.push(Micro::Read(key(n), Some(numbers(found.as_ref())?)));
            }
            Step::Scan(base) => {
                let rows = tx.rows(KeyRange::from(key(base)..key(base + self.workload.keys))).await?;
                answered.extend(all_of(self.keys(base), &rows)?);
            }
            Step::Write(n) => {
                if self.workload.kind == Kind::ListAppend {
                    let found = tx.get(key(n).as_bytes(), None).await?;
                    answered.push(Micro::Read(key(n), Some(numbers(found.as_ref())?)));
                    let before = found.map_or_else(String::new, |val| format!("{},", text_of(&val)));
                    tx.give(&key(n), &format!("{before}{value}")).await?;
                } else {
                    tx.set(b(&key(n)), b(&value.to_string())).await?;
                }
                answered.push(Micro::Write(key(n), value));
            }
        }
        Ok(())
    }

    async fn end(&self, tx: &Tx, plan: &Plan) -> Result<End> {
        if plan.read_only {
            tx.cancel().await?;
            return Ok(End::Committed(None));
        }
        if plan.cancel {
            tx.cancel().await?;
            return Ok(End::Aborted);
        }
        match tx.commit().await {
            Ok(()) => Ok(End::Committed(tx.commit_version())),
            Err(Error::TransactionConflict { .. }) => Ok(End::Aborted),
            Err(Error::CommitOutcomeUnknown { .. }) => Ok(End::Maybe),
            Err(other) => Err(other),
        }
    }
}

/// Lets other clients in, now and then.
async fn pause(random: &mut Random) {
    for _ in 0..random.below(3) {
        tokio::task::yield_now().await;
    }
}

/// A read of every key, of which a scan found some.
fn all_of(keys: impl Iterator<Item = String>, rows: &[(Key, Val)]) -> Result<Vec<Micro>, Mismatch> {
    let found = |key: &String| rows.iter().find(|(found, _)| found == key.as_bytes()).map(|(_, val)| val);
    keys.map(|key| Ok(Micro::Read(key.clone(), Some(numbers(found(&key))?)))).collect()
}

/// The numbers that a value lists.
fn numbers(val: Option<&Val>) -> Result<Vec<i64>, Mismatch> {
    let Some(val) = val else { return Ok(Vec::new()) };
    let parsed: Result<Vec<i64>, _> = text_of(val).split(',').map(str::parse).collect();
    parsed.map_err(|_| Mismatch(format!("nobody wrote '{}'", text(val))))
}

fn text_of(val: &Val) -> String {
    String::from_utf8_lossy(val).into_owned()
}
