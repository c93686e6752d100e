//! What a simulated store stands on.

use futures::future::BoxFuture;
use kv_api::{Datastore, Result};
use std::sync::Arc;

/// Something that goes wrong below a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The power is lost: what was not synced is lost, kept or torn.
    PowerLoss,
    /// One operation fails, with or without having been done.
    Failure,
}

/// What has gone wrong since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Happened {
    /// The power has been lost. What the store does from then on is of no account.
    pub power_loss: bool,
    /// So many operations have failed.
    pub failures: u64,
}

/// Work that a store is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// [`flush`](Datastore::flush).
    Flush,
    /// [`compact`](Datastore::compact).
    Compact,
    /// A compaction that drops history but for what tags keep; one that keeps it, where there is no such thing.
    Forget,
    /// Holds compactions, where that can be done.
    Pause,
    /// Lets them go on.
    Resume,
}

/// A store, what it stands on, and what can happen to both. Opens a store that is empty at first.
///
/// Whoever polls the future of [`simulate`](super::simulate) has the last word on background work: while that future is
/// pending the world lets it go on, an operation at a time, until the store answers.
pub trait World: Send + Sync {
    /// Opens the store with what is there.
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Datastore>>>;

    /// Lets background work go on by so many of its operations, as far as there is any.
    fn go_on(&self, operations: usize) {
        let _ = operations;
    }

    /// Has something go wrong after so many operations of whatever part of the store, instead of what was to go wrong
    /// before. `seed` decides how.
    fn arm(&self, fault: Fault, after: u64, seed: u64) {
        let _ = (fault, after, seed);
    }

    /// What has gone wrong.
    fn happened(&self) -> Happened {
        Happened::default()
    }

    /// Ends the process of a store that is shut down or not, or that did not open: nobody else has it any more. Nothing is
    /// armed from then on, and nothing has gone wrong. With a seed, and where it was not lost before, the power is lost now;
    /// the seed decides what that leaves.
    fn end(&self, store: Option<Arc<dyn Datastore>>, power_loss: Option<u64>);

    /// Has the store do something.
    fn chore(&self, store: Arc<dyn Datastore>, chore: Chore) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            match chore {
                Chore::Flush => store.flush().await,
                Chore::Compact | Chore::Forget => store.compact().await,
                Chore::Pause | Chore::Resume => Ok(()),
            }
        })
    }

    /// Looks at the files of the store, which is not open; what is wrong with them.
    fn verify(&self) -> BoxFuture<'_, std::result::Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}
