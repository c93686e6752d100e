//! A backend under test, as its author registers it.

use futures::future::BoxFuture;
use kv_api::{Capabilities, Datastore, Isolation, Result};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What happens to a case's data before it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Settle {
    /// Nothing: it may be in memory.
    #[default]
    Nothing,
    /// [`Datastore::flush`]: it is in the store's files at rest.
    Flush,
    /// The store is shut down, dropped and opened again. For a persistent backend alone.
    Reopen,
}

type Open = dyn Fn(PathBuf) -> BoxFuture<'static, Result<Arc<dyn Datastore>>> + Send + Sync;

/// One configuration of a store, and what it promises.
#[derive(Clone)]
pub struct Backend {
    pub(crate) name: String,
    open: Arc<Open>,
    pub(crate) persistent: bool,
    pub(crate) declared: Capabilities,
    pub(crate) settle: Settle,
    pub(crate) waived: Vec<(String, String)>,
    pub(crate) timeout: Duration,
    pub(crate) sequences: f64,
    pub(crate) prunes: bool,
    pub(crate) dies_in_process: bool,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Backend {
    /// A store in a directory. `open` gets one that is empty at first; after a shutdown it gets the same one again and
    /// must find the data there.
    pub fn persistent<Open, Opening, Store>(name: impl Into<String>, open: Open) -> Self
    where
        Open: Fn(PathBuf) -> Opening + Send + Sync + 'static,
        Opening: Future<Output = Result<Store>> + Send + 'static,
        Store: Datastore + 'static,
    {
        Self::new(name.into(), true, open)
    }

    /// A store that lives as long as its value. `open` makes an empty one.
    pub fn memory<Open, Opening, Store>(name: impl Into<String>, open: Open) -> Self
    where
        Open: Fn() -> Opening + Send + Sync + 'static,
        Opening: Future<Output = Result<Store>> + Send + 'static,
        Store: Datastore + 'static,
    {
        Self::new(name.into(), false, move |_| open())
    }

    fn new<Open, Opening, Store>(name: String, persistent: bool, open: Open) -> Self
    where
        Open: Fn(PathBuf) -> Opening + Send + Sync + 'static,
        Opening: Future<Output = Result<Store>> + Send + 'static,
        Store: Datastore + 'static,
    {
        let open = move |dir| -> BoxFuture<'static, Result<Arc<dyn Datastore>>> {
            let opening = open(dir);
            Box::pin(async move { Ok(Arc::new(opening.await?) as Arc<dyn Datastore>) })
        };
        Self {
            name,
            open: Arc::new(open),
            persistent,
            declared: Capabilities::new(Isolation::Snapshot),
            settle: Settle::Nothing,
            waived: Vec::new(),
            timeout: Duration::from_secs(60),
            sequences: 1.0,
            prunes: false,
            dies_in_process: false,
        }
    }

    /// As it was registered.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the store promises; it must report the same. Default = snapshot isolation and nothing else.
    pub fn capabilities(mut self, declared: Capabilities) -> Self {
        self.declared = declared;
        self
    }

    /// What happens to data before it is checked. Default = [`Settle::Nothing`].
    pub fn settle(mut self, settle: Settle) -> Self {
        self.settle = settle;
        self
    }

    /// Expects `case` (`suite::case`) to fail, because of `reason`. Once it passes, the run fails until the waiver is
    /// gone.
    pub fn waive(mut self, case: impl Into<String>, reason: impl Into<String>) -> Self {
        self.waived.push((case.into(), reason.into()));
        self
    }

    /// How long a case, or one sequence of the property suite, may take. Default = 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Scales the number of the property suite's sequences, and of the crash suite's kills, for a store that is slow to open. Default = 1.
    pub fn sequences(mut self, factor: f64) -> Self {
        self.sequences = factor;
        self
    }

    /// Whether the store is opened so that it may forget its history while a case runs. Default = false: a version that was
    /// acknowledged can be read again after a crash.
    pub fn prunes(mut self, yes: bool) -> Self {
        self.prunes = yes;
        self
    }

    /// Has the crash suite kill tasks of this process, for what stands in for a store on disk.
    #[cfg(test)]
    pub(crate) fn dies_in_process(mut self) -> Self {
        self.dies_in_process = true;
        self
    }

    pub(crate) async fn open(&self, dir: &Path) -> Result<Arc<dyn Datastore>> {
        (self.open)(dir.to_owned()).await
    }

    pub(crate) fn waiver(&self, case: &str) -> Option<&str> {
        self.waived.iter().find(|(waived, _)| waived == case).map(|(_, reason)| reason.as_str())
    }
}
