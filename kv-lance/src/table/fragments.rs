//! Runs as fragments of the table, and whether a manifest holds exactly the engine's own.

use super::FORMAT_VERSION;
use super::run::{FILE_VERSION, Run};
use super::schema::{self, Columns};
use lance::dataset::transaction::Operation;
use lance_table::format::{DataFile, Fragment, Manifest};
use std::collections::HashSet;
use std::num::NonZero;
use std::path::{Component, Path};
use std::sync::Arc;

/// The fragment of a run. A commit assigns the id.
pub(super) fn of(run: &Run) -> Fragment {
    let (fields, columns) = schema::field_ids();
    Fragment::new(0)
        .with_file(run.name.clone(), fields, columns, FILE_VERSION, NonZero::new(run.disk_bytes()))
        .with_physical_rows(run.statistics().rows as usize)
}

/// The name of the one data file of a fragment that is as the engine writes them: none of its rows deleted or updated
/// in place, no column added or taken away.
pub(super) fn run_name(fragment: &Fragment) -> Option<&str> {
    file_name(fragment).filter(|_| fragment.deletion_file.is_none())
}

/// The same of one whose rows may have been deleted.
pub(super) fn file_name(fragment: &Fragment) -> Option<&str> {
    let [file] = fragment.files.as_slice() else { return None };
    let (fields, columns) = schema::field_ids();
    let untouched = fragment.overlays.is_empty() && file.base_id.is_none();
    (untouched && *file.fields == *fields && *file.column_indices == *columns).then_some(file.path.as_str())
}

/// A file that another tool has given the table and that is not in the table's directory.
pub(super) fn outside(manifest: &Manifest) -> Option<String> {
    let leads_out = |file: &&DataFile| {
        let mut parts = Path::new(&file.path).components();
        file.base_id.is_some() || !parts.all(|part| matches!(part, Component::Normal(_)))
    };
    manifest.fragments.iter().find_map(|fragment| {
        let files = fragment.files.iter().chain(fragment.overlays.iter().map(|overlay| &overlay.data_file));
        let deletions = fragment.deletion_file.iter().filter(|file| file.base_id.is_some());
        let deletions = deletions.map(|_| format!("the deletions of fragment {}", fragment.id));
        files.filter(leads_out).map(|file| file.path.clone()).chain(deletions).next()
    })
}

/// Whether the manifest of the engine's table holds these runs, each once, and nothing else.
pub(super) fn are<'a>(manifest: &Manifest, runs: impl Iterator<Item = &'a str>) -> bool {
    are_of(manifest, runs, Columns::Current)
}

/// The same of either table.
pub(super) fn are_of<'a>(manifest: &Manifest, runs: impl Iterator<Item = &'a str>, columns: Columns) -> bool {
    let expected: HashSet<&str> = runs.collect();
    let found: HashSet<&str> = manifest.fragments.iter().filter_map(run_name).collect();
    manifest.fragments.len() == expected.len() && found == expected && schema::is_own(&manifest.schema, columns)
}

/// What turns the table into these runs and nothing else.
pub(super) fn operation<'a>(
    manifest: &Manifest,
    runs: impl Iterator<Item = &'a Arc<Run>>,
    columns: Columns,
) -> lance::Result<Operation> {
    if !schema::is_own(&manifest.schema, columns) {
        return Ok(Operation::Overwrite {
            fragments: runs.map(|run| of(run)).collect(),
            schema: schema::lance(columns, FORMAT_VERSION)?,
            config_upsert_values: None,
            initial_bases: None,
        });
    }
    let (removed, new) = difference(manifest, runs);
    Ok(update(removed, vec![], new))
}

/// Removes fragments by their ids, puts others in the place of those with their ids, and adds some.
pub(super) fn update(removed: Vec<u64>, updated: Vec<Fragment>, new: Vec<Fragment>) -> Operation {
    if removed.is_empty() && updated.is_empty() {
        return Operation::Append { fragments: new };
    }
    Operation::Update {
        removed_fragment_ids: removed,
        updated_fragments: updated,
        new_fragments: new,
        fields_modified: vec![],
        compacted_sstables: vec![],
        fields_for_preserving_frag_bitmap: vec![],
        update_mode: None,
        inserted_rows_filter: None,
        updated_fragment_offsets: None,
    }
}

/// The ids of the fragments that are none of these runs, or one a second time; and which of the runs are missing.
fn difference<'a>(manifest: &Manifest, runs: impl Iterator<Item = &'a Arc<Run>>) -> (Vec<u64>, Vec<Fragment>) {
    let mut missing: Vec<&Arc<Run>> = runs.collect();
    let mut foreign = Vec::new();
    for fragment in manifest.fragments.iter() {
        match run_name(fragment).and_then(|name| missing.iter().position(|run| run.name == name)) {
            Some(at) => drop(missing.swap_remove(at)),
            None => foreign.push(fragment.id),
        }
    }
    (foreign, missing.into_iter().map(|run| of(run)).collect())
}
