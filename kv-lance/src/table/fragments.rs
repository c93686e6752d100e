//! Runs as fragments of the table, and whether a manifest holds exactly the engine's own.

use super::run::{FILE_VERSION, Run};
use super::schema;
use lance_table::format::{Fragment, Manifest};
use std::collections::HashSet;
use std::num::NonZero;

/// The fragment of a run. A commit assigns the id.
pub(super) fn of(run: &Run) -> Fragment {
    let (fields, columns) = schema::columns();
    Fragment::new(0)
        .with_file(run.name.clone(), fields, columns, FILE_VERSION, NonZero::new(run.disk_bytes()))
        .with_physical_rows(run.statistics().rows as usize)
}

/// The name of the one data file of a fragment that is as the engine writes them: none of its rows deleted or updated
/// in place, no column added or taken away.
pub(super) fn run_name(fragment: &Fragment) -> Option<&str> {
    let [file] = fragment.files.as_slice() else { return None };
    let (fields, columns) = schema::columns();
    let untouched = fragment.deletion_file.is_none() && fragment.overlays.is_empty() && file.base_id.is_none();
    (untouched && *file.fields == *fields && *file.column_indices == *columns).then_some(file.path.as_str())
}

/// Whether the manifest holds these runs, each once, and nothing else.
pub(super) fn are(manifest: &Manifest, runs: &[String]) -> bool {
    let expected: HashSet<&str> = runs.iter().map(String::as_str).collect();
    let found: HashSet<&str> = manifest.fragments.iter().filter_map(run_name).collect();
    manifest.fragments.len() == runs.len() && found == expected && schema::is_own(&manifest.schema)
}

/// The ids of the fragments that are none of these runs, or one a second time; and which of the runs are missing.
pub(super) fn difference<'a>(manifest: &Manifest, runs: impl Iterator<Item = &'a Run>) -> (Vec<u64>, Vec<Fragment>) {
    let mut missing: Vec<&Run> = runs.collect();
    let mut foreign = Vec::new();
    for fragment in manifest.fragments.iter() {
        match run_name(fragment).and_then(|name| missing.iter().position(|run| run.name == name)) {
            Some(at) => drop(missing.swap_remove(at)),
            None => foreign.push(fragment.id),
        }
    }
    (foreign, missing.into_iter().map(of).collect())
}
