//! How a store is opened: a builder, the same knobs as URL parameters and as environment variables.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod knob;
mod units;
mod url;

use crate::files::{Files, LocalFiles};
use knob::KNOBS;
use kv_api::{HybridClock, MvccSource, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// When a commit is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// Once it is on the medium: it survives power loss. In a URL `sync=every`.
    #[default]
    Immediate,
    /// Once it is with the operating system: it survives the death of the process, and power loss after
    /// [`sync_interval`](LanceConfig::sync_interval). In a URL `sync=interval`.
    Eventual,
}

/// Which thread writes commits to the journal and waits for the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CommitOn {
    /// One of those who commit, which is blocked meanwhile: about 0.2 ms for each group of commits. The fastest where a
    /// runtime has threads to spare. In a URL `commit_on=caller`.
    #[default]
    Caller,
    /// A thread of the store: those who commit wait without blocking theirs, so that other tasks go on, also on a runtime
    /// with one thread. Costs each commit two hand-overs, some 40 µs. In a URL `commit_on=thread`.
    Thread,
}

/// How the keys and values of new runs are compressed, from their first merge on: what flushes write is not. Runs of every kind
/// can be read whatever the store is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    None,
    /// Each value for itself, by a table of frequent strings (Boncz, Neumann, Leis: "FSST: fast random access string compression", 2020).
    #[default]
    Fsst,
    /// LZ4, in chunks of some KiB; values from 256 bytes on each for itself.
    Lz4,
    /// Zstandard, as LZ4.
    Zstd,
}

impl Compression {
    pub(crate) const ALL: [Self; 4] = [Self::None, Self::Fsst, Self::Lz4, Self::Zstd];

    /// Its name as a parameter, and as Lance knows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Fsst => "fsst",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// A store of small memtables has thousands of files otherwise, and each commit of its table names them all.
const LEAST_PARTITION: u64 = 512 << 10;

/// Where a store is and how it is opened.
///
/// Every knob has a builder method, a URL parameter and an environment variable `KV_LANCE_<NAME>`; a URL goes before
/// the environment, which goes before the default. A value that is not allowed is an error, never a silent default.
///
/// | URL parameter | default | allowed |
/// |---|---|---|
/// | `versioned` | `true` | `true`, `false` |
/// | `retention` | `7d` | `0` (keeps all history) or `1ms` to `36500d` |
/// | `sync` | `every` | `every`, `interval`; see [`Durability`] |
/// | `sync_interval` | `200ms` | `1ms` to `1h` |
/// | `commit_on` | `caller` | `caller`, `thread`; see [`CommitOn`] |
/// | `memtable_bytes` | `32MiB` | `1KiB` to `4GiB` |
/// | `frozen_memtables` | `2` | `1` to `64` |
/// | `partition_bytes` | `0` | `0` (`memtable_bytes`, no less than `512KiB`) or `1KiB` to `4GiB` |
/// | `cache_bytes` | `256MiB` | `0` to `1024GiB` |
/// | `index_cache_bytes` | `128MiB` | `0` to `1024GiB` |
/// | `open_files` | `256` | `8` to `1048576` |
/// | `block_bytes` | `8KiB` | `64` to `1MiB` |
/// | `compaction_threads` | `2` | `1` to `64` |
/// | `compaction_bandwidth` | `0` | `0` (no limit) or `64KiB` to `1024GiB` |
/// | `compression` | `fsst` | `none`, `fsst`, `lz4`, `zstd`; see [`Compression`] |
/// | `background_optimize` | `true` | `true`, `false` |
/// | `reader_grace` | `10m` | `0` (none) or `1ms` to `36500d` |
/// | `create` | `true` | `true`, `false` |
/// | `shutdown_timeout` | `30s` | `1s` to `1h` |
///
/// A size is a number of bytes or ends in `KiB`, `MiB` or `GiB`; a duration ends in `ms`, `s`, `m`, `h` or `d`.
///
/// The documentation of `LanceConfig::from_url` says how a URL is written.
#[derive(Debug, Clone)]
pub struct LanceConfig {
    pub(crate) path: PathBuf,
    pub(crate) versioned: bool,
    /// Zero keeps all history.
    pub(crate) retention: Duration,
    pub(crate) durability: Durability,
    pub(crate) sync_interval: Duration,
    pub(crate) commit_on: CommitOn,
    pub(crate) memtable_bytes: u64,
    pub(crate) frozen_memtables: usize,
    /// Zero goes by the memtable.
    partition_bytes: u64,
    pub(crate) cache_bytes: u64,
    pub(crate) index_cache_bytes: u64,
    pub(crate) open_files: usize,
    pub(crate) block_bytes: u64,
    pub(crate) compression: Compression,
    pub(crate) background_optimize: bool,
    pub(crate) compaction_threads: usize,
    /// Zero is no limit.
    pub(crate) compaction_bandwidth: u64,
    pub(crate) reader_grace: Duration,
    pub(crate) create: bool,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) version_source: Arc<dyn MvccSource>,
    pub(crate) files: Arc<dyn Files>,
}

impl LanceConfig {
    /// The store in the folder `path`, with every knob at its default. The environment is not looked at.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            versioned: true,
            retention: Duration::from_secs(7 * 24 * 60 * 60),
            durability: Durability::Immediate,
            sync_interval: Duration::from_millis(200),
            commit_on: CommitOn::default(),
            memtable_bytes: 32 << 20,
            frozen_memtables: 2,
            partition_bytes: 0,
            cache_bytes: 256 << 20,
            index_cache_bytes: 128 << 20,
            open_files: 256,
            block_bytes: 8 << 10,
            compression: Compression::default(),
            background_optimize: true,
            compaction_threads: 2,
            compaction_bandwidth: 0,
            reader_grace: Duration::from_secs(10 * 60),
            create: true,
            shutdown_timeout: Duration::from_secs(30),
            version_source: Arc::new(HybridClock::new()),
            files: Arc::new(LocalFiles),
        }
    }

    /// The store that `url` names, with the knobs that its parameters and the environment set.
    ///
    /// | written | the store's folder |
    /// |---|---|
    /// | `lance:///srv/kv?sync=interval` | `/srv/kv` |
    /// | `lance:demo-store` | `demo-store` in the working folder |
    /// | `./demo-store`, `/srv/kv?create=false` | as written, up to the `?` |
    ///
    /// After `lance:` a `%` begins an escaped byte, so a `?` in a path is `%3F`; a plain path is taken as it is.
    ///
    /// ```
    /// use kv_lance::LanceConfig;
    /// let config = LanceConfig::from_url("lance:///srv/kv?sync=interval&cache_bytes=1GiB")?;
    /// assert_eq!(config.path(), std::path::Path::new("/srv/kv"));
    /// assert!(LanceConfig::from_url("lance:///srv/kv?snyc=interval").is_err());
    /// # Ok::<(), kv_api::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidConfiguration`](kv_api::Error::InvalidConfiguration) for another scheme, a value that is not allowed, and a parameter that is
    /// unknown or given twice.
    pub fn from_url(url: &str) -> Result<Self> {
        Self::from_url_and(url, |name| std::env::var_os(name))
    }

    /// The store in the folder `path`, with the knobs that the environment sets; variables that name no knob are ignored.
    ///
    /// # Errors
    /// [`InvalidConfiguration`](kv_api::Error::InvalidConfiguration) for a value that is not allowed.
    pub fn from_env(path: impl Into<PathBuf>) -> Result<Self> {
        Self::from_path_and(path.into(), |name| std::env::var_os(name))
    }

    /// Sets a knob by the name and the text that it has as a URL parameter, for who has the
    /// parameters of a URL as a map: names, values and checks are those of
    /// [`from_url`](Self::from_url). Of a knob that is set twice the last value counts.
    ///
    /// ```
    /// use kv_lance::LanceConfig;
    /// use std::collections::HashMap;
    ///
    /// let parameters = HashMap::from([("sync", "interval"), ("cache_bytes", "1GiB")]);
    /// let config = parameters
    ///     .iter()
    ///     .try_fold(LanceConfig::new("/srv/kv"), |config, (name, value)| config.parameter(name, value))?;
    /// assert!(config.parameter("snyc", "interval").is_err());
    /// # Ok::<(), kv_api::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidConfiguration`](kv_api::Error::InvalidConfiguration) for a value that is not
    /// allowed, and for an unknown name; the error then names those that there are.
    pub fn parameter(mut self, name: &str, value: &str) -> Result<Self> {
        knob::apply_parameter(&mut self, name, value)?;
        Ok(self)
    }

    /// Name, default and allowed values of every knob that a URL or the environment can set.
    pub fn knobs() -> impl Iterator<Item = (&'static str, String, &'static str)> {
        let defaults = Self::new("");
        KNOBS.iter().map(move |knob| (knob.name, (knob.shown)(&defaults), knob.allowed))
    }

    /// Returns the name of every knob that a URL or the environment can set, in the order of [`knobs`](Self::knobs), with
    /// the value that it has here, written as a URL would have it.
    ///
    /// ```
    /// let config = kv_lance::LanceConfig::new("/srv/kv").cache_bytes(1 << 30);
    /// assert!(config.settings().any(|setting| setting == ("cache_bytes", "1GiB".to_owned())));
    /// ```
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        KNOBS.iter().map(|knob| (knob.name, (knob.shown)(self)))
    }

    fn from_url_and(url: &str, lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let url = url::StoreUrl::parse(url)?;
        let mut config = Self::from_path_and(url.path, lookup)?;
        knob::apply_parameters(&mut config, &url.parameters)?;
        Ok(config)
    }

    fn from_path_and(path: PathBuf, lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let mut config = Self::new(path);
        knob::apply_environment(&mut config, lookup)?;
        Ok(config)
    }

    /// The store's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether commits keep their versions, so that reads can ask for one. Default = true.
    pub fn versioned(mut self, versioned: bool) -> Self {
        self.versioned = versioned;
        self
    }

    /// How long a value that was overwritten or deleted can still be read at its version, from 1 ms to 36,500 days; zero keeps all history.
    /// Default = 7 days.
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// When a commit is acknowledged; the parameter is called `sync`. Default = [`Durability::Immediate`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long a commit may wait for the medium under [`Durability::Eventual`], from 1 ms to 1 hour. Default = 200 ms.
    pub fn sync_interval(mut self, interval: Duration) -> Self {
        self.sync_interval = interval;
        self
    }

    /// Which thread writes commits to the journal. Default = [`CommitOn::Caller`].
    pub fn commit_on(mut self, commit_on: CommitOn) -> Self {
        self.commit_on = commit_on;
        self
    }

    /// The size at which the memtable is frozen and flushed, from 1 KiB to 4 GiB. Default = 32 MiB.
    pub fn memtable_bytes(mut self, bytes: u64) -> Self {
        self.memtable_bytes = bytes;
        self
    }

    /// How many frozen memtables may wait for their flush before writers wait too, from 1 to 64. Default = 2.
    pub fn frozen_memtables(mut self, count: usize) -> Self {
        self.frozen_memtables = count;
        self
    }

    /// The size that a file of a sorted level aims at, from 1 KiB to 4 GiB: level 1 has four of them,
    /// and each further one ten times the bytes of the one above. Larger ones are fewer, and more is
    /// written again for each flush. 0 = that of the memtable, and no less than 512 KiB. Default = 0.
    pub fn partition_bytes(mut self, bytes: u64) -> Self {
        self.partition_bytes = bytes;
        self
    }

    pub(crate) fn partition_size(&self) -> u64 {
        match self.partition_bytes {
            0 => self.memtable_bytes.max(LEAST_PARTITION),
            bytes => bytes,
        }
    }

    /// The budget of the cache of decoded blocks, up to 1024 GiB; 0 keeps none. Default = 256 MiB.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// The budget for the indexes of runs (keys that separate blocks, bloom filters, the places of
    /// values), of which the parts that are used are kept in memory, up to 1024 GiB; 0 keeps none.
    /// They take about 1 to 2% of the bytes that are read often. Default = 128 MiB.
    pub fn index_cache_bytes(mut self, bytes: u64) -> Self {
        self.index_cache_bytes = bytes;
        self
    }

    /// Data files that are kept open, whatever the number of runs; the journal and the table's manifests need some ten
    /// handles more. From 8 to 1,048,576. Default = 256.
    pub fn open_files(mut self, files: usize) -> Self {
        self.open_files = files;
        self
    }

    /// The bytes of keys and values that a block of a run aims at, from 64 B to 1 MiB. A small block makes point reads cheaper and
    /// the run's index larger. Default = 8 KiB.
    pub fn block_bytes(mut self, bytes: u64) -> Self {
        self.block_bytes = bytes;
        self
    }

    /// Whether runs are merged in the background as they become many, so that reads stay fast and what nobody can read any
    /// more goes. Without it they are merged when [`compact`](kv_api::Datastore::compact) is called. Default = true.
    pub fn background_optimize(mut self, yes: bool) -> Self {
        self.background_optimize = yes;
        self
    }

    /// How many threads merge runs, also those of one compaction, from 1 to 64. Default = 2.
    pub fn compaction_threads(mut self, threads: usize) -> Self {
        self.compaction_threads = threads;
        self
    }

    /// How many bytes of keys and values compactions may read in a second, all threads together, from 64 KiB to 1024 GiB; 0
    /// is no limit. Default = 0.
    pub fn compaction_bandwidth(mut self, bytes_per_second: u64) -> Self {
        self.compaction_bandwidth = bytes_per_second;
        self
    }

    /// How the keys and values of new runs are compressed once they are merged. Default = [`Compression::Fsst`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// How long other tools can go on reading a state of the table that has been replaced, from 1 ms to 36,500 days; zero
    /// removes replaced files with the next commit to the table. They go in any case once they take more than 256 MiB and than
    /// what is live. [Readers of this crate](crate::LanceDatastore::open_read_only) hold the files that they need, and need no
    /// grace. Default = 10 minutes.
    pub fn reader_grace(mut self, grace: Duration) -> Self {
        self.reader_grace = grace;
        self
    }

    /// Whether to make the store where there is none; else that is an error. Default = true.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// How long a shutdown waits for background work, from 1 second to 1 hour. Default = 30 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Where commit versions come from. Neither a URL nor the environment can set this. Default = [`HybridClock`].
    pub fn version_source(mut self, source: Arc<dyn MvccSource>) -> Self {
        self.version_source = source;
        self
    }

    /// The file system that the store is on. Neither a URL nor the environment can set this. Default = [`LocalFiles`].
    pub fn files(mut self, files: Arc<dyn Files>) -> Self {
        self.files = files;
        self
    }

    /// Refuses values outside their limits; opening a store calls this.
    ///
    /// # Errors
    /// [`InvalidConfiguration`](kv_api::Error::InvalidConfiguration) names the first knob whose value is not allowed.
    pub fn validate(&self) -> Result<()> {
        knob::validate(self)
    }
}

#[cfg(test)]
mod tests;
