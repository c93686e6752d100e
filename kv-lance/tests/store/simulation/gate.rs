//! Where the threads of a store wait at each of their operations on files until the schedule lets them go on.
//!
//! The simulation's own thread passes. Of the others one at a time does, as many operations as it was given; meanwhile all
//! others wait here or for work. So a seed decides how flushes, compactions and what is in the foreground interleave.

use super::super::Random;
use super::super::power::disk::{Disk, class};
use super::super::power::failure::{Access, Failure, Kind, Share};
use super::threads::{Threads, this};
use kv_conformance::simulation::{Fault, Happened};
use kv_lance::files::{FileHandle, Files, OpenMode};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{IoSlice, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::ThreadId;
use std::time::Duration;

/// A store that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at whether the simulation's own thread waits for somebody who waits here.
const WATCHES_EVERY: Duration = Duration::from_millis(4);

/// The most operations that a thread is given at once.
const BURST: u64 = 8;

/// What waits: the thread, what it is about to do, and to which file.
type Key = (String, &'static str, String, u64, u64);

struct Waiting {
    key: Key,
    ticket: u64,
}

struct State {
    /// The simulation's thread.
    own: ThreadId,
    random: Random,
    /// Everybody passes.
    open: bool,
    waiting: Vec<Waiting>,
    tickets: u64,
    granted: Option<u64>,
    /// How many more operations the thread that was let go may do.
    credit: Option<(ThreadId, u64)>,
    operations: u64,
    armed: Option<(Fault, u64, u64)>,
    happened: Happened,
    /// What the loss of power has left, and how that came.
    left: Option<(PathBuf, String)>,
    /// The numbers of files, in the order in which they were first used: their names differ each time.
    files: HashMap<PathBuf, u64>,
    trace: DefaultHasher,
    /// Whether the simulation's thread is the one that lets others go.
    schedules: bool,
    ended: bool,
}

/// The gate, and what is behind it.
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
    threads: Mutex<Threads>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

impl Gate {
    /// The calling thread is the simulation's.
    pub(super) fn new(seed: u64) -> Arc<Self> {
        let state = State {
            own: std::thread::current().id(),
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            open: false,
            waiting: vec![],
            tickets: 0,
            granted: None,
            credit: None,
            operations: 0,
            armed: None,
            happened: Happened::default(),
            left: None,
            files: HashMap::new(),
            trace: DefaultHasher::new(),
            schedules: false,
            ended: false,
        };
        let gate = Arc::new(Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            threads: Mutex::new(Threads::others()),
        });
        let watches = gate.clone();
        // It ends with the gate.
        drop(std::thread::Builder::new().name("watch".into()).spawn(move || watches.watch()).unwrap());
        gate
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What has been done so far, and by whom, as one number.
    pub(super) fn trace(&self) -> u64 {
        self.state().trace.finish()
    }

    pub(super) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Which file it is, in the order in which they were first used.
    fn number(&self, path: &Path) -> Option<u64> {
        self.state().files.get(path).copied()
    }

    /// Notes something that is no operation on a file.
    pub(super) fn note(&self, what: impl Hash) {
        what.hash(&mut self.state().trace);
    }

    pub(super) fn happened(&self) -> Happened {
        self.state().happened
    }

    pub(super) fn arm(&self, fault: Fault, after: u64, seed: u64) {
        let mut state = self.state();
        state.armed = Some((fault, state.operations + after, seed));
    }

    /// What a loss of power has left, if there was one. Nothing has gone wrong from then on.
    pub(super) fn take_left(&self) -> Option<(PathBuf, String)> {
        let mut state = self.state();
        state.armed = None;
        state.happened = Happened::default();
        state.left.take()
    }

    /// Lets everybody pass, or nobody.
    pub(super) fn set_open(&self, open: bool) {
        self.state().open = open;
        self.changed.notify_all();
    }

    /// Waits until all that is done in the background waits here, or for work.
    pub(super) fn rest(&self) {
        self.threads.lock().unwrap().rest();
    }

    /// Lets background work go on by up to so many operations; whether there was any.
    pub(super) fn let_go(&self, operations: u64) -> u64 {
        self.state().schedules = true;
        let mut left = operations;
        loop {
            self.rest();
            let Some(given) = self.grant(left).filter(|_| left > 0) else { break };
            left -= given;
        }
        self.state().schedules = false;
        operations - left
    }

    /// Lets one that waits go on, and says by how many operations it may; all must be at rest.
    fn grant(&self, most: u64) -> Option<u64> {
        let mut state = self.state();
        state.credit = None;
        if most == 0 || state.waiting.is_empty() {
            return None;
        }
        state.waiting.sort_by(|a, b| a.key.cmp(&b.key));
        let (chosen, burst) = (state.random.below(64) as usize % state.waiting.len(), 1 + state.random.below(BURST));
        let burst = burst.min(most);
        state.granted = Some(state.waiting[chosen].ticket);
        state.credit = Some((state.own, burst - 1));
        drop(state);
        self.changed.notify_all();
        Some(burst)
    }

    /// Called while the store has not answered: lets something go on, or waits for time to pass.
    pub(super) fn wait(&self, idle: &mut Duration) {
        if self.let_go(BURST) > 0 {
            *idle = Duration::ZERO;
            return;
        }
        self.state().schedules = true;
        let pause = if idle.is_zero() { Duration::from_micros(20) } else { Duration::from_millis(1) };
        std::thread::sleep(pause);
        *idle += pause;
        self.state().schedules = false;
        assert!(*idle < PATIENCE, "the store has not answered for {} s, and nothing of it runs", PATIENCE.as_secs());
    }

    /// Sees to it that the simulation's thread does not wait for ever for a lock of one that waits here.
    fn watch(&self) {
        self.threads.lock().unwrap().apart.push(this());
        let mut all = Threads::others();
        let mut before = None;
        loop {
            std::thread::sleep(WATCHES_EVERY);
            {
                let state = self.state();
                if state.ended {
                    return;
                }
                if state.schedules || state.open || state.waiting.is_empty() {
                    before = None;
                    continue;
                }
            }
            let now = all.look();
            if now.is_some() && now == before && !self.state().schedules {
                // The whole process has slept since the last look.
                self.grant(1);
                before = None;
            } else {
                before = now;
            }
        }
    }

    /// Ends the thread that watches.
    pub(super) fn end(&self) {
        self.state().ended = true;
    }

    /// Does an operation when its thread's turn has come, or lets it fail.
    fn operate<T>(
        &self,
        disk: &Disk,
        (what, access): (&'static str, Access),
        (path, at): (&Path, u64),
        operate: impl FnOnce(Share) -> Result<T>,
    ) -> Result<T> {
        let Some((fault, seed)) = self.pass(what, path, at) else { return operate(Share::All) };
        let lose = |when: &str| -> Result<()> {
            let image = disk.beside(&format!("image{}", self.operations()));
            let loss = disk.leave(&image, seed)?;
            let mut state = self.state();
            state.left = Some((image, format!("{loss:?} {when} {what} of {}", path.display())));
            state.happened.power_loss = true;
            Ok(())
        };
        match fault {
            Fault::PowerLoss if seed.is_multiple_of(2) => {
                lose("before")?;
                operate(Share::All)
            }
            Fault::PowerLoss => {
                let done = operate(Share::All);
                lose("after")?;
                done
            }
            Fault::Failure => {
                let kinds: Vec<Kind> = Kind::of(access).iter().copied().filter(|kind| *kind != Kind::Slow).collect();
                let kind = kinds[seed as usize % kinds.len()];
                self.state().happened.failures += 1;
                Failure { of: String::new(), at: 0, kind }.happen(access, operate)
            }
        }
    }

    /// Waits for the thread's turn. What is to go wrong with the operation.
    fn pass(&self, what: &'static str, path: &Path, at: u64) -> Option<(Fault, u64)> {
        let thread = std::thread::current();
        let mut state = self.state();
        let of = class(path);
        if !state.open && thread.id() != state.own {
            match &mut state.credit {
                Some((holder, left)) if *holder == thread.id() && *left > 0 => *left -= 1,
                _ => state = self.queue(state, what, &of, path, at),
            }
        }
        if state.open {
            return None;
        }
        let number = state.operations;
        state.operations += 1;
        let files = state.files.len() as u64;
        let file = *state.files.entry(path.into()).or_insert(files);
        let name = if thread.id() == state.own { "own" } else { thread.name().unwrap_or_default() };
        if std::env::var_os("KV_LANCE_SIMULATION_TRACE").is_some() {
            eprintln!("{number} {name} {what} {of} {file} {at}");
        }
        (number, name, what, &of, file, at).hash(&mut state.trace);
        let (fault, _, seed) = state.armed.take_if(|(_, due, _)| *due <= number)?;
        Some((fault, seed))
    }

    fn queue<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        what: &'static str,
        of: &str,
        path: &Path,
        at: u64,
    ) -> MutexGuard<'a, State> {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default().to_owned();
        let file = state.files.get(path).copied().unwrap_or(u64::MAX);
        state.tickets += 1;
        let ticket = state.tickets;
        state.waiting.push(Waiting { key: (name, what, of.to_owned(), file, at), ticket });
        while !state.open && state.granted != Some(ticket) {
            state = self.changed.wait(state).unwrap();
        }
        state.waiting.retain(|waiting| waiting.ticket != ticket);
        if state.granted == Some(ticket) {
            state.granted = None;
            let left = state.credit.map_or(0, |(_, left)| left);
            state.credit = Some((thread.id(), left));
        }
        state
    }
}

/// Files behind the gate.
#[derive(Debug)]
pub(super) struct GatedFiles {
    pub(super) gate: Arc<Gate>,
    pub(super) disk: Arc<Disk>,
}

impl GatedFiles {
    fn operate<T>(
        &self,
        what: (&'static str, Access),
        path: &Path,
        operate: impl FnOnce(&dyn Files) -> Result<T>,
    ) -> Result<T> {
        let files = self.disk.files();
        self.gate.operate(&self.disk, what, (path, 0), |_| operate(&*files))
    }
}

impl Files for GatedFiles {
    fn open(&self, path: &Path, how: OpenMode) -> Result<Arc<dyn FileHandle>> {
        let file = self.operate(("opening", Access::Open), path, |files| files.open(path, how))?;
        Ok(Arc::new(GatedFile { file, path: path.into(), gate: self.gate.clone(), disk: self.disk.clone() }))
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        self.operate(("creation", Access::Path), path, |files| files.create_dir(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.operate(("renaming", Access::Path), to, |files| files.rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.operate(("linking", Access::Path), to, |files| files.link(from, to))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.operate(("removal", Access::Path), path, |files| files.remove(path))
    }

    fn list(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        let mut paths = self.operate(("listing", Access::Open), dir, |files| files.list(dir))?;
        // Names of runs are random.
        paths.sort_by_cached_key(|path| (self.gate.number(path), path.clone()));
        Ok(paths)
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.operate(("sync_dir", Access::Open), dir, |files| files.sync_dir(dir))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        self.disk.files().exists(path)
    }

    fn len(&self, path: &Path) -> Result<u64> {
        self.disk.files().len(path)
    }
}

#[derive(Debug)]
struct GatedFile {
    file: Arc<dyn FileHandle>,
    path: PathBuf,
    gate: Arc<Gate>,
    disk: Arc<Disk>,
}

impl GatedFile {
    fn operate<T>(&self, what: (&'static str, Access), at: u64, operate: impl FnOnce(Share) -> Result<T>) -> Result<T> {
        self.gate.operate(&self.disk, what, (&self.path, at), operate)
    }
}

impl FileHandle for GatedFile {
    fn read_exact_at(&self, buf: &mut [u8], at: u64) -> Result<()> {
        let len = buf.len();
        self.operate(("a read", Access::Read), at, |share| self.file.read_exact_at(&mut buf[..share.of(len)], at))
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        let write = |share: Share| self.file.write_all_at(&bytes[..share.of(bytes.len())], at);
        self.operate(("a write", Access::Write), at, write)
    }

    fn write_vectored_at(&self, slices: &mut [IoSlice<'_>], at: u64) -> Result<()> {
        self.operate(("a write", Access::Write), at, |share| match share {
            Share::All => self.file.write_vectored_at(slices, at),
            Share::Half => {
                let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
                self.file.write_all_at(&bytes[..share.of(bytes.len())], at)
            }
        })
    }

    fn sync_data(&self) -> Result<()> {
        self.operate(("sync_data", Access::Handle), 0, |_| self.file.sync_data())
    }

    fn sync_all(&self) -> Result<()> {
        self.operate(("sync_all", Access::Handle), 0, |_| self.file.sync_all())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.operate(("a cut", Access::Handle), 0, |_| self.file.set_len(len))
    }

    fn len(&self) -> Result<u64> {
        self.file.len()
    }
}
