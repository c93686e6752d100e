//! Transactions over any engine: writes are kept aside, and the engine checks and applies them at commit.

mod merge;
mod pending;
mod transaction;

use crate::Engine;
use async_trait::async_trait;
use kv_api::{Capabilities, Datastore, Error, Result, Transactable, TransactionOptions, Version};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use transaction::OptimisticTransaction;

/// A snapshot that a transaction, or the shutdown of the store, lets go of.
type Slot<S> = RwLock<Option<S>>;

/// A store over an engine. A transaction that only begins and reads never waits for another one.
pub struct Optimistic<E: Engine> {
    shared: Arc<Shared<E>>,
}

/// What the store and its transactions have in common.
struct Shared<E: Engine> {
    engine: E,
    open: Mutex<Open<E::Snapshot>>,
}

/// The snapshots that are open, so that a shutdown can take them away: engines do not release their files before.
struct Open<S> {
    slots: HashMap<u64, Weak<Slot<S>>>,
    next: u64,
    shut_down: bool,
}

impl<E: Engine> Optimistic<E> {
    /// A store over an engine that is open.
    pub fn new(engine: E) -> Self {
        let open = Mutex::new(Open { slots: HashMap::new(), next: 0, shut_down: false });
        Self { shared: Arc::new(Shared { engine, open }) }
    }
}

impl<E: Engine> Shared<E> {
    fn forget(&self, id: u64) {
        self.open.lock().slots.remove(&id);
    }

    fn is_shut_down(&self) -> bool {
        self.open.lock().shut_down
    }
}

#[async_trait]
impl<E: Engine> Datastore for Optimistic<E> {
    fn kind(&self) -> &'static str {
        self.shared.engine.kind()
    }

    fn capabilities(&self) -> Capabilities {
        self.shared.engine.capabilities()
    }

    async fn begin(&self, options: TransactionOptions) -> Result<Box<dyn Transactable>> {
        if options.isolation > self.capabilities().isolation {
            return Err(Error::Unsupported { operation: "serializable transactions" });
        }
        if self.shared.is_shut_down() {
            return Err(Error::StoreClosed);
        }
        let slot = Arc::new(RwLock::new(Some(self.shared.engine.snapshot(options.kind)?)));
        let mut open = self.shared.open.lock();
        if open.shut_down {
            return Err(Error::StoreClosed);
        }
        let id = open.next;
        open.next += 1;
        open.slots.insert(id, Arc::downgrade(&slot));
        drop(open);
        Ok(Box::new(OptimisticTransaction::new(self.shared.clone(), id, slot, options)))
    }

    async fn current_version(&self) -> Result<Version> {
        Err(Error::UnsupportedVersionedQueries)
    }

    async fn shutdown(&self) -> Result<()> {
        let slots = {
            let mut open = self.shared.open.lock();
            if open.shut_down {
                return Ok(());
            }
            open.shut_down = true;
            std::mem::take(&mut open.slots)
        };
        for slot in slots.into_values().filter_map(|slot| slot.upgrade()) {
            slot.write().take();
        }
        self.shared.engine.shutdown().await
    }

    async fn flush(&self) -> Result<()> {
        self.shared.engine.flush().await
    }

    async fn compact(&self) -> Result<()> {
        self.shared.engine.compact().await
    }
}
