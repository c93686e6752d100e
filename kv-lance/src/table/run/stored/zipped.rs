//! A page whose rows lie one by one ("full zip"), as Lance writes them where any is longer than 256 bytes.
//!
//! In Lance's file format 2.2, integers little-endian, a row is
//!
//! ```text
//! 0, or another byte where the value is null and nothing follows; without nulls in the page, not there | length u32 | bytes
//! ```
//!
//! and another buffer of the page says where each row begins, and the last one ends, in as many bytes each as it takes.

use super::super::data_file::DataFile;
use super::super::rows::RowsBuilder;
use super::{Strings, damaged, room};
use crate::codec::number;
use bytes::Bytes;
use lance_encoding::format::metadata::FullZipLayout;
use lance_encoding::format::metadata::full_zip_layout::Details;
use std::ops::Range;

/// What the description of a page says.
#[derive(Debug)]
pub(in super::super) struct Zipped {
    has_nulls: bool,
    strings: Strings,
}

#[derive(Debug)]
pub(in super::super) struct ZippedPage {
    shape: Zipped,
    /// Where the rows begin in the file, and how many bytes there are.
    base: u64,
    len: u64,
    /// Where each row begins from there on, and the last one ends.
    places: Bytes,
    /// Bytes of a place.
    width: usize,
}

impl Zipped {
    pub(super) fn of(layout: &FullZipLayout) -> Option<Self> {
        let is_plain =
            layout.bits_rep == 0 && layout.bits_def <= 8 && layout.details == Some(Details::BitsPerOffset(32));
        let strings = Strings::of(layout.value_compression.as_ref())?;
        is_plain.then_some(Self { has_nulls: layout.bits_def > 0, strings })
    }
}

impl ZippedPage {
    pub(super) fn read(
        shape: Zipped,
        ((base, len), (places, places_len)): ((u64, u64), (u64, u64)),
        rows: u32,
        file: &DataFile,
    ) -> lance::Result<Self> {
        let count = u64::from(rows) + 1;
        let width = (places_len / count) as usize;
        if !(1..=8).contains(&width) || places_len % count != 0 {
            return Err(damaged("a page has another number of rows than places of rows"));
        }
        let places = file.read(places..places.saturating_add(places_len))?;
        Ok(Self { shape, base, len, places, width })
    }

    pub(super) fn bytes(&self) -> usize {
        self.places.len()
    }

    pub(super) fn rows(&self, file: &DataFile, rows: Range<u32>, out: &mut RowsBuilder) -> lance::Result<()> {
        let begin = self.place(rows.start).ok_or_else(fewer)?;
        let end = self.place(rows.end).ok_or_else(fewer)?;
        if begin > end || end > self.len {
            return Err(damaged("a page has rows that are not within it"));
        }
        let stored = file.read(self.base.saturating_add(begin)..self.base.saturating_add(end))?;
        let within = |row: u32| {
            let place = |row| self.place(row).and_then(|place| usize::try_from(place.checked_sub(begin)?).ok());
            let row = stored.get(place(row)?..place(row + 1)?)?;
            self.shape.row(row)
        };
        let mut rows = rows.map(|row| within(row).ok_or_else(|| damaged("a page has rows that are not within it")));
        match &self.shape.strings {
            Strings::Plain => rows.try_for_each(|row| {
                let row = row?;
                out.append(row, std::iter::once(row.len() as i32))
            }),
            Strings::Fsst(symbols) => room::decompress_each(symbols, rows, out),
        }
    }

    fn place(&self, row: u32) -> Option<u64> {
        let start = row as usize * self.width;
        let bytes = self.places.get(start..start + self.width)?;
        Some(number(bytes))
    }
}

impl Zipped {
    /// The bytes of a row; what is null has none.
    fn row<'a>(&self, mut row: &'a [u8]) -> Option<&'a [u8]> {
        if self.has_nulls {
            let (null, rest) = row.split_first()?;
            if *null != 0 {
                return rest.is_empty().then_some(rest);
            }
            row = rest;
        }
        let (length, bytes) = row.split_first_chunk()?;
        (u32::from_le_bytes(*length) as usize == bytes.len()).then_some(bytes)
    }
}

fn fewer() -> lance::Error {
    damaged("a page has fewer rows")
}
