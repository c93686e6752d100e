//! A disk that can lose its power: local files, and beside them what of each file and each
//! directory has been synced.

use super::failure::{Access, Failure, Share};
use super::image::{self, Loss};
use kv_lance::files::{FileHandle, Files, LocalFiles, OpenMode};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::File;
use std::io::{IoSlice, Result};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// What a name in a directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The number of the inode.
    File(u64),
    Dir,
}

/// A file, whatever its names.
#[derive(Debug)]
pub(crate) struct Inode {
    /// Kept open, so that its number is not given to another file.
    file: File,
    /// Which one it is, in the order in which they came to be known.
    pub(crate) order: usize,
    /// What was synced.
    pub(crate) durable: Option<Vec<u8>>,
}

impl Inode {
    /// What is in it now.
    pub(crate) fn current(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.file.metadata()?.len() as usize];
        FileExt::read_exact_at(&self.file, &mut bytes, 0)?;
        Ok(bytes)
    }
}

/// What would be left.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) inodes: HashMap<u64, Inode>,
    /// The entries of each directory that were synced.
    pub(crate) dirs: HashMap<PathBuf, BTreeMap<OsString, Entry>>,
    /// How often each kind of sync was asked for.
    pub(crate) syncs: BTreeMap<String, u64>,
    cuts: Vec<Cut>,
    random: u64,
    /// How often a file has come to be known.
    known: usize,
}

/// What a loss of power left, and what had been promised by then.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) image: PathBuf,
    /// At least so many commits are there.
    pub(crate) promised: u64,
    /// At most so many.
    pub(crate) begun: u64,
    /// The tags up to that of this commit are there.
    pub(crate) tagged: u64,
    /// The last commit that had been published.
    pub(crate) published: u64,
    /// When it was, for the message of a failure.
    pub(crate) moment: String,
}

/// When the power is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// Of a thousand operations that are no sync.
    pub(crate) others: u64,
    /// Of a thousand syncs, before and after each.
    pub(crate) syncs: u64,
    /// Decides where, and what is lost.
    pub(crate) seed: u64,
    /// What may become of what was not synced.
    pub(crate) losses: &'static [Loss],
}

#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    images: PathBuf,
    schedule: Schedule,
    /// A kind of sync that does nothing and says that it did.
    lie: Option<String>,
    pub(crate) promised: AtomicU64,
    pub(crate) begun: AtomicU64,
    pub(crate) tagged: AtomicU64,
    /// The last commit that has been published.
    pub(crate) published: AtomicU64,
    failure: Option<Failure>,
    /// Operations so far.
    operations: Mutex<BTreeMap<String, (Access, u64)>>,
    /// What has failed.
    pub(crate) failed: Mutex<Vec<String>>,
    state: Mutex<State>,
}

impl Disk {
    /// What lies below `root`, which is there. Images go below `images`.
    pub(crate) fn new(
        root: &Path,
        images: &Path,
        schedule: Schedule,
        lie: Option<&str>,
        failure: Option<Failure>,
    ) -> Arc<Self> {
        Arc::new(Self {
            root: root.into(),
            images: images.into(),
            schedule,
            lie: lie.map(str::to_owned),
            promised: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            tagged: AtomicU64::new(0),
            published: AtomicU64::new(0),
            failure,
            operations: Mutex::default(),
            failed: Mutex::new(vec![]),
            state: Mutex::new(State { random: schedule.seed, ..State::default() }),
        })
    }

    /// What a store is opened with.
    pub(crate) fn files(self: &Arc<Self>) -> Arc<dyn Files> {
        Arc::new(PoweredFiles(self.clone()))
    }

    /// Takes all that is there for synced: what the last loss of power has left.
    pub(crate) fn adopt(&self) -> Result<()> {
        let mut state = self.state();
        let mut dirs = vec![self.root.clone()];
        while let Some(dir) = dirs.pop() {
            state.sync_dir(&dir)?;
            for (name, entry) in state.dirs.get(&dir).cloned().unwrap_or_default() {
                match entry {
                    Entry::Dir => dirs.push(dir.join(name)),
                    Entry::File(number) => state.sync_file(number)?,
                }
            }
        }
        Ok(())
    }

    /// Where an image of this name goes.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.images.join(name)
    }

    /// Writes what a loss of power would leave now below `image`; the seed decides what.
    pub(crate) fn leave(&self, image: &Path, seed: u64) -> Result<Loss> {
        let mut state = self.state();
        state.random = seed;
        let loss = Loss::ALL[state.below(Loss::ALL.len() as u64) as usize];
        image::take(&mut state, &self.root, image, loss)?;
        Ok(loss)
    }

    pub(crate) fn cuts(&self) -> Vec<Cut> {
        std::mem::take(&mut self.state().cuts)
    }

    /// The kinds of syncs there were.
    pub(crate) fn syncs(&self) -> BTreeMap<String, u64> {
        self.state().syncs.clone()
    }

    /// The kinds of operations there were, what each needs, and how many there were.
    pub(crate) fn operations(&self) -> BTreeMap<String, (Access, u64)> {
        self.operations.lock().unwrap().clone()
    }

    /// Does it, or fails.
    fn operate<T>(
        &self,
        (what, access): (&str, Access),
        path: &Path,
        operate: impl FnOnce(Share) -> Result<T>,
    ) -> Result<T> {
        let of = format!("{what} of {}", if path == self.root { "root".into() } else { class(path) });
        let number = {
            let mut operations = self.operations.lock().unwrap();
            let (_, count) = operations.entry(of.clone()).or_insert((access, 0));
            *count += 1;
            *count - 1
        };
        let Some(failure) = &self.failure else { return operate(Share::All) };
        {
            let mut failed = self.failed.lock().unwrap();
            let met = if failed.is_empty() { failure.of == of && failure.at == number } else { true };
            if !met || failed.len() == failure.times() {
                return operate(Share::All);
            }
            failed.push(format!("{what} of {}", path.display()));
        }
        failure.happen(access, operate)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Does something that is no sync, and perhaps cuts the power after it.
    fn change<T>(&self, what: (&str, Access), path: &Path, change: impl FnOnce(Share) -> Result<T>) -> Result<T> {
        let mut state = self.state();
        let done = self.operate(what, path, change)?;
        state.cut_perhaps(self, self.schedule.others, || format!("after {} of {}", what.0, path.display()))?;
        Ok(done)
    }

    /// Syncs, and perhaps cuts the power before and after.
    fn sync(&self, kind: &str, path: &Path, sync: impl FnOnce(&mut State) -> Result<()>) -> Result<()> {
        let mut state = self.state();
        let name = format!("{kind} {}", class(path));
        state.cut_perhaps(self, self.schedule.syncs, || format!("before {kind} of {}", path.display()))?;
        *state.syncs.entry(name.clone()).or_default() += 1;
        if self.lie.as_ref() != Some(&name) {
            let access = if kind == "sync_dir" { Access::Open } else { Access::Handle };
            self.operate((kind, access), path, |_| sync(&mut state))?;
        }
        state.cut_perhaps(self, self.schedule.syncs, || format!("after {kind} of {}", path.display()))
    }
}

/// What kind of file it is, and of which table.
pub(crate) fn class(path: &Path) -> String {
    let is_table = |name: &str| ["kv.lance", "history.lance", "published.lance"].contains(&name);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = match path.extension() {
        Some(extension) if !is_table(&name) && !name.starts_with("RECORD") => {
            format!("*.{}", extension.to_string_lossy())
        }
        // What it says at the end of the journal is another promise than what it says at its
        // beginning.
        _ if name == "HEAD"
            && std::fs::read(path).is_ok_and(|head| head.get(16..24).is_some_and(|end| end != [0; 8])) =>
        {
            "HEAD, closed".into()
        }
        _ => name.into_owned(),
    };
    let above = path.ancestors().skip(1).filter_map(|path| path.file_name()?.to_str());
    match above.into_iter().find(|name| is_table(name)) {
        Some(table) => format!("{table}/{kind}"),
        None => kind,
    }
}

impl State {
    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (n ^ (n >> 31)) % limit
    }

    fn cut_perhaps(&mut self, disk: &Disk, of_a_thousand: u64, moment: impl Fn() -> String) -> Result<()> {
        if self.below(1000) >= of_a_thousand {
            return Ok(());
        }
        let losses = disk.schedule.losses;
        let loss = losses[self.below(losses.len() as u64) as usize];
        let image = disk.images.join(self.cuts.len().to_string());
        image::take(self, &disk.root, &image, loss)?;
        self.cuts.push(Cut {
            image,
            promised: disk.promised.load(Ordering::SeqCst),
            begun: disk.begun.load(Ordering::SeqCst),
            tagged: disk.tagged.load(Ordering::SeqCst),
            published: disk.published.load(Ordering::SeqCst),
            moment: format!("{loss:?} {}", moment()),
        });
        Ok(())
    }

    /// The inode at `path`, known from now on.
    fn learn(&mut self, path: &Path) -> Result<u64> {
        let file = File::open(path)?;
        let number = file.metadata()?.ino();
        self.known += 1;
        self.inodes.entry(number).or_insert(Inode { file, order: self.known, durable: None });
        Ok(number)
    }

    /// What is in a directory now; nothing where there is none.
    pub(crate) fn entries(&mut self, dir: &Path) -> Result<BTreeMap<OsString, Entry>> {
        let listed = match std::fs::read_dir(dir) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            listed => listed?,
        };
        let mut entries = BTreeMap::new();
        for entry in listed {
            let path = entry?.path();
            let found = match std::fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => Ok(Entry::Dir),
                Ok(_) => self.learn(&path).map(Entry::File),
                Err(e) => Err(e),
            };
            match found {
                Ok(found) => drop(entries.insert(path.file_name().unwrap_or_default().into(), found)),
                // Lance makes and removes files beside us.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        Ok(entries)
    }

    fn sync_file(&mut self, number: u64) -> Result<()> {
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.durable = Some(inode.current()?);
        }
        Ok(())
    }

    fn sync_dir(&mut self, dir: &Path) -> Result<()> {
        let entries = self.entries(dir)?;
        self.dirs.insert(dir.into(), entries);
        let named: Vec<u64> = self
            .dirs
            .values()
            .flat_map(|entries| entries.values())
            .filter_map(|entry| if let Entry::File(number) = entry { Some(*number) } else { None })
            .collect();
        self.inodes.retain(|number, inode| {
            named.contains(number) || inode.file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
        });
        Ok(())
    }
}

/// The disk as a file system.
#[derive(Debug)]
struct PoweredFiles(Arc<Disk>);

impl Files for PoweredFiles {
    fn open(&self, path: &Path, how: OpenMode) -> Result<Arc<dyn FileHandle>> {
        let open = |_| LocalFiles.open(path, how);
        let file = match how {
            OpenMode::Read | OpenMode::Write => self.0.operate(("opening", Access::Open), path, open)?,
            OpenMode::New | OpenMode::Replace => self.0.change(("creation", Access::Open), path, open)?,
        };
        let number = self.0.state().learn(path)?;
        Ok(Arc::new(DiskFile { file, number, path: path.into(), disk: self.0.clone() }))
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        self.0.change(("creation", Access::Path), path, |_| LocalFiles.create_dir(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.change(("renaming", Access::Path), to, |_| LocalFiles.rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.change(("linking", Access::Path), to, |_| LocalFiles.link(from, to))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.0.change(("removal", Access::Path), path, |_| LocalFiles.remove(path))
    }

    fn list(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        self.0.operate(("listing", Access::Open), dir, |_| LocalFiles.list(dir))
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.0.sync("sync_dir", dir, |state| state.sync_dir(dir))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        LocalFiles.exists(path)
    }

    fn len(&self, path: &Path) -> Result<u64> {
        LocalFiles.len(path)
    }
}

#[derive(Debug)]
struct DiskFile {
    file: Arc<dyn FileHandle>,
    number: u64,
    path: PathBuf,
    disk: Arc<Disk>,
}

impl FileHandle for DiskFile {
    fn read_exact_at(&self, buf: &mut [u8], at: u64) -> Result<()> {
        let len = buf.len();
        let read = |share: Share| self.file.read_exact_at(&mut buf[..share.of(len)], at);
        self.disk.operate(("a read", Access::Read), &self.path, read)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        let write = |share: Share| self.file.write_all_at(&bytes[..share.of(bytes.len())], at);
        let what = if bytes.iter().all(|byte| *byte == 0) { "making space" } else { "a write" };
        self.disk.change((what, Access::Write), &self.path, write)
    }

    fn write_vectored_at(&self, slices: &mut [IoSlice<'_>], at: u64) -> Result<()> {
        let write = |share: Share| match share {
            Share::All => self.file.write_vectored_at(slices, at),
            Share::Half => {
                let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
                self.file.write_all_at(&bytes[..share.of(bytes.len())], at)
            }
        };
        self.disk.change(("a write", Access::Write), &self.path, write)
    }

    fn sync_data(&self) -> Result<()> {
        self.disk.sync("sync_data", &self.path, |state| state.sync_file(self.number))
    }

    fn sync_all(&self) -> Result<()> {
        self.disk.sync("sync_all", &self.path, |state| state.sync_file(self.number))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.disk.change(("a cut", Access::Handle), &self.path, |_| self.file.set_len(len))
    }

    fn len(&self) -> Result<u64> {
        self.file.len()
    }
}
