//! `kv scan`: page by page, so that a store of any size can be printed.

use crate::args::Scan;
use crate::failure::Outcome;
use crate::output::Output;
use crate::read::key_range;
use crate::session::{Store, with_store};
use kv_api::{Datastore, Direction, Key, KeyRange, ScanLimit, Transactable, TransactionOptions, Val, Version};

const PAGE_ENTRIES: u32 = 1000;
const PAGE_BYTES: u32 = 4 << 20;

pub(crate) async fn scan(store: Store<'_>, args: &Scan, out: &mut Output) -> Outcome {
    let range = key_range(&args.range, out.format)?;
    with_store(store, async |store| {
        let tx = store.begin(TransactionOptions::read()).await?;
        let direction = if args.reverse { Direction::Backward } else { Direction::Forward };
        let version = args.at.version(store).await?;
        let mut pages = Pages { tx: tx.as_ref(), rest: range, direction, version };
        let mut left = args.limit.unwrap_or(u64::MAX);
        while left > 0 {
            let limit =
                ScanLimit::BytesOrCount(PAGE_BYTES, u32::try_from(left).map_or(PAGE_ENTRIES, |n| n.min(PAGE_ENTRIES)));
            let taken = if args.keys_only {
                let keys = pages.keys(limit).await?;
                keys.iter().try_for_each(|key| out.entry(key, None))?;
                keys.len()
            } else {
                let entries = pages.entries(limit).await?;
                entries.iter().try_for_each(|(key, val)| out.entry(key, Some(val)))?;
                entries.len()
            };
            if taken == 0 {
                break;
            }
            left = left.saturating_sub(taken as u64);
        }
        // While the store is open, so that a reader who left is noticed before the shutdown.
        Ok(out.flush()?)
    })
    .await
}

/// The pages of a range, in one transaction. An empty page is the end.
pub(crate) struct Pages<'a> {
    pub(crate) tx: &'a dyn Transactable,
    pub(crate) rest: KeyRange,
    pub(crate) direction: Direction,
    pub(crate) version: Option<Version>,
}

impl Pages<'_> {
    pub(crate) async fn keys(&mut self, limit: ScanLimit) -> kv_api::Result<Vec<Key>> {
        let range = self.rest.clone();
        let page = match self.direction {
            Direction::Forward => self.tx.keys(range, limit, 0, self.version).await?,
            Direction::Backward => self.tx.keysr(range, limit, 0, self.version).await?,
        };
        self.go_on_after(page.last());
        Ok(page)
    }

    pub(crate) async fn entries(&mut self, limit: ScanLimit) -> kv_api::Result<Vec<(Key, Val)>> {
        let range = self.rest.clone();
        let page = match self.direction {
            Direction::Forward => self.tx.scan(range, limit, 0, self.version).await?,
            Direction::Backward => self.tx.scanr(range, limit, 0, self.version).await?,
        };
        self.go_on_after(page.last().map(|(key, _)| key));
        Ok(page)
    }

    fn go_on_after(&mut self, last: Option<&Key>) {
        match (last, self.direction) {
            (None, _) => {}
            (Some(last), Direction::Forward) => self.rest.start = KeyRange::key_after(last),
            (Some(last), Direction::Backward) => self.rest.end = Some(last.clone()),
        }
    }
}
