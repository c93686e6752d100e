//! What another tool has made of a publication: which rows it has put there, and which it has taken away.

use super::commit_handler::{is_sealed, published_version};
use super::error::from_lance;
use super::fragments;
use super::manifests;
use super::published::PublishedTable;
use super::schema::{self, Columns};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use futures::TryStreamExt;
use kv_api::{Error, Key, Result, Val, Version};
use lance::Dataset;
use lance::dataset::ProjectionRequest;
use lance_table::format::Fragment;
use roaring::RoaringBitmap;
use std::collections::{HashMap, HashSet};

/// Rows whose keys are read at once.
const AT_ONCE: usize = 1 << 13;

/// What another tool has made of a publication.
#[derive(Debug, Default)]
pub(crate) struct Proposed {
    /// The version of the store that had been published.
    pub(crate) base: Version,
    /// The keys that it has given a value, or none.
    pub(crate) rows: HashMap<Key, Option<Val>>,
}

impl PublishedTable {
    /// What other tools have made of the newest publication; `None` where they have left the rows as they are. Keys and values of
    /// what they have written are in memory then, and the keys of what they have rewritten.
    ///
    /// # Errors
    /// `TableChanged` where that cannot be told, or is no row of a store; `Corruption`, `Io`.
    pub(crate) async fn proposed(&mut self) -> Result<Option<Proposed>> {
        if !self.table.exists()? {
            return Ok(None);
        }
        let newest = self.table.look().await?;
        if is_sealed(newest.manifest()) {
            return Ok(None);
        }
        let (base, version) = self.base(&newest).await?;
        if !schema::is_own(&newest.manifest().schema, Columns::Current) {
            return Err(self.refused("its columns are others"));
        }
        if let Some(file) = fragments::outside(newest.manifest()) {
            return Err(self.refused(&format!("{file} is not in its directory, and nothing outside of it is read")));
        }
        let mut rows = HashMap::new();
        let mut added = Vec::new();
        let by_name = |dataset: &Dataset| -> HashMap<String, Fragment> {
            let named = |fragment: &Fragment| Some((fragments::file_name(fragment)?.to_owned(), fragment.clone()));
            dataset.manifest().fragments.iter().filter_map(named).collect()
        };
        let (before, now) = (by_name(&base), by_name(&newest));
        for fragment in newest.manifest().fragments.iter() {
            if !fragments::file_name(fragment).is_some_and(|name| before.contains_key(name)) {
                added.push(fragment.clone());
            }
        }
        for (name, fragment) in &before {
            let hidden = self.hidden(fragment).await?;
            let gone = match now.get(name) {
                Some(now) => self.hidden(now).await? - hidden,
                None => {
                    let rows = u32::try_from(fragment.physical_rows.unwrap_or_default()).unwrap_or(u32::MAX);
                    let mut all = RoaringBitmap::new();
                    all.insert_range(0..rows);
                    all - hidden
                }
            };
            self.take_away(&base, fragment.id, &gone, &mut rows).await?;
        }
        if !added.is_empty() {
            self.put(&newest, added, &mut rows).await?;
        }
        Ok(Some(Proposed { base: version, rows }))
    }

    /// The newest version of the dataset that the engine has published.
    async fn base(&self, newest: &Dataset) -> Result<(Dataset, Version)> {
        for version in (1..newest.manifest().version).rev() {
            let Some(found) = manifests::version(newest, &self.table.root, version).await? else { continue };
            if let Some(published) = published_version(found.manifest()).filter(|_| is_sealed(found.manifest())) {
                return Ok((found, published));
            }
        }
        Err(self.refused("the version that had been published has been cleaned up"))
    }

    /// The keys of rows that were in the publication.
    async fn take_away(
        &self,
        base: &Dataset,
        fragment: u64,
        gone: &RoaringBitmap,
        rows: &mut HashMap<Key, Option<Val>>,
    ) -> Result<()> {
        let failed = |e| from_lance("reading what another tool has deleted of", &self.table.root, e);
        let addresses: Vec<u64> = gone.iter().map(|row| fragment << 32 | u64::from(row)).collect();
        for part in addresses.chunks(AT_ONCE) {
            let columns = ProjectionRequest::from_columns(["key"], base.schema());
            let batch = base.take_rows(part, columns).await.map_err(failed)?;
            let keys = batch.column_by_name("key").and_then(|keys| keys.as_binary_opt::<i32>());
            let keys = keys.filter(|keys| keys.len() == part.len());
            let keys = keys.ok_or_else(|| Error::corruption(&self.table.root, "a row of a publication is missing"))?;
            rows.extend(keys.iter().flatten().map(|key| (Key::from(key.to_vec()), None)));
        }
        Ok(())
    }

    /// The rows of fragments that were not in the publication.
    async fn put(&self, newest: &Dataset, added: Vec<Fragment>, rows: &mut HashMap<Key, Option<Val>>) -> Result<()> {
        let failed = |e| from_lance("reading what another tool has written to", &self.table.root, e);
        let mut seen = HashSet::new();
        let mut scan = newest.scan();
        scan.with_fragments(added).project(&["key", "val"]).map_err(failed)?;
        let mut batches = scan.try_into_stream().await.map_err(failed)?;
        while let Some(batch) = batches.try_next().await.map_err(failed)? {
            let (keys, vals) = self.keys_and_vals(&batch)?;
            for row in 0..batch.num_rows() {
                let key = Key::from(keys.value(row).to_vec());
                if !seen.insert(key.clone()) {
                    return Err(self.refused(&format!("the key {key:?} has been written twice")));
                }
                rows.insert(key, vals.is_valid(row).then(|| Val::from(vals.value(row).to_vec())));
            }
        }
        Ok(())
    }

    fn keys_and_vals<'a>(
        &self,
        batch: &'a RecordBatch,
    ) -> Result<(&'a arrow_array::BinaryArray, &'a arrow_array::BinaryArray)> {
        let column = |name: &str| batch.column_by_name(name)?.as_binary_opt::<i32>();
        let columns = column("key").zip(column("val"));
        columns.ok_or_else(|| Error::corruption(&self.table.root, "a column is of another type"))
    }

    fn refused(&self, what: &str) -> Error {
        let reason = format!("{what}; nothing was adopted, and the next publication undoes it");
        Error::TableChanged { path: self.table.root.clone(), reason }
    }
}
