//! One process writes: the lock file of a store.

use crate::files::{self, Writes};
use kv_api::{Error, Result};
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;

const LOCK: &str = "LOCK";

/// Holds the store until it is dropped. The lock belongs to the open file, so the system lets it go if the process dies.
#[derive(Debug)]
pub(crate) struct StoreLock {
    file: File,
}

impl Drop for StoreLock {
    fn drop(&mut self) {
        // Closing the file is not enough where another thread is just starting a process, which inherits it for a moment.
        if let Err(e) = self.file.unlock() {
            tracing::warn!(error = %e, "the lock of a closed store was not let go; it goes with the process");
        }
    }
}

impl StoreLock {
    /// # Errors
    /// `StoreLocked`, which names the holder.
    pub(crate) fn acquire(store: &Path) -> Result<Self> {
        let path = store.join(LOCK);
        let failed = |e| Error::io("locking", &path, e);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = files::open(&mut options, &path, Writes::InPlace).map_err(failed)?;
        lock(&mut file, store)?;
        let mut name_holder = || {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(name_of_this_process().as_bytes())
        };
        name_holder().map_err(failed)?;
        Ok(Self { file })
    }

    /// The same, for looking alone: nothing is written. `None` where there is no lock file, and so nobody to exclude.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub(crate) fn acquire_to_read(store: &Path) -> Result<Option<Self>> {
        match files::open(File::options().read(true), &store.join(LOCK), Writes::Nothing) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            opened => {
                let mut file = opened.map_err(|e| Error::io("locking", store.join(LOCK), e))?;
                lock(&mut file, store)?;
                Ok(Some(Self { file }))
            }
        }
    }
}

/// # Errors
/// `StoreLocked`, `Io`.
fn lock(file: &mut File, store: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The holder may be writing its name just now. It is short.
            let _ = file.take(1 << 10).read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                name if name == name_of_this_process() => format!("{name} (this one)"),
                name => name.to_owned(),
            };
            Err(Error::StoreLocked { path: store.into(), holder })
        }
        Err(TryLockError::Error(e)) => Err(Error::io("locking", store.join(LOCK), e)),
    }
}

fn name_of_this_process() -> String {
    let host = rustix::system::uname();
    format!("process {} on {}", std::process::id(), host.nodename().to_string_lossy())
}
