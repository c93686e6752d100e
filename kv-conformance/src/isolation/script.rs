//! What the interleavings are written with.

use crate::case::Case;
use crate::fixture::{Mismatch, Store, Tx, text};
use kv_api::{Error, Isolation, KeyRange, Result, TransactionOptions};

/// A store, and the level that every transaction of a script asks for.
#[derive(Clone)]
pub(super) struct Script {
    pub(super) store: Store,
    pub(super) level: Isolation,
}

impl Script {
    pub(super) fn snapshot(store: Store) -> Self {
        Self { store, level: Isolation::Snapshot }
    }

    pub(super) fn serializable(store: Store) -> Self {
        Self { store, level: Isolation::Serializable }
    }

    /// Whether anomalies that snapshots allow are forbidden too.
    pub(super) fn is_serializable(&self) -> bool {
        self.level == Isolation::Serializable
    }

    /// Begins a write transaction.
    pub(super) async fn write(&self) -> Result<Tx> {
        self.begin(TransactionOptions::write()).await
    }

    /// Begins a read transaction.
    pub(super) async fn read(&self) -> Result<Tx> {
        self.begin(TransactionOptions::read()).await
    }

    async fn begin(&self, options: TransactionOptions) -> Result<Tx> {
        let options = if self.is_serializable() { options.serializable() } else { options };
        self.store.begin(options).await
    }

    /// Commits a transaction that only read. It is in order at its snapshot, so that snapshot isolation has no reason to
    /// refuse it; a serializable store may check its reads all the same.
    pub(super) async fn only_read(&self, tx: &Tx) -> Result<(), Mismatch> {
        match commits(tx).await? || self.is_serializable() {
            true => Ok(()),
            false => Err(Mismatch("a transaction that wrote nothing conflicts".into())),
        }
    }

    /// Hermitage's table: `1` is 10 and `2` is 20.
    pub(super) async fn given(&self) -> Result<()> {
        self.store.given("1=10 2=20").await.map(drop)
    }
}

/// Commits. Whether it did; a conflict is an answer and every other error a failure.
pub(super) async fn commits(tx: &Tx) -> Result<bool> {
    match tx.commit().await {
        Ok(()) => Ok(true),
        Err(Error::TransactionConflict { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

/// The rows whose value is a multiple of `divisor`: a read by predicate, as text.
pub(super) async fn multiples(tx: &Tx, divisor: i64) -> Result<String, Mismatch> {
    let mut found = Vec::new();
    for (key, val) in tx.rows(KeyRange::all()).await? {
        let number: i64 =
            text(&val).parse().map_err(|_| Mismatch(format!("'{}' is '{}', not a number", text(&key), text(&val))))?;
        if number % divisor == 0 {
            found.push(format!("{}={number}", text(&key)));
        }
    }
    Ok(found.join(" "))
}

/// The number under `key`; 0 where it has none.
pub(super) async fn number(tx: &Tx, key: &str) -> Result<i64, Mismatch> {
    match tx.val(key).await?.as_str() {
        "-" => Ok(0),
        val => val.parse().map_err(|_| Mismatch(format!("'{key}' is '{val}', not a number"))),
    }
}

/// The cases of one file, under snapshot isolation and, with `_serializable` after their names, serializable.
pub(super) type Levels = (Vec<Case>, Vec<Case>);

/// Registers `async fn(Script) -> Verdict`s at both levels.
macro_rules! at_both_levels {
    ($($case:ident),* $(,)?) => {
        (
            vec![$($crate::case::Case {
                name: stringify!($case),
                run: $crate::case::Run::Once(|store| {
                    Box::pin($case($crate::isolation::script::Script::snapshot(store)))
                }),
                needs: Vec::new(),
            }),*],
            vec![$($crate::case::Case {
                name: concat!(stringify!($case), "_serializable"),
                run: $crate::case::Run::Once(|store| {
                    Box::pin($case($crate::isolation::script::Script::serializable(store)))
                }),
                needs: Vec::new(),
            }),*],
        )
    };
}

pub(super) use at_both_levels;
