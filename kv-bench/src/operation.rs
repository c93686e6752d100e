//! One operation of a workload, and a check of what it found.

use crate::dataset::Dataset;
use crate::numbers::Numbers;
use crate::workload::{Kind, Mix};
use crate::zipf::Zipfian;
use arrow_array::cast::AsArray;
use kv_api::{Datastore, Error, KeyRange, Result, ScanLimit, Transactable, TransactionOptions, Val, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest scan of YCSB E.
const LONGEST_SCAN: u64 = 100;

/// Rows of a page while all are read.
pub(crate) const PAGE: u32 = 10_000;

/// Rows of an Arrow batch.
const ARROW_BATCH: u32 = 65_536;

/// What the clients of a workload share.
pub struct Shared {
    /// The store that is measured.
    pub store: Arc<dyn Datastore>,
    /// Its rows.
    pub data: Dataset,
    /// What an operation does.
    pub kind: Kind,
    /// What a workload of the past reads at.
    as_of: Option<Version>,
    popular: Zipfian,
    /// How many rows there are, with those inserted meanwhile.
    rows: AtomicU64,
}

impl Shared {
    /// A store that holds `data`.
    pub fn new(store: Arc<dyn Datastore>, data: Dataset, kind: Kind) -> Self {
        let items = if matches!(kind, Kind::Ycsb(_) | Kind::Steady(_)) { data.rows } else { 1 };
        Self { store, data, kind, as_of: None, popular: Zipfian::new(items), rows: AtomicU64::new(data.rows) }
    }

    /// The same, reading at a version in the past.
    pub fn as_of(self, version: Option<Version>) -> Self {
        Self { as_of: version, ..self }
    }
}

/// One client.
pub struct Client {
    shared: Arc<Shared>,
    numbers: Numbers,
    /// What workloads that only read read from.
    reading: Option<Box<dyn Transactable>>,
    round: u64,
}

impl Client {
    /// The client with this number.
    ///
    /// # Errors
    /// What the store says.
    pub async fn new(shared: Arc<Shared>, number: u64) -> Result<Self> {
        // Clients of YCSB begin a transaction for each operation.
        let reading = match shared.kind.writes() || matches!(shared.kind, Kind::Ycsb(_)) {
            true => None,
            false => Some(shared.store.begin(TransactionOptions::read()).await?),
        };
        let numbers = Numbers::stream(shared.data.seed, number);
        Ok(Self { shared, numbers, reading, round: 1 })
    }

    /// Does one operation, again where its commit conflicts, and says how many it counts for.
    ///
    /// # Errors
    /// What the store says, and [`Error::Backend`] where it answers wrongly.
    pub async fn step(&mut self) -> Result<u64> {
        loop {
            match self.attempt().await {
                Err(e) if e.is_retryable() => continue,
                done => return done,
            }
        }
    }

    async fn attempt(&mut self) -> Result<u64> {
        let Self { shared, numbers, .. } = self;
        let data = shared.data;
        let row = numbers.below(data.rows);
        match (shared.kind, &self.reading) {
            (Kind::Get, Some(tx)) => {
                expect(tx.get(&data.key(row), None).await?.is_some(), "a row is not there")?;
            }
            (Kind::Missing, Some(tx)) => {
                expect(tx.get(&data.missing(row), None).await?.is_none(), "a row is there that was never written")?;
            }
            (Kind::Scan(count), Some(tx)) => {
                let range = from(data, row, count);
                let found = tx.scan(range, ScanLimit::Count(count), 0, None).await?.len();
                expect(found as u64 == u64::from(count).min(data.rows), "a scan is short")?;
            }
            (Kind::Keys(count), Some(tx)) => {
                let range = from(data, row, count);
                let found = tx.keys(range, ScanLimit::Count(count), 0, None).await?.len();
                expect(found as u64 == u64::from(count).min(data.rows), "a scan of keys is short")?;
            }
            (Kind::Count, Some(tx)) => {
                expect(tx.count(KeyRange::all(), None).await? >= data.rows, "a count is short")?;
            }
            (Kind::AggregateRows, Some(tx)) => {
                let (mut rows, mut greatest, mut rest) = (0, Val::new(), Some(KeyRange::all()));
                while let Some(range) = rest {
                    let page = tx.batch_keys_vals(range, PAGE, None).await?;
                    rows += page.items.len() as u64;
                    greatest = page.items.into_iter().map(|(_, val)| val).fold(greatest, Val::max);
                    rest = page.next;
                }
                expect(rows >= data.rows && !greatest.is_empty(), "an aggregate is short")?;
            }
            (Kind::AggregateArrow, Some(tx)) => {
                let (mut rows, mut greatest, mut rest) = (0, Vec::new(), Some(KeyRange::all()));
                while let Some(range) = rest {
                    let page = tx.batch_arrow(range, ARROW_BATCH, None).await?;
                    let vals = page.batch.column_by_name("val").and_then(|column| column.as_binary_opt::<i32>());
                    let most = vals.and_then(|vals| vals.iter().flatten().max()).unwrap_or_default();
                    if most > greatest.as_slice() {
                        greatest = most.to_vec();
                    }
                    rows += page.batch.num_rows() as u64;
                    rest = page.next;
                }
                expect(rows >= data.rows && !greatest.is_empty(), "an aggregate is short")?;
            }
            (Kind::AsOf, Some(tx)) => {
                expect(tx.get(&data.key(row), shared.as_of).await?.is_some(), "a row is not there")?;
            }
            (Kind::Commit, _) => self.update(row).await?,
            (Kind::Batch(size), _) => {
                self.round += 1;
                let tx = self.shared.store.begin(TransactionOptions::write()).await?;
                for _ in 0..size {
                    let row = self.numbers.below(data.rows);
                    tx.set(data.key(row), data.val(row, self.round)).await?;
                }
                tx.commit().await?;
                return Ok(size);
            }
            (Kind::Ycsb(mix), _) => self.ycsb(mix).await?,
            (Kind::Steady(rows), _) => self.steady(rows).await?,
            _ => return Err(wrong("this workload has no single operations")),
        }
        Ok(1)
    }

    async fn ycsb(&mut self, mix: Mix) -> Result<()> {
        let data = self.shared.data;
        let popular = self.shared.popular.scrambled(&mut self.numbers);
        let percent = self.numbers.below(100);
        match mix {
            Mix::A if percent < 50 => self.update(popular).await,
            Mix::B if percent < 5 => self.update(popular).await,
            Mix::A | Mix::B | Mix::C => self.read(popular).await,
            Mix::D | Mix::E if percent < 5 => {
                let row = self.shared.rows.load(Ordering::Relaxed);
                self.update(row).await?;
                self.shared.rows.fetch_max(row + 1, Ordering::Relaxed);
                Ok(())
            }
            Mix::D => {
                let newest = self.shared.rows.load(Ordering::Relaxed) - 1;
                let age = self.shared.popular.rank(&mut self.numbers);
                self.read(newest.saturating_sub(age)).await
            }
            Mix::E => {
                let count = 1 + self.numbers.below(LONGEST_SCAN) as u32;
                let tx = self.shared.store.begin(TransactionOptions::read()).await?;
                let found = tx.scan((data.key(popular)..).into(), ScanLimit::Count(count), 0, None).await?;
                expect(!found.is_empty(), "a scan is empty")?;
                tx.cancel().await
            }
            Mix::F if percent < 50 => {
                let key = data.key(popular);
                self.round += 1;
                let tx = self.shared.store.begin(TransactionOptions::write()).await?;
                expect(tx.get(&key, None).await?.is_some(), "a row is not there")?;
                tx.set(key, data.val(popular, self.round)).await?;
                tx.commit().await
            }
            Mix::F => self.read(popular).await,
        }
    }

    /// Reads or overwrites popular rows.
    async fn steady(&mut self, rows: u64) -> Result<()> {
        let Self { shared, numbers, .. } = self;
        let data = shared.data;
        let writes = numbers.below(2) == 0;
        let options = if writes { TransactionOptions::write() } else { TransactionOptions::read() };
        let tx = shared.store.begin(options).await?;
        self.round += 1;
        for _ in 0..rows {
            let row = shared.popular.scrambled(numbers);
            match writes {
                true => tx.set(data.key(row), data.val(row, self.round)).await?,
                false => expect(tx.get(&data.key(row), None).await?.is_some(), "a row is not there")?,
            }
        }
        if writes { tx.commit().await } else { tx.cancel().await }
    }

    async fn read(&self, row: u64) -> Result<()> {
        let tx = self.shared.store.begin(TransactionOptions::read()).await?;
        expect(tx.get(&self.shared.data.key(row), None).await?.is_some(), "a row is not there")?;
        tx.cancel().await
    }

    async fn update(&mut self, row: u64) -> Result<()> {
        self.round += 1;
        let data = self.shared.data;
        let tx = self.shared.store.begin(TransactionOptions::write()).await?;
        tx.set(data.key(row), data.val(row, self.round)).await?;
        tx.commit().await
    }
}

/// The rows from about `row` on, of which there are `count`, where the store has as many.
fn from(data: Dataset, row: u64, count: u32) -> KeyRange {
    (data.key(row.min(data.rows.saturating_sub(count.into())))..).into()
}

pub(crate) fn expect(right: bool, what: &'static str) -> Result<()> {
    if right { Ok(()) } else { Err(wrong(what)) }
}

fn wrong(what: &'static str) -> Error {
    Error::backend("checking an answer", std::io::Error::other(what))
}
