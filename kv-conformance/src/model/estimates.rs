//! Parts of a range, by counting its keys.

use super::mutant::Mutant;
use super::transaction::ReferenceTransaction;
use kv_api::{Key, KeyRange, Result};

impl ReferenceTransaction {
    /// Parts that hold as many keys each as can be.
    pub(super) async fn split_exactly(&self, range: KeyRange, n: usize) -> Result<Vec<KeyRange>> {
        let keys: Vec<Key> = self.view(&range, None).await?.into_keys().collect();
        self.state.lock().reads.touch(range.clone());
        let n = if self.store.is(Mutant::OneTooMany) { n + 1 } else { n }.min(keys.len());
        let bound = |part: usize| match self.store.is(Mutant::LopsidedSplit) {
            true => keys.get(part),
            false => keys.get(keys.len() * part / n),
        };
        let mut parts = range.split_at((1..n).filter_map(bound).cloned());
        let last = parts.len().saturating_sub(1);
        for part in parts.iter_mut().take(last) {
            if self.store.is(Mutant::OverlappingSplit) {
                part.end = part.end.as_deref().map(KeyRange::key_after);
            }
            if self.store.is(Mutant::SplitWithGaps) {
                part.end = keys.iter().rfind(|key| part.contains(key)).cloned();
            }
        }
        Ok(parts)
    }
}
