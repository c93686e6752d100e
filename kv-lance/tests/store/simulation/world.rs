//! kv-lance as a world: its files, whose power can be lost, behind the gate.

use super::super::Random;
use super::super::power::disk::{Disk, Schedule};
use super::super::power::image::Loss;
use super::gate::{Gate, GatedFiles};
use futures::future::BoxFuture;
use kv_api::{CounterSource, Datastore, Result};
use kv_conformance::simulation::{Chore, Fault, Happened, World};
use kv_lance::{CommitOn, CompactOptions, Compression, Damage, Durability, LanceConfig, LanceDatastore, verify};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the store stands on now.
struct Ground {
    root: PathBuf,
    disk: Arc<Disk>,
    /// The store that is open.
    store: Option<Arc<LanceDatastore>>,
    /// Whether an operation has failed since the store was opened last.
    failed: bool,
    /// What was said of losses of power.
    losses: Vec<String>,
}

pub(super) struct LanceWorld {
    pub(super) gate: Arc<Gate>,
    ground: Mutex<Ground>,
    seed: u64,
    /// A kind of sync that does nothing and says that it did.
    lie: Option<String>,
    // Dropped last.
    dir: tempfile::TempDir,
}

impl LanceWorld {
    /// One that a seed decides.
    pub(super) fn new(seed: u64, lie: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("root");
        std::fs::create_dir(&root).unwrap();
        let lie = lie.map(str::to_owned);
        let disk = disk(&root, dir.path(), lie.as_deref());
        let ground = Mutex::new(Ground { root, disk, store: None, failed: false, losses: vec![] });
        Self { gate: Gate::new(seed), ground, seed, lie, dir }
    }

    /// How stores of this seed are opened.
    fn config(&self, dir: &Path) -> LanceConfig {
        let mut random = Random(self.seed.wrapping_mul(0xd134_2543_de82_ef95) | 1);
        random.below(2);
        let mut one_of = |n: u64| random.below(64) % n;
        let memtable = [1 << 10, 2 << 10, 8 << 10][one_of(3) as usize];
        LanceConfig::new(dir)
            .memtable_bytes(memtable)
            .partition_bytes(memtable)
            .block_bytes([128, 512][one_of(2) as usize])
            .frozen_memtables(1 + one_of(3) as usize)
            .compaction_threads(1 + one_of(2) as usize)
            .cache_bytes([0, 8 << 10, 1 << 20][one_of(3) as usize])
            .compression([Compression::None, Compression::Fsst][one_of(2) as usize])
            .commit_on(if one_of(4) == 0 { CommitOn::Thread } else { CommitOn::Caller })
            .versioned(one_of(6) != 0)
            .durability(if one_of(4) == 0 { Durability::Eventual } else { Durability::Immediate })
            // A flush alone makes anything durable then.
            .sync_interval(Duration::from_secs(3600))
            .retention(Duration::ZERO)
            .version_source(Arc::new(CounterSource::new()))
    }

    /// What was said of losses of power.
    pub(super) fn losses(&self) -> Vec<String> {
        self.ground.lock().unwrap().losses.clone()
    }

    /// Keeps the files of a failure.
    pub(super) fn keep(self) -> PathBuf {
        self.dir.keep()
    }
}

/// What the store does without where it cannot be synced, and the next open makes again: `HEAD` of a segment that is being
/// written, which vouches for its end, and history for other readers.
fn is_made_up_for(damage: &Damage) -> bool {
    let is_of_history = damage.path.components().any(|part| part.as_os_str() == "history.lance");
    is_of_history || damage.path.ends_with("journal/HEAD") || damage.what.ends_with("the next open puts it back")
}

/// A disk whose power is lost when the gate says so.
fn disk(root: &Path, images: &Path, lie: Option<&str>) -> Arc<Disk> {
    let schedule = Schedule { others: 0, syncs: 0, seed: 0, losses: &Loss::ALL };
    let disk = Disk::new(root, images, schedule, lie, None);
    disk.adopt().unwrap();
    disk
}

impl World for LanceWorld {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Datastore>>> {
        let (root, disk) = {
            let ground = self.ground.lock().unwrap();
            (ground.root.clone(), ground.disk.clone())
        };
        let files = GatedFiles { gate: self.gate.clone(), disk };
        let config = self.config(&root.join("store")).files(Arc::new(files));
        Box::pin(async move {
            let store = Arc::new(LanceDatastore::open(config).await?);
            let mut ground = self.ground.lock().unwrap();
            ground.store = Some(store.clone());
            // It has made up for that.
            ground.failed = false;
            drop(ground);
            Ok(store as Arc<dyn Datastore>)
        })
    }

    fn go_on(&self, operations: usize) {
        self.gate.let_go(operations as u64);
    }

    fn arm(&self, fault: Fault, after: u64, seed: u64) {
        self.gate.arm(fault, after, seed);
    }

    fn happened(&self) -> Happened {
        self.gate.happened()
    }

    fn end(&self, store: Option<Arc<dyn Datastore>>, power_loss: Option<u64>) {
        let mut ground = self.ground.lock().unwrap();
        self.gate.rest();
        ground.failed |= self.gate.happened().failures > 0;
        let mut left = self.gate.take_left();
        if let (None, Some(seed)) = (&left, power_loss) {
            let image = ground.disk.beside(&format!("image{}", self.gate.operations()));
            let loss = ground.disk.leave(&image, seed).unwrap();
            left = Some((image, format!("{loss:?} between two steps")));
        }
        let own = ground.store.take();
        if left.is_some() {
            // What it does without power is of no account.
            self.gate.set_open(true);
        }
        let ends = std::thread::Builder::new().name("end".into()).spawn(move || drop((store, own))).unwrap();
        let mut idle = Duration::ZERO;
        while !ends.is_finished() {
            self.gate.wait(&mut idle);
        }
        ends.join().unwrap();
        self.gate.set_open(false);
        let Some((image, how)) = left else { return };
        self.gate.note(how.len());
        ground.losses.push(how);
        std::fs::remove_dir_all(&ground.root).unwrap();
        ground.root = image.canonicalize().unwrap();
        ground.disk = disk(&ground.root, self.dir.path(), self.lie.as_deref());
    }

    fn chore(&self, store: Arc<dyn Datastore>, chore: Chore) -> BoxFuture<'static, Result<()>> {
        drop(store);
        let store = self.ground.lock().unwrap().store.clone();
        Box::pin(async move {
            let Some(store) = store else { return Ok(()) };
            match chore {
                Chore::Flush => store.flush().await?,
                Chore::Compact => store.compact().await?,
                Chore::Forget => store.compact_with(CompactOptions::no_history()).await?,
                Chore::Pause => store.pause_compactions(),
                Chore::Resume => store.resume_compactions(),
            }
            Ok(())
        })
    }

    fn verify(&self) -> BoxFuture<'_, std::result::Result<(), String>> {
        let (dir, failed) = {
            let ground = self.ground.lock().unwrap();
            (ground.root.join("store"), ground.failed)
        };
        Box::pin(async move {
            // A loss of power may leave nothing of a store that was being made.
            if !dir.join("LOCK").exists() {
                return Ok(());
            }
            match verify(&self.config(&dir)).await {
                Ok(found) => match found.damage.iter().find(|damage| !(failed && is_made_up_for(damage))) {
                    None => Ok(()),
                    Some(_) => Err(format!("{:?}", found.damage)),
                },
                Err(e) => Err(e.to_string()),
            }
        })
    }
}
