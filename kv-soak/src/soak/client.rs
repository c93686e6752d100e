//! A client: writes keys of its own, knows what they have to be, and looks.

use super::{RETENTION, Shared};
use kv_api::{Datastore, Error, ErrorKind, Key, KeyRange, ScanLimit, Transactable, TransactionOptions, Val, Version};
use kv_bench::numbers::Numbers;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Keys of a client.
const KEYS: u64 = 2_000;
/// Every so many keys one is erased with its history, now and then, instead of deleted.
const ERASED: u64 = 5;
/// So many states of the past are remembered.
const STATES: usize = 4;

type Model = BTreeMap<Key, Val>;

/// Why a client stops.
pub(super) enum Stopped {
    /// It was told to.
    Told,
    /// The store has to be opened again.
    Reopen,
    /// What it found is wrong.
    Wrong(String),
}

/// What a client knows, from one opening of the store to the next.
pub(super) struct Client {
    number: usize,
    numbers: Numbers,
    /// How many transactions have been committed.
    committed: u64,
    model: Model,
    /// Of the transaction of which it is not known whether it was committed.
    doubtful: Option<Model>,
    /// States of the past, without the keys that are erased, and since when they are that.
    past: Vec<(Version, Instant, Model)>,
}

impl Client {
    pub(super) fn new(number: usize, seed: u64) -> Self {
        let numbers = Numbers::stream(seed, number as u64);
        Self { number, numbers, committed: 0, model: Model::new(), doubtful: None, past: Vec::new() }
    }

    fn key(&self, n: u64) -> Key {
        format!("{}/{n:05}", self.number).into()
    }

    fn counter(&self) -> Key {
        format!("counter/{}", self.number).into()
    }

    fn range(&self) -> KeyRange {
        KeyRange::prefix(format!("{}/", self.number))
    }

    /// Works until it is told to stop, the store has to be opened again, or something is wrong.
    pub(super) async fn run(&mut self, store: &dyn Datastore, shared: &Shared) -> Stopped {
        while !shared.stops.load(Ordering::Relaxed) {
            match self.step(store, shared).await {
                Ok(()) => {}
                Err(Failure::Wrong(what)) => return Stopped::Wrong(format!("client {}: {what}", self.number)),
                Err(Failure::Store(e)) => match e.kind() {
                    ErrorKind::Conflict => {}
                    // What happened to the commit is known when the store has been opened again, and not before.
                    ErrorKind::Unavailable | ErrorKind::UnknownOutcome => return Stopped::Reopen,
                    _ if shared.tolerates(&e) => tokio::task::yield_now().await,
                    _ => return Stopped::Wrong(format!("client {}: nothing fails on purpose, and {e}", self.number)),
                },
            }
        }
        Stopped::Told
    }

    /// A transaction, and now and then a look at the past.
    async fn step(&mut self, store: &dyn Datastore, shared: &Shared) -> Result<(), Failure> {
        if self.numbers.below(40) == 0 && !self.past.is_empty() {
            self.check_past(store).await?;
        }
        let tx = store.begin(TransactionOptions::write()).await?;
        self.resolve(&*tx).await?;
        if self.numbers.below(10) == 0 {
            self.check(&*tx, &self.model).await?;
        }
        let mut model = self.model.clone();
        for _ in 0..1 + self.numbers.below(8) {
            self.write(&*tx, &mut model).await?;
        }
        tx.set(self.counter(), (self.committed + 1).to_string().into()).await?;
        let began = Instant::now();
        self.doubtful = Some(model);
        tx.commit().await?;
        shared.ended(began.elapsed());
        self.take_doubtful();
        if self.numbers.below(100) == 0
            && let Some(version) = tx.commit_version()
        {
            let kept = self.model.iter().filter(|(key, _)| !is_erased(key));
            self.past.push((version, Instant::now(), kept.map(|(key, val)| (key.clone(), val.clone())).collect()));
            let forgotten = self.past.len().saturating_sub(STATES);
            self.past.drain(..forgotten);
        }
        Ok(())
    }

    /// Finds out whether the last transaction has been committed, where that is not known.
    async fn resolve(&mut self, tx: &dyn Transactable) -> Result<(), Failure> {
        let found = tx.get(&self.counter(), None).await?;
        let found = found.map_or("0".into(), |val| String::from_utf8_lossy(&val).into_owned());
        match found.parse::<u64>() {
            Ok(count) if count == self.committed => self.doubtful = None,
            Ok(count) if count == self.committed + 1 && self.doubtful.is_some() => self.take_doubtful(),
            _ => return Err(Failure::Wrong(format!("its counter is {found} after {} commits", self.committed))),
        }
        Ok(())
    }

    fn take_doubtful(&mut self) {
        if let Some(model) = self.doubtful.take() {
            (self.model, self.committed) = (model, self.committed + 1);
        }
    }

    async fn write(&mut self, tx: &dyn Transactable, model: &mut Model) -> Result<(), Failure> {
        let number = self.numbers.below(KEYS);
        let key = self.key(number);
        match self.numbers.below(20) {
            0 => {
                let end = number + 1 + self.numbers.below(30);
                let range = KeyRange::from(key..self.key(end));
                tx.delr(range.clone()).await?;
                model.retain(|key, _| !range.contains(key));
            }
            1..=3 if is_erased(&key) => {
                tx.clr(key.clone()).await?;
                model.remove(&key);
            }
            1..=3 => {
                tx.del(key.clone()).await?;
                model.remove(&key);
            }
            _ => {
                let length = if self.numbers.below(50) == 0 { 20_000 } else { 200 };
                let mut val = format!("{} ", self.numbers.draw()).into_bytes();
                val.resize(val.len() + self.numbers.below(length) as usize, b'v');
                let val = Val::from(val);
                tx.set(key.clone(), val.clone()).await?;
                model.insert(key, val);
            }
        }
        Ok(())
    }

    /// Compares all of the client's keys with what they have to be.
    pub(super) async fn check_now(&mut self, store: &dyn Datastore) -> Result<(), Failure> {
        let tx = store.begin(TransactionOptions::read()).await?;
        self.resolve(&*tx).await?;
        self.check(&*tx, &self.model).await?;
        for key in self.model.keys().step_by(20) {
            let got = tx.get(key, None).await?;
            if got.as_ref() != self.model.get(key) {
                return Err(Failure::Wrong(format!("a get of {key:?} gives another value than was committed")));
            }
        }
        self.check_past(store).await
    }

    async fn check(&self, tx: &dyn Transactable, model: &Model) -> Result<(), Failure> {
        let found = tx.scan(self.range(), ScanLimit::Count(u32::MAX), 0, None).await?;
        compare(&found, model, |_| true, "now")?;
        match tx.count(self.range(), None).await? {
            count if count == model.len() as u64 => Ok(()),
            count => Err(Failure::Wrong(format!("a count gives {count} of {} keys", model.len()))),
        }
    }

    async fn check_past(&mut self, store: &dyn Datastore) -> Result<(), Failure> {
        let tx = store.begin(TransactionOptions::read()).await?;
        let mut forgotten = Vec::new();
        for (version, since, model) in &self.past {
            match tx.scan(self.range(), ScanLimit::Count(u32::MAX), 0, Some(*version)).await {
                Ok(found) => compare(&found, model, |key| !is_erased(key), &format!("at version {version}"))?,
                Err(e) if e.kind() == ErrorKind::NotRetained => {
                    if since.elapsed() < RETENTION {
                        return Err(Failure::Wrong(format!("history went after {} s: {e}", since.elapsed().as_secs())));
                    }
                    forgotten.push(*version);
                }
                Err(e) => return Err(e.into()),
            }
        }
        self.past.retain(|(version, ..)| !forgotten.contains(version));
        Ok(())
    }
}

/// Why a step ended early.
pub(super) enum Failure {
    Store(Error),
    Wrong(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// Whether a key is erased instead of deleted.
fn is_erased(key: &[u8]) -> bool {
    let number = key.rsplit(|byte| *byte == b'/').next().and_then(|number| std::str::from_utf8(number).ok());
    number.and_then(|number| number.parse::<u64>().ok()).is_some_and(|number| number.is_multiple_of(ERASED))
}

fn compare(found: &[(Key, Val)], model: &Model, counts: impl Fn(&[u8]) -> bool, when: &str) -> Result<(), Failure> {
    let mut found = found.iter().filter(|(key, _)| counts(key));
    let mut expected = model.iter();
    loop {
        match (found.next(), expected.next()) {
            (None, None) => return Ok(()),
            (Some((key, val)), Some((other, expected))) if key == other && val == expected => {}
            (found, expected) => {
                let found = found.map_or("nothing".into(), |(key, val)| shown(key, val));
                let expected = expected.map_or("nothing".into(), |(key, val)| shown(key, val));
                return Err(Failure::Wrong(format!("a scan {when} gives {found} where {expected} has to be")));
            }
        }
    }
}

/// A key, and what its value begins with: that tells one from another.
fn shown(key: &[u8], val: &[u8]) -> String {
    let head = val.split(|byte| *byte == b' ').next().unwrap_or_default();
    format!("{} = {}… ({} bytes)", String::from_utf8_lossy(key), String::from_utf8_lossy(head), val.len())
}
