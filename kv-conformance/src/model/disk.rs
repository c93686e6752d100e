//! What stands in for a disk, so that the reference can be opened again.

use super::reference::Reference;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

/// Stores by their directories. Clones are the same disk.
#[derive(Clone, Default)]
pub struct Disk(Arc<Stores>);

type Stores = Mutex<HashMap<PathBuf, Reference>>;

/// The disk that a store lies on, which it does not keep, and where on it.
#[derive(Clone, Default)]
pub(super) struct Place {
    disk: Weak<Stores>,
    dir: PathBuf,
}

impl Disk {
    /// The store that was opened in a directory, as if it had been closed and was opened again; else what `new` makes. Branches
    /// of it are stores on the disk as well.
    pub fn open(&self, dir: &Path, new: impl FnOnce() -> Reference) -> Reference {
        let mut stores = self.0.lock();
        match stores.get(dir) {
            Some(store) => store.reopened(),
            None => {
                let store = new().at(Place { disk: Arc::downgrade(&self.0), dir: dir.to_owned() });
                stores.insert(dir.to_owned(), store.clone());
                store
            }
        }
    }
}

impl Place {
    /// Puts another store on the same disk, where there is one.
    pub(super) fn put(&self, dir: &Path, store: Reference) {
        if let Some(stores) = self.disk.upgrade() {
            stores.lock().insert(dir.to_owned(), store);
        }
    }

    /// The store's directory; empty where it lies in none.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.lock().keys()).finish()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("dir", &self.dir).finish_non_exhaustive()
    }
}
