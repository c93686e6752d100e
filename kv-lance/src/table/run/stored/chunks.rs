//! A page whose rows lie in chunks ("mini-blocks") of about 4 KiB.
//!
//! A chunk of Lance's file format 2.2, integers little-endian and each line from a multiple of eight bytes on:
//!
//! ```text
//! number of levels u16 | bytes of the levels u16, where there are any | bytes of the rows u16, or u32 in pages of large chunks
//! levels: which values are null. Those are empty here, and the row meta knows them
//! where each row begins in what follows from here on, and the last one ends, u32 each | rows
//! ```
//!
//! Another buffer of the page has a number of two or four bytes for each chunk: of its rows the logarithm in four bits, and the rest
//! says its bytes.

use super::super::data_file::DataFile;
use super::super::rows::RowsBuilder;
use super::{Strings, damaged, room};
use crate::codec::Reader;
use lance_encoding::format::metadata::MiniBlockLayout;
use std::ops::Range;

/// Chunks, and their parts, begin at a multiple of so many bytes.
const ALIGNMENT: usize = 8;

/// What the description of a page says.
#[derive(Debug)]
pub(in super::super) struct Chunks {
    has_levels: bool,
    is_large: bool,
    strings: Strings,
}

#[derive(Debug)]
pub(in super::super) struct ChunkedPage {
    shape: Chunks,
    /// Where the first chunk begins in the file.
    base: u64,
    /// Where each chunk ends, from there on.
    ends: Box<[u32]>,
    /// The row after the last of each chunk.
    row_ends: RowEnds,
}

#[derive(Debug)]
enum RowEnds {
    /// All chunks but the last have so many rows.
    Even {
        chunk: u32,
        rows: u32,
    },
    Each(Box<[u32]>),
}

impl RowEnds {
    fn new(ends: Vec<u32>) -> Self {
        let (chunk, rows) = (ends.first().map_or(0, |end| *end), ends.last().map_or(0, |end| *end));
        let is_even = |(before, end): (usize, &u32)| u64::from(*end) == u64::from(chunk) * (before as u64 + 1);
        let others = ends.split_last().map_or(&[][..], |(_, others)| others);
        // The last one may have more than each of the others.
        let last = u64::from(rows).saturating_sub(u64::from(chunk) * others.len() as u64);
        match chunk > 0 && last <= chunk.into() && others.iter().enumerate().all(is_even) {
            true => Self::Even { chunk, rows },
            false => Self::Each(ends.into()),
        }
    }

    /// The chunk that has a row.
    fn chunk_of(&self, row: u32) -> usize {
        match self {
            Self::Even { chunk, .. } => (row / (*chunk).max(1)) as usize,
            Self::Each(ends) => ends.partition_point(|end| *end <= row),
        }
    }

    fn rows_of(&self, chunk: usize) -> Option<Range<u32>> {
        match self {
            Self::Even { chunk: each, rows } => {
                let start = u32::try_from(chunk).ok()?.checked_mul(*each)?;
                Some(start..start.saturating_add(*each).min(*rows))
            }
            Self::Each(ends) => {
                let start = chunk.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied())?;
                Some(start..*ends.get(chunk)?)
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Even { .. } => 0,
            Self::Each(ends) => size_of_val::<[u32]>(ends),
        }
    }
}

impl Chunks {
    pub(super) fn of(layout: &MiniBlockLayout) -> Option<Self> {
        let is_nested = layout.rep_compression.is_some() || layout.repetition_index_depth > 0;
        let strings = Strings::of(layout.value_compression.as_ref())?;
        let has_levels = layout.def_compression.is_some();
        let is_plain = !is_nested && layout.dictionary.is_none() && layout.num_buffers == 1;
        is_plain.then_some(Self { has_levels, is_large: layout.has_large_chunk, strings })
    }
}

impl ChunkedPage {
    pub(super) fn read(
        shape: Chunks,
        ((words, words_len), (base, len)): ((u64, u64), (u64, u64)),
        rows: u32,
        file: &DataFile,
    ) -> lance::Result<Self> {
        let words = file.read(words..words.saturating_add(words_len))?;
        let chunks = if shape.is_large { words.len() / 4 } else { words.len() / 2 };
        let words: Box<dyn Iterator<Item = u32>> = match shape.is_large {
            true => Box::new(words.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word))),
            false => Box::new(words.as_chunks().0.iter().map(|word| u16::from_le_bytes(*word).into())),
        };
        let (mut ends, mut row_ends) = (Vec::with_capacity(chunks), Vec::with_capacity(chunks));
        let (mut end, mut row_end) = (0u64, 0u64);
        for (chunk, word) in words.enumerate() {
            end += (u64::from(word >> 4) + 1) * ALIGNMENT as u64;
            // Of the last one the number says nothing.
            row_end = if chunk + 1 == chunks { u64::from(rows) } else { row_end + (1 << (word & 15)) };
            let is_within = end <= len
                && row_end <= u64::from(rows)
                && row_ends.last().is_none_or(|last| u64::from(*last) < row_end);
            let (Ok(short_end), Ok(short_row), true) = (u32::try_from(end), u32::try_from(row_end), is_within) else {
                return Err(damaged("a page has chunks that are not within it"));
            };
            ends.push(short_end);
            row_ends.push(short_row);
        }
        if chunks == 0 {
            return Err(damaged("a page has no chunks"));
        }
        Ok(Self { shape, base, ends: ends.into(), row_ends: RowEnds::new(row_ends) })
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.ends) + self.row_ends.bytes()
    }

    pub(super) fn rows(&self, file: &DataFile, rows: Range<u32>, out: &mut RowsBuilder) -> lance::Result<()> {
        let (first, last) = (self.row_ends.chunk_of(rows.start), self.row_ends.chunk_of(rows.end - 1));
        let begin = self.start(first)?;
        let end = *self.ends.get(last).ok_or_else(|| damaged("a page has fewer rows"))?;
        // They lie one behind the other.
        let place = |at: u32| self.base.saturating_add(at.into());
        let stored = file.read(place(begin)..place(end))?;
        for chunk in first..=last {
            let (start, of_chunk) = (self.start(chunk)?, self.row_ends.rows_of(chunk));
            let end = self.ends.get(chunk).copied().unwrap_or(start);
            let bytes = stored.get((start - begin) as usize..(end - begin) as usize);
            let (Some(bytes), Some(of_chunk)) = (bytes, of_chunk) else { return Err(damaged("a page has fewer rows")) };
            let within = rows.start.max(of_chunk.start)..rows.end.min(of_chunk.end);
            let within = (within.start - of_chunk.start) as usize..within.end.saturating_sub(of_chunk.start) as usize;
            self.shape.decode(bytes, (of_chunk.end - of_chunk.start) as usize, within, out)?;
        }
        Ok(())
    }

    fn start(&self, chunk: usize) -> lance::Result<u32> {
        match chunk.checked_sub(1) {
            None => Ok(0),
            Some(before) => self.ends.get(before).copied().ok_or_else(|| damaged("a page has fewer rows")),
        }
    }
}

impl Chunks {
    /// Appends some of a chunk's rows.
    fn decode(&self, chunk: &[u8], rows: usize, within: Range<usize>, out: &mut RowsBuilder) -> lance::Result<()> {
        let cut = || damaged("a chunk ends before its rows");
        let vals = self.vals(chunk).ok_or_else(cut)?;
        let offsets = vals.get(..(rows + 1) * 4).ok_or_else(cut)?.as_chunks::<4>().0;
        let offsets = offsets.get(within.start..=within.end).ok_or_else(cut)?.iter().map(|at| u32::from_le_bytes(*at));
        let first = offsets.clone().next().unwrap_or(0);
        let last = offsets.clone().next_back().unwrap_or(0);
        let bytes = vals.get(first as usize..last as usize).ok_or_else(cut)?;
        if !offsets.clone().is_sorted() {
            return Err(damaged("a chunk has rows that end before they begin"));
        }
        let offsets = offsets.map(|at| (at - first) as i32);
        match &self.strings {
            Strings::Plain => out.append(bytes, offsets.skip(1)),
            Strings::Fsst(symbols) => room::decompress(symbols, bytes, offsets, out),
        }
    }

    /// Where a chunk has its offsets and rows.
    fn vals<'a>(&self, chunk: &'a [u8]) -> Option<&'a [u8]> {
        let mut header = Reader::new(chunk);
        let _levels = header.u16()?;
        let levels: usize = if self.has_levels { header.u16()?.into() } else { 0 };
        let len = if self.is_large { header.u32()? as usize } else { header.u16()?.into() };
        let at = chunk.len() - header.left();
        let start = (at.next_multiple_of(ALIGNMENT) + levels).next_multiple_of(ALIGNMENT);
        chunk.get(start..start.checked_add(len)?)
    }
}
