//! Reads rows of one column of a run: those of most pages [from their bytes](super::stored), those of others by Lance's decoders.
//!
//! Lance's file reader plans every read anew: it goes through the descriptions of all pages, sets
//! up decoders for one, and hands batches through a channel. For a block of some hundred rows that
//! costs more than decoding it, so the column's scheduler, which Lance offers by itself, is kept:
//! one for each page, loaded when it is needed.
//!
//! This file and `stored` alone depend on Lance's inner formats and decoders, which may change with any release of Lance.
//! Files that an older build has written, under `tests/golden`, are read by a test.

use super::data_file::DataFile;
use super::index_cache::{IndexCache, Loaded, Slots};
use super::rows::{Rows, RowsBuilder};
use super::stored::{Shape, StoredPage};
use arrow_array::cast::AsArray;
use arrow_array::{Array, BinaryArray};
use arrow_schema::Field as ArrowField;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
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
use std::task::Poll;

/// Reads ranges of one file when the future is polled, on that thread: a cached `pread` takes 1 µs
/// where a hop to another thread takes 40.
#[derive(Debug)]
struct PreadIo(Arc<DataFile>);

impl EncodingsIo for PreadIo {
    fn submit_request(&self, ranges: Vec<Range<u64>>, _: u64) -> BoxFuture<'static, lance::Result<Vec<Bytes>>> {
        let file = self.0.clone();
        async move {
            let read: std::io::Result<Vec<Bytes>> = ranges.into_iter().map(|range| file.read(range)).collect();
            read.map_err(lance::Error::from)
        }
        .boxed()
    }
}

/// A column of a file, to decode any rows of it.
pub(super) struct ColumnReader {
    column: Arc<ColumnInfo>,
    /// The row after the last of each page.
    page_ends: Box<[u64]>,
    pages: Arc<Slots<Page>>,
    field: Field,
    arrow_field: Arc<ArrowField>,
    file: Arc<DataFile>,
    io: Arc<dyn EncodingsIo>,
    /// Holds nothing: what a page needs, its scheduler keeps.
    cache: Arc<LanceCache>,
}

/// Where a page has its chunks or, of large values, each value: some bytes for each 4 KiB of the
/// column, or for each value. A value could not be found with a single read otherwise.
enum Page {
    Stored(StoredPage),
    /// Locked to plan a read, not while it is done: `io` must read when its futures are polled.
    OfLance(Box<Mutex<StructuralPrimitiveFieldScheduler>>),
}

/// What the scheduler of a page takes besides: decoders, and their table of strings.
const PAGE_BYTES: u64 = 4 << 10;

/// What the description of a page takes that is kept for the life of the run.
const PAGE_INFO_BYTES: usize = 3 << 10;

impl ColumnReader {
    /// Reads nothing yet.
    pub(super) fn new(field: &Field, column: Arc<ColumnInfo>, file: Arc<DataFile>, cache: Arc<IndexCache>) -> Self {
        let mut end = 0u64;
        let page_ends = column.page_infos.iter().map(|page| {
            end = end.saturating_add(page.num_rows);
            end
        });
        Self {
            page_ends: page_ends.collect(),
            pages: Slots::new(column.page_infos.len(), cache),
            column,
            field: field.clone(),
            arrow_field: Arc::new(ArrowField::from(field)),
            io: Arc::new(PreadIo(file.clone())),
            file,
            cache: Arc::new(LanceCache::no_cache()),
        }
    }

    /// Bytes of memory that stay for as long as the run is open.
    pub(super) fn resident_bytes(&self) -> usize {
        size_of_val(&*self.page_ends) + self.pages.bytes() + self.page_ends.len() * PAGE_INFO_BYTES
    }

    /// The rows of the page that a row is in. No chunk goes on from one page to another.
    pub(super) fn page_of(&self, row: u64) -> Range<u64> {
        let page = self.page_ends.partition_point(|end| *end <= row);
        self.page_start(page)..self.page_ends.get(page).copied().unwrap_or(row)
    }

    fn page_start(&self, page: usize) -> u64 {
        page.checked_sub(1).and_then(|before| self.page_ends.get(before)).map_or(0, |end| *end)
    }

    /// Whether a row is known to be read without those around it.
    pub(super) fn reads_rows_alone(&self, row: u64) -> bool {
        let page = self.page_ends.partition_point(|end| *end <= row);
        self.pages.get(page).as_ref().is_some_and(|loaded| matches!(loaded.value, Page::Stored(_)))
    }

    /// Decodes these rows, on the calling thread.
    pub(super) async fn read(&self, rows: Range<u64>) -> lance::Result<Rows> {
        let mut read = RowsBuilder::with_capacity(rows.end.saturating_sub(rows.start) as usize);
        let mut page = self.page_ends.partition_point(|end| *end <= rows.start);
        let mut start = rows.start;
        while let Some(end) = self.page_ends.get(page).copied().filter(|_| start < rows.end) {
            let within = start..end.min(rows.end);
            let loaded = self.page(page).await?;
            match &loaded.value {
                Page::Stored(stored) => {
                    let first = self.page_start(page);
                    stored.rows(&self.file, (within.start - first) as u32..(within.end - first) as u32, &mut read)?;
                }
                Page::OfLance(scheduler) => {
                    let array = self.read_by_lance(scheduler, within.clone()).await?;
                    if read.is_empty() && within.end == rows.end {
                        return Ok(Rows::from(&array));
                    }
                    read.append_array(&array)?;
                }
            }
            (page, start) = (page + 1, end);
        }
        Ok(read.finish())
    }

    async fn read_by_lance(
        &self,
        scheduler: &Mutex<StructuralPrimitiveFieldScheduler>,
        rows: Range<u64>,
    ) -> lance::Result<BinaryArray> {
        let count = rows.end - rows.start;
        let mut decoder = StructuralPrimitiveFieldDecoder::new(&self.arrow_field, false);
        for part in self.plan(scheduler, rows)? {
            decoder.accept_page(part.0.await?)?;
        }
        let array = decoder.drain(count)?.decode()?.array;
        array.as_binary_opt::<i32>().cloned().ok_or_else(|| {
            lance::Error::corrupt_file_named("a run", format!("a column is of the type {}", array.data_type()))
        })
    }

    /// What is needed to read from a page, which is read where it is not in memory.
    async fn page(&self, page: usize) -> lance::Result<Arc<Loaded<Page>>> {
        if let Some(loaded) = &*self.pages.get(page) {
            return Ok(loaded.clone());
        }
        let info = self.column.page_infos.get(page);
        if let Some((info, shape)) = info.and_then(|info| Some((info, Shape::of(info)?))) {
            let stored = StoredPage::read(shape, info, &self.file)?;
            let bytes = stored.bytes() as u64;
            return Ok(self.pages.put(page, Page::Stored(stored), bytes));
        }
        let scheduler = self.scheduler(page).await?;
        let buffers = info.map_or(0, |page| index_bytes(&page.buffer_offsets_and_sizes));
        // A scheduler knows where all pages end.
        let bytes = buffers + PAGE_BYTES + size_of_val(&*self.page_ends) as u64;
        Ok(self.pages.put(page, Page::OfLance(Box::new(Mutex::new(scheduler))), bytes))
    }

    async fn scheduler(&self, page: usize) -> lance::Result<StructuralPrimitiveFieldScheduler> {
        let start = self.page_start(page);
        let rows = start..self.page_ends.get(page).map_or(start, |end| *end);
        let decompressors = Arc::new(DefaultDecompressionStrategy::default());
        let mut scheduler =
            StructuralPrimitiveFieldScheduler::try_new_lazy(self.column.clone(), decompressors, true, &self.field)?;
        let context = SchedulerContext::new(self.io.clone(), self.cache.clone());
        let (rows, filter) = ([rows], FilterExpression::no_filter());
        at_once(scheduler.initialize(Some(&rows), &filter, &context)).await?;
        Ok(scheduler)
    }

    /// The parts of a page that hold these rows.
    fn plan(
        &self,
        scheduler: &Mutex<StructuralPrimitiveFieldScheduler>,
        rows: Range<u64>,
    ) -> lance::Result<Vec<UnloadedPageShard>> {
        let mut context = SchedulerContext::new(self.io.clone(), self.cache.clone());
        let scheduler = scheduler.lock();
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

#[cfg(test)]
impl ColumnReader {
    /// The same as [`read`](Self::read), whatever shape pages have.
    pub(super) async fn read_all_by_lance(&self, rows: Range<u64>) -> lance::Result<BinaryArray> {
        let mut read = RowsBuilder::with_capacity(0);
        for page in 0..self.page_ends.len() {
            let of_page = self.page_start(page)..self.page_ends.get(page).copied().unwrap_or(0);
            let within = rows.start.max(of_page.start)..rows.end.min(of_page.end);
            if !within.is_empty() {
                let scheduler = Mutex::new(self.scheduler(page).await?);
                read.append_array(&self.read_by_lance(&scheduler, within).await?)?;
            }
        }
        Ok(read.finish().into_array())
    }

    /// How each page is read.
    pub(super) fn shapes(&self) -> Vec<&'static str> {
        let name = |page| match Shape::of(page) {
            Some(Shape::Chunks(_)) => "chunks",
            Some(Shape::Zipped(_)) => "zipped",
            None => "of Lance",
        };
        self.column.page_infos.iter().map(name).collect()
    }

    /// Where the buffers of pages are, and how long.
    pub(super) fn buffers(&self) -> impl Iterator<Item = (u64, u64)> {
        self.column.page_infos.iter().flat_map(|page| page.buffer_offsets_and_sizes.iter().copied())
    }
}

/// Polls a second time where the first has to be repeated: before its first read Lance yields to
/// the runtime once, so that other reads can join it, and here are none.
async fn at_once<T>(mut future: BoxFuture<'_, T>) -> T {
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Pending => future.as_mut().poll(context),
        ready => ready,
    })
    .await
}

/// What a page has beside its values, which are the greatest of its buffers.
fn index_bytes(buffers: &[(u64, u64)]) -> u64 {
    let sizes = || buffers.iter().map(|(_, size)| *size);
    sizes().sum::<u64>() - sizes().max().unwrap_or(0)
}
