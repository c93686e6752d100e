//! Readers: stores that hold a copy of another's history, and another copy once they are refreshed.

use super::history::History;
use super::mutant::Mutant;
use super::reference::{Reference, Shared};
use async_trait::async_trait;
use kv_api::{
    Capabilities, ChangeFeed, ChangeFilter, Datastore, Error, Result, Tag, Transactable, TransactionOptions,
    TransactionType, Version,
};
use parking_lot::Mutex;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// What a reader holds: a store of its own, which nothing is committed to. Another takes its place, so that transactions keep theirs.
pub(super) type State = Arc<Mutex<Reference>>;

/// A store that is read alone.
pub(super) struct Reader {
    origin: Reference,
    state: State,
    shut_down: Arc<OnceLock<Version>>,
    /// Of a mutant: how often it was refreshed.
    refreshed: AtomicU64,
}

impl Reader {
    pub(super) fn open(origin: &Reference) -> Result<Self> {
        let bug = |mutant: Mutant| origin.shared().is(mutant);
        if bug(Mutant::ReaderOfNothing) && origin.newest() == 0 {
            return Err(Error::NotAStore { path: origin.shared().place.dir().into(), reason: "it is empty".into() });
        }
        if bug(Mutant::TracingReader) {
            leave_trace(origin.shared().place.dir())?;
        }
        let own = || Arc::new(Mutex::new(origin.as_read_alone()));
        let state = match bug(Mutant::SharedReader) {
            true => origin.shared().bugs.reader.lock().get_or_insert_with(own).clone(),
            false => own(),
        };
        let shut_down = if bug(Mutant::SharedShutdown) { origin.shared().shut_down.clone() } else { Arc::default() };
        Ok(Self { origin: origin.clone(), state, shut_down, refreshed: AtomicU64::new(0) })
    }

    /// What it holds, where it is open.
    fn state(&self) -> Result<Reference> {
        match self.shut_down.get() {
            Some(_) => Err(Error::StoreClosed),
            None => Ok(self.state.lock().clone()),
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.origin.shared().is(mutant)
    }

    /// Refuses what would write: with the error, or, for a mutant, with the answer of a store that does nothing.
    fn refuse<T>(&self, answer: T) -> Result<T> {
        self.state()?;
        if self.is(Mutant::ObligingReader) { Ok(answer) } else { Err(self.origin.shared().readonly()) }
    }

    fn needs(declared: bool, operation: &'static str) -> Result<()> {
        if declared { Ok(()) } else { Err(Error::Unsupported { operation }) }
    }

    /// Loses, for a mutant, what has been replaced in the store since its state was taken.
    fn lose_replaced(&self, state: &Reference) {
        let replaced = self.origin.shared().history.lock().compactions;
        let mut history = state.shared().history.lock();
        if history.compactions != replaced {
            history.lose_last();
        }
    }
}

/// Writes to a file, for a mutant.
fn leave_trace(dir: &Path) -> Result<()> {
    let path = dir.join("READER");
    let traced =
        std::fs::File::options().create(true).append(true).open(&path).and_then(|mut file| file.write_all(b"1"));
    traced.map_err(|e| Error::io("writing", path, e))
}

impl Reference {
    /// What the store holds now, to be read alone.
    fn as_read_alone(&self) -> Self {
        let bug = |mutant: Mutant| self.shared().is(mutant);
        let mut state = self.shared().history.lock().clone();
        state.read_by(self.shared());
        let history =
            if bug(Mutant::MovingReader) { self.shared().history.clone() } else { Arc::new(Mutex::new(state)) };
        self.clone().with(|shared| {
            let capabilities = shared.capabilities.clone();
            shared.capabilities = capabilities
                .branches(false)
                .change_feed(false)
                .read_checks(false)
                .safe_timestamps(bug(Mutant::SafeReader) && self.shared().capabilities.safe_timestamps);
            shared.history = history;
            shared.shut_down = Arc::default();
            shared.news = Arc::default();
            shared.stamps = Arc::default();
            shared.bugs = Arc::default();
            shared.read_alone = true;
        })
    }
}

impl Shared {
    /// Says that nothing can be written.
    pub(super) fn readonly(&self) -> Error {
        Error::StoreReadonly { path: self.place.dir().into() }
    }
}

impl History {
    /// What a reader of a mutant makes of it.
    fn read_by(&mut self, store: &Shared) {
        let newest = self.newest();
        match () {
            () if store.is(Mutant::LaggingReader) => self.cut_back(newest.saturating_sub(1)),
            () if store.is(Mutant::TornReader) => self.crash(Mutant::TornInCrash),
            () if store.is(Mutant::ReaderOfDeleted) => self.resurrect(),
            () if store.is(Mutant::ReaderWithoutPast) => self.prune(),
            () if store.is(Mutant::ReaderOfErased) => self.restore_erased(),
            () if store.is(Mutant::ReaderWithoutTags) => self.forget_tags(),
            () => {}
        }
    }
}

#[async_trait]
impl Datastore for Reader {
    fn kind(&self) -> &'static str {
        self.origin.kind()
    }

    fn capabilities(&self) -> Capabilities {
        self.state.lock().shared().capabilities.clone()
    }

    async fn begin(&self, options: TransactionOptions) -> Result<Box<dyn Transactable>> {
        let state = self.state()?;
        if options.kind == TransactionType::Write && !self.is(Mutant::WritingReader) {
            return Err(self.origin.shared().readonly());
        }
        if self.is(Mutant::ReaderOfReplaced) {
            self.lose_replaced(&state);
        }
        Ok(Box::new(state.transaction(options)?))
    }

    async fn current_version(&self) -> Result<Version> {
        let state = self.state.lock().clone();
        state.current_version().await
    }

    async fn shutdown(&self) -> Result<()> {
        self.shut_down.get_or_init(|| self.state.lock().newest());
        Ok(())
    }

    async fn flush(&self) -> Result<()> {
        self.refuse(())
    }

    async fn compact(&self) -> Result<()> {
        self.refuse(())
    }

    async fn changes_until(&self, _: Version, _: Version, _: ChangeFilter) -> Result<Box<dyn ChangeFeed>> {
        Err(Error::Unsupported { operation: "changes" })
    }

    async fn tag(&self, _: &str, version: Option<Version>) -> Result<Version> {
        Self::needs(self.capabilities().tags, "tag")?;
        self.refuse(version.unwrap_or_default())
    }

    async fn untag(&self, _: &str) -> Result<Version> {
        Self::needs(self.capabilities().tags, "untag")?;
        self.refuse(0)
    }

    async fn tags(&self) -> Result<Vec<Tag>> {
        Self::needs(self.capabilities().tags, "tags")?;
        self.state()?.tags().await
    }

    async fn branch(&self, _: &Path, _: Option<&str>) -> Result<Box<dyn Datastore>> {
        Self::needs(self.origin.shared().capabilities.branches, "branch")?;
        self.state()?;
        Err(self.origin.shared().readonly())
    }

    async fn reader(&self) -> Result<Box<dyn Datastore>> {
        self.state()?;
        Ok(Box::new(Self::open(&self.origin)?))
    }

    async fn refresh(&self) -> Result<Version> {
        self.state()?;
        let mut state = self.state.lock();
        let newest = self.origin.as_read_alone();
        if self.is(Mutant::BackwardReader) && self.refreshed.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            newest.cut_back(newest.newest().saturating_sub(1));
        }
        match () {
            () if self.is(Mutant::StuckReader) => {}
            () if self.is(Mutant::RefreshedSnapshot) => {
                let newest = newest.shared().history.lock().clone();
                *state.shared().history.lock() = newest;
            }
            () => *state = newest,
        }
        Ok(if state.shared().capabilities.versioned_reads { state.newest() } else { 0 })
    }
}
