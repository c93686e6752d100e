//! A client: carries its plans out, one transaction after the other, and says what was
//! acknowledged.

use super::expected::{Answer, Own, shown};
use super::plan::{Plan, Step, counter_key, own_key, parse_shared, shared_key, shared_value, value};
use super::report::Report;
use kv_api::{Datastore, Error, Key, KeyRange, ScanLimit, Transactable, TransactionOptions, Val, Version};
use std::sync::Arc;

/// Takes what a child says.
pub(super) type Sink = Arc<dyn Fn(Report) + Send + Sync>;

/// What stands for the number of a transaction that is given up.
const GIVEN_UP: u64 = 0;

/// One client and where it has come to.
pub(super) struct Client {
    db: Arc<dyn Datastore>,
    seed: u64,
    number: usize,
    n: u64,
    own: Own,
}

impl Client {
    /// Goes on where the store says that this client was.
    pub(super) async fn find(db: Arc<dyn Datastore>, seed: u64, number: usize, sink: &Sink) -> Result<Self, String> {
        let tx = db.begin(TransactionOptions::read()).await.map_err(|e| failed("beginning", &e))?;
        let n = counted(&*tx, number, None).await?;
        drop(tx);
        sink(Report::Found { client: number, n });
        Ok(Self { db, seed, number, n, own: Own::after(seed, number, n) })
    }

    /// Commits `count` transactions.
    pub(super) async fn run(mut self, count: u64, sink: &Sink) -> Result<(), String> {
        for _ in 0..count {
            let version = self.transaction().await?;
            self.n += 1;
            sink(Report::Acked { client: self.number, n: self.n, version });
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Commits the next transaction, however often it conflicts; its version.
    async fn transaction(&mut self) -> Result<Version, String> {
        let n = self.n + 1;
        let plan = Plan::of(self.seed, self.number, n);
        if plan.given_up_before {
            let (tx, _) = self.write(&plan, GIVEN_UP).await?;
            if n.is_multiple_of(2) {
                tx.cancel().await.map_err(|e| failed("cancelling", &e))?;
            }
        }
        loop {
            let (tx, own) = self.write(&plan, n).await?;
            match tx.commit().await {
                Ok(()) => {
                    self.own = own;
                    return Ok(tx.commit_version().unwrap_or(0));
                }
                Err(Error::TransactionConflict { .. }) => tokio::task::yield_now().await,
                Err(e) => return Err(failed("committing", &e)),
            }
        }
    }

    /// Writes a transaction and does not commit it: what its own keys are then.
    async fn write(&self, plan: &Plan, n: u64) -> Result<(Box<dyn Transactable>, Own), String> {
        let tx = self.db.begin(TransactionOptions::write()).await.map_err(|e| failed("beginning", &e))?;
        let before = counted(&*tx, self.number, None).await?;
        if before != self.n {
            return Err(format!("client {} was at {} and found {before}", self.number, self.n));
        }
        let mut own = self.own.clone();
        for (number, step) in plan.steps.iter().enumerate() {
            self.step(&*tx, &mut own, *step, n, number).await?;
        }
        self.compare(&*tx, &own).await?;
        if let Some(shared) = plan.shared {
            let key = shared_key(shared);
            let old = tx.get(&key, None).await.map_err(|e| failed("reading", &e))?;
            let count = match &old {
                None => 0,
                Some(val) => parse_shared(val).ok_or_else(|| format!("{key:?} holds {val:?}"))?.0,
            };
            let val = shared_value(count + 1, self.number, n);
            tx.set(key, val).await.map_err(|e| failed("writing", &e))?;
        }
        let counted = n.to_string().into();
        tx.set(counter_key(self.number), counted).await.map_err(|e| failed("writing", &e))?;
        Ok((tx, own))
    }

    /// Carries a step out and compares the answer.
    async fn step(
        &self,
        tx: &dyn Transactable,
        own: &mut Own,
        step: Step,
        n: u64,
        number: usize,
    ) -> Result<(), String> {
        let key = |slot| own_key(self.number, slot);
        let val = |size| value(self.number, n, number, size);
        let check = |slot: usize, right: bool| match right {
            true => own.rows.get(&slot).cloned(),
            false => Some(Val::from_static(b"never written")),
        };
        let done = match step {
            Step::Set { slot, size } => tx.set(key(slot), val(size)).await,
            Step::Put { slot, size } => tx.put(key(slot), val(size)).await,
            Step::Putc { slot, size, right } => tx.putc(key(slot), val(size), check(slot, right)).await,
            Step::Del { slot } => tx.del(key(slot)).await,
            Step::Delc { slot, right } => tx.delc(key(slot), check(slot, right)).await,
            Step::Delr { from, to } => tx.delr(KeyRange::from(key(from)..key(to))).await,
            Step::Clr { slot } => tx.clr(key(slot)).await,
            Step::SavePoint => tx.new_save_point().await,
            Step::Release => tx.release_last_save_point().await,
            Step::Rollback => tx.rollback_to_save_point().await,
        };
        let answer = match done {
            Ok(()) => Answer::Done,
            Err(Error::TransactionKeyAlreadyExists) => Answer::KeyExists,
            Err(Error::TransactionConditionNotMet) => Answer::ConditionNotMet,
            Err(e) => return Err(failed("writing", &e)),
        };
        let expected = own.step(step, n, number);
        match answer == expected {
            true => Ok(()),
            false => Err(format!(
                "client {}: {step:?} of transaction {n} gives {answer:?} instead of {expected:?}",
                self.number
            )),
        }
    }

    /// Reads the client's own keys at one end of the store, which nobody else writes.
    async fn compare(&self, tx: &dyn Transactable, own: &Own) -> Result<(), String> {
        let parity = self.n as usize % 2;
        let range = KeyRange::from(own_key(self.number, parity)..own_key(self.number, SLOTS_END + parity));
        let scan = || tx.scan(range.clone(), ScanLimit::Count(u32::MAX), 0, None);
        let found = scan().await.map_err(|e| failed("scanning", &e))?;
        let expected: Vec<(Key, Val)> = own
            .rows
            .iter()
            .filter(|(slot, _)| *slot % 2 == parity)
            .map(|(slot, val)| (own_key(self.number, *slot), val.clone()))
            .collect();
        if found == expected {
            return Ok(());
        }
        let mut text =
            format!("client {} in its transaction {} scans {}", self.number, self.n + 1, told(&found, &expected));
        let again = scan().await.map_err(|e| failed("scanning", &e))?;
        text.push_str(&format!("; again {}", told(&again, &expected)));
        for (key, val) in found.iter().filter(|row| !expected.contains(row)) {
            let got = tx.get(key, None).await.map_err(|e| failed("reading", &e))?;
            text.push_str(&format!(
                "; get({key:?}) gives {} where the scan gave {}",
                shown(got.as_ref()),
                shown(Some(val))
            ));
        }
        Err(text)
    }
}

/// How rows differ from what is expected.
fn told(found: &[(Key, Val)], expected: &[(Key, Val)]) -> String {
    if found == expected {
        return "what is expected".into();
    }
    let keys = |rows: &[(Key, Val)]| rows.iter().map(|(key, _)| format!("{key:?}")).collect::<Vec<_>>().join(" ");
    format!("[{}] instead of [{}]", keys(found), keys(expected))
}

/// Behind all slots, even.
const SLOTS_END: usize = super::plan::SLOTS + super::plan::SLOTS % 2;

/// How many transactions of a client are visible.
pub(super) async fn counted(tx: &dyn Transactable, client: usize, version: Option<Version>) -> Result<u64, String> {
    match tx.get(&counter_key(client), version).await.map_err(|e| failed("reading", &e))? {
        None => Ok(0),
        Some(val) => {
            let text = std::str::from_utf8(&val).ok().and_then(|text| text.parse().ok());
            text.ok_or_else(|| format!("the counter of client {client} holds {val:?}"))
        }
    }
}

/// An error with its causes.
pub(super) fn failed(what: &str, error: &Error) -> String {
    let mut text = format!("{what} failed: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
