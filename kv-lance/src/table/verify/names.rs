//! Whether every run has both its names, and both are of the same bytes.

use super::Verifier;
use crate::files::{Files, OpenMode};
use crate::table::history_table;
use crate::table::state::Record;
use kv_api::{Error, Result};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const CHUNK: usize = 1 << 20;

impl Verifier {
    pub(super) fn check_names(&mut self, record: &Record) {
        let history = history_table::root(&self.root).join("data");
        let outside = record.runs().map(|name| (name, &self.links.data));
        let outside = outside.chain(record.history.iter().map(|name| (name.as_str(), &history)));
        let mut damage = Vec::new();
        for (name, dir) in outside {
            damage.extend(check(&*self.files(), &self.links.runs.join(name), &dir.join(name)).err());
        }
        self.report.damage.extend(damage);
    }
}

/// The store's own name of a file, and the table's.
fn check(files: &dyn Files, own: &Path, outside: &Path) -> Result<()> {
    let exists = |path: &Path| files.exists(path).map_err(|e| Error::io("looking for", path, e));
    match (exists(own)?, exists(outside)?) {
        (true, true) => {}
        (true, false) => return Err(Error::corruption(outside, "it is missing; the next open puts it back")),
        (false, true) => return Err(Error::corruption(own, "it is missing; the next open puts it back")),
        (false, false) => return Err(Error::corruption(own, "it is missing, and there is no other name for it")),
    }
    let inode = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino()));
    // A copy of a store may have two files.
    if inode(own).ok() != inode(outside).ok() && !same_bytes(files, own, outside)? {
        return Err(Error::corruption(outside, "it has other bytes than the store's own file of that name in 'runs'"));
    }
    Ok(())
}

fn same_bytes(files: &dyn Files, a: &Path, b: &Path) -> Result<bool> {
    let open = |path: &Path| {
        let file = files.open(path, OpenMode::Read)?;
        let len = file.len()?;
        Ok((file, len))
    };
    let failed = |path: &Path, e| Error::io("reading", path, e);
    let ((a_file, len), (b_file, other_len)) = (open(a).map_err(|e| failed(a, e))?, open(b).map_err(|e| failed(b, e))?);
    if len != other_len {
        return Ok(false);
    }
    let (mut ours, mut theirs) = (vec![0; CHUNK], vec![0; CHUNK]);
    for at in (0..len).step_by(CHUNK) {
        let size = (len - at).min(CHUNK as u64) as usize;
        ours.truncate(size);
        theirs.truncate(size);
        a_file.read_exact_at(&mut ours, at).map_err(|e| failed(a, e))?;
        b_file.read_exact_at(&mut theirs, at).map_err(|e| failed(b, e))?;
        if ours != theirs {
            return Ok(false);
        }
    }
    Ok(true)
}
