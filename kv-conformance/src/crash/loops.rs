//! The loop: a child writes and is killed, again and again, and what it leaves is looked at.

use super::kill::{Hunt, Moment};
use super::ledger::Ledger;
use super::session::Session;
use super::verify::{Scope, verify};
use super::victim::Victim;
use crate::backend::Backend;
use crate::case::Random;
use crate::case::limited;
use crate::fixture::Failure;
use kv_api::Durability;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After so many loops a store has been through enough, and another begins.
const LOOPS_OF_A_STORE: u64 = 24;

/// The directory of the store, in a folder of its own.
const STORE: &str = "store";

/// What the first child may take to open its store.
const OPENING: Duration = Duration::from_millis(200);

/// Kills children that write to a store, and verifies what they leave.
///
/// Clients on several threads write to keys of their own, and to some that they share: sets,
/// deletes, conditional writes, range deletes, save points, all of a transaction or nothing. What
/// each does in its nth transaction follows from the seed, and each counts its transactions inside
/// the store; so the counters say what all of the store must hold, and the versions that were
/// acknowledged say what it held at each of them. A commit that was under way at the kill may be
/// there, as a whole.
///
/// The children are this program once more: its `main` has to begin with
/// [`child()`](super::child()).
#[derive(Debug, Clone)]
pub struct CrashLoop {
    backends: Vec<Backend>,
    loops: u64,
    seed: u64,
    dir: PathBuf,
}

/// What a loop of crashes has seen.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Children, by what they were doing when they were killed.
    pub kills: BTreeMap<Moment, u64>,
    /// Stores that were begun.
    pub stores: u64,
    /// How often everything was verified.
    pub verified: u64,
    /// Commits that were acknowledged.
    pub acknowledged: u64,
    /// Commits whose acknowledgement the kill came before, and that were there.
    pub unheard: u64,
    /// States of the past that were compared.
    pub versions: u64,
}

impl Tally {
    /// Children in all.
    pub fn loops(&self) -> u64 {
        self.kills.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills: Vec<String> = self.kills.iter().map(|(moment, count)| format!("{count} {moment}")).collect();
        write!(
            f,
            "{} children ({}), {} stores, {} verifications, {} commits acknowledged, {} found that were not, {} states of the past",
            self.loops(),
            kills.join(", "),
            self.stores,
            self.verified,
            self.acknowledged,
            self.unheard,
            self.versions
        )
    }
}

/// A store and what is known of it.
struct Trial<'l> {
    backend: &'l Backend,
    dir: PathBuf,
    seed: u64,
    ledger: Ledger,
    random: Random,
    opening: Duration,
}

impl CrashLoop {
    /// One store after the other, of these backends in turn, in folders below `dir`. All are
    /// [persistent](Backend::persistent).
    pub fn new(backends: impl IntoIterator<Item = Backend>, dir: impl Into<PathBuf>) -> Self {
        Self { backends: backends.into_iter().collect(), loops: 25, seed: 0, dir: dir.into() }
    }

    /// How many children there are. Default = 25.
    pub fn loops(mut self, loops: u64) -> Self {
        self.loops = loops;
        self
    }

    /// Decides what is written and, as far as the machine allows, when the children are killed.
    /// Default = 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs it, and says after each store how far it is.
    ///
    /// # Errors
    /// What is wrong, and where the store is that shows it: that folder stays.
    pub fn run(&self, mut progress: impl FnMut(&Tally)) -> Result<Tally, String> {
        let mut tally = Tally::default();
        let mut seed = self.seed;
        while tally.loops() < self.loops {
            let turn = tally.stores as usize % self.backends.len().max(1);
            let backend = self.backends.get(turn).ok_or("there is no backend to crash")?;
            let dir = self.dir.join(format!("{}-{seed}", backend.name));
            let loops = LOOPS_OF_A_STORE.min(self.loops - tally.loops());
            // As every suite does: a backend is given a directory that is there.
            let made = std::fs::create_dir_all(dir.join(STORE));
            made.map_err(|e| format!("creating {}: {e}", dir.display()))?;
            store(backend, &dir, seed, loops, &mut tally).map_err(|failure| {
                format!("{} with seed {seed}: {failure}\nthe store: {}", backend.name, dir.display())
            })?;
            std::fs::remove_dir_all(&dir).map_err(|e| format!("removing {}: {e}", dir.display()))?;
            progress(&tally);
            seed = seed.wrapping_add(1);
        }
        Ok(tally)
    }
}

/// The life of one store.
fn store(backend: &Backend, dir: &Path, seed: u64, loops: u64, tally: &mut Tally) -> Result<(), Failure> {
    let ledger = Ledger::new(backend.declared.durability < Durability::ProcessCrash);
    let random = Random::of(&[seed]);
    let mut trial = Trial { backend, dir: dir.join(STORE), seed, ledger, random, opening: OPENING };
    tally.stores += 1;
    for turn in 0..loops {
        let moment = Moment::draw(&mut trial.random);
        trial.child(moment, turn)?;
        *tally.kills.entry(moment).or_default() += 1;
        // Else the next child finds what this one has left.
        if turn + 1 == loops || trial.random.chance(40) {
            tally.versions += trial.verify()?;
            tally.verified += 1;
        }
    }
    tally.acknowledged += trial.ledger.acked;
    tally.unheard += trial.ledger.unheard;
    Ok(())
}

impl Trial<'_> {
    fn child(&mut self, moment: Moment, turn: u64) -> Result<(), Failure> {
        let session = Session {
            dir: self.dir.clone(),
            seed: self.seed,
            round: self.seed.wrapping_mul(1000).wrapping_add(turn),
            transactions: moment.transactions(&mut self.random),
            closes: moment.closes(),
        };
        let started = Instant::now();
        let hunt = Hunt {
            victim: Victim::start(self.backend, &session)?,
            started,
            ledger: &mut self.ledger,
            patience: self.backend.timeout,
            opening: &mut self.opening,
        };
        hunt.kill_at(moment, &mut self.random)
            .map_err(|failure| Failure::new(format!("child {turn}, killed {moment}: {failure}")))
    }

    fn verify(&mut self) -> Result<u64, Failure> {
        let (backend, dir) = (self.backend.clone(), self.dir.clone());
        let scope = Scope { seed: self.seed, versions: backend.declared.versioned_reads, prunes: backend.prunes };
        let after = Arc::new(Mutex::new((self.ledger.clone(), self.random.clone(), 0)));
        let seen = after.clone();
        limited(backend.timeout, async move {
            let (mut ledger, mut random, _) = seen.lock().clone();
            let db = backend.open(&dir).await?;
            let versions = verify(&*db, scope, &mut ledger, &mut random).await?;
            if random.chance(50) {
                db.shutdown().await?;
            }
            drop(db);
            *seen.lock() = (ledger, random, versions);
            Ok(())
        })?;
        let versions;
        (self.ledger, self.random, versions) = after.lock().clone();
        Ok(versions)
    }
}
