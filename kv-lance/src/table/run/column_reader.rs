//! Reads rows of one column of a run.
//!
//! Lance's file reader plans every read anew: it goes through the descriptions of all pages, sets up decoders for one, and hands
//! batches through a channel. For a block of some hundred rows that costs more than decoding it, so the column's scheduler,
//! which Lance offers by itself, is kept for the life of the run.

use arrow_array::ArrayRef;
use arrow_schema::Field as ArrowField;
use lance_core::cache::LanceCache;
use lance_core::datatypes::Field;
use lance_encoding::EncodingsIo;
use lance_encoding::compression::DefaultDecompressionStrategy;
use lance_encoding::decoder::{
    ColumnInfo, FilterExpression, MessageType, SchedulerContext, StructuralFieldDecoder, StructuralFieldScheduler,
    UnloadedPageShard,
};
use lance_encoding::encodings::logical::primitive::{
    StructuralPrimitiveFieldDecoder, StructuralPrimitiveFieldScheduler,
};
use parking_lot::Mutex;
use std::ops::Range;
use std::sync::Arc;

/// A column of a file, ready to decode any rows of it.
pub(super) struct ColumnReader {
    /// Locked to plan a read, not while it is done: `io` must read when its futures are polled.
    scheduler: Mutex<StructuralPrimitiveFieldScheduler>,
    field: Arc<ArrowField>,
    io: Arc<dyn EncodingsIo>,
    /// Holds nothing: what a page needs, the scheduler keeps.
    cache: Arc<LanceCache>,
    index_bytes: u64,
}

impl ColumnReader {
    /// Reads where every page has its chunks or, of large values, each value: some bytes for each 4 KiB of the column, or for each
    /// value. They stay in memory, as a value could not be found with a single read otherwise.
    pub(super) async fn open(field: &Field, column: Arc<ColumnInfo>, io: Arc<dyn EncodingsIo>) -> lance::Result<Self> {
        let index_bytes = column.page_infos.iter().map(|page| index_bytes(&page.buffer_offsets_and_sizes)).sum();
        let decompressors = Arc::new(DefaultDecompressionStrategy::default());
        let mut scheduler = StructuralPrimitiveFieldScheduler::try_new_lazy(column, decompressors, true, field)?;
        let cache = Arc::new(LanceCache::no_cache());
        let context = SchedulerContext::new(io.clone(), cache.clone());
        scheduler.initialize(None, &FilterExpression::no_filter(), &context).await?;
        Ok(Self { scheduler: Mutex::new(scheduler), field: Arc::new(ArrowField::from(field)), io, cache, index_bytes })
    }

    /// Bytes of memory that the places of chunks and values take.
    pub(super) fn index_bytes(&self) -> u64 {
        self.index_bytes
    }

    /// Decodes these rows, on the calling thread.
    pub(super) async fn read(&self, rows: Range<u64>) -> lance::Result<ArrayRef> {
        let count = rows.end.saturating_sub(rows.start);
        let mut decoder = StructuralPrimitiveFieldDecoder::new(&self.field, false);
        for page in self.plan(rows)? {
            decoder.accept_page(page.0.await?)?;
        }
        Ok(decoder.drain(count)?.decode()?.array)
    }

    /// The parts of pages that hold these rows.
    fn plan(&self, rows: Range<u64>) -> lance::Result<Vec<UnloadedPageShard>> {
        let mut context = SchedulerContext::new(self.io.clone(), self.cache.clone());
        let scheduler = self.scheduler.lock();
        let mut job = scheduler.schedule_ranges(&[rows], &FilterExpression::no_filter())?;
        let mut pages = Vec::new();
        loop {
            let lines = job.schedule_next(&mut context)?;
            // Else the first read would wait for others to join it, and yield to the runtime.
            context.flush_io();
            if lines.is_empty() {
                return Ok(pages);
            }
            let decoders = lines.into_iter().flat_map(|line| line.decoders);
            pages.extend(decoders.map(MessageType::into_structural));
        }
    }
}

/// What a page has beside its values, which are the greatest of its buffers.
fn index_bytes(buffers: &[(u64, u64)]) -> u64 {
    let sizes = || buffers.iter().map(|(_, size)| *size);
    sizes().sum::<u64>() - sizes().max().unwrap_or(0)
}
