//! Reads rows of a page from its bytes, without the rows around them.
//!
//! Lance decompresses whole chunks, into room for eight times their bytes, and through schedulers, decoders and builders that serve
//! every type: that costs several times what the rows of a block do. The pages of a run are of two shapes, and in both any row can be
//! decompressed by itself: byte strings, not nested and without a dictionary, as they are or compressed by FSST, in [chunks](chunks)
//! or, where some are long, [one by one](zipped). Those are read here, and others by Lance.

mod chunks;
mod room;
mod zipped;

use super::data_file::DataFile;
use super::rows::RowsBuilder;
use bytes::Bytes;
use chunks::{ChunkedPage, Chunks};
use lance_encoding::decoder::{PageEncoding, PageInfo};
use lance_encoding::format::metadata::compressive_encoding::Compression;
use lance_encoding::format::metadata::page_layout::Layout;
use lance_encoding::format::metadata::{CompressiveEncoding, Variable};
use std::ops::Range;
use zipped::{Zipped, ZippedPage};

/// What the description of a page says.
pub(super) enum Shape {
    Chunks(Chunks),
    Zipped(Zipped),
}

/// A page that can be read row by row, and where its rows are.
#[derive(Debug)]
pub(super) enum StoredPage {
    Chunked(ChunkedPage),
    Zipped(ZippedPage),
}

/// How byte strings are compressed.
#[derive(Debug)]
enum Strings {
    Plain,
    /// By FSST, with these symbols.
    Fsst(Bytes),
}

impl Strings {
    fn of(encoding: Option<&CompressiveEncoding>) -> Option<Self> {
        match encoding?.compression.as_ref()? {
            Compression::Variable(strings) if has_short_offsets(strings) => Some(Self::Plain),
            Compression::Fsst(fsst) => match Self::of(fsst.values.as_deref())? {
                Self::Plain => Some(Self::Fsst(fsst.symbol_table.clone())),
                Self::Fsst(_) => None,
            },
            _ => None,
        }
    }
}

/// Whether byte strings lie behind offsets of four bytes.
fn has_short_offsets(strings: &Variable) -> bool {
    let offsets = strings.offsets.as_deref().and_then(|offsets| offsets.compression.as_ref());
    strings.values.is_none()
        && matches!(offsets, Some(Compression::Flat(flat)) if flat.bits_per_value == 32 && flat.data.is_none())
}

impl Shape {
    /// What is to be known of a page; `None` where it is to be left to Lance.
    pub(super) fn of(page: &PageInfo) -> Option<Self> {
        let PageEncoding::Structural(layout) = &page.encoding else { return None };
        match layout.layout.as_ref()? {
            Layout::MiniBlockLayout(layout) => Chunks::of(layout).map(Self::Chunks),
            Layout::FullZipLayout(layout) => Zipped::of(layout).map(Self::Zipped),
            _ => None,
        }
    }
}

impl StoredPage {
    /// Reads where the rows of a page are.
    pub(super) fn read(shape: Shape, page: &PageInfo, file: &DataFile) -> lance::Result<Self> {
        let [first, second, ..] = &*page.buffer_offsets_and_sizes else {
            return Err(damaged("a page says nothing of where its rows are"));
        };
        let rows = u32::try_from(page.num_rows).map_err(|_| damaged("a page has more rows than a run"))?;
        match shape {
            Shape::Chunks(chunks) => Ok(Self::Chunked(ChunkedPage::read(chunks, (*first, *second), rows, file)?)),
            Shape::Zipped(zipped) => Ok(Self::Zipped(ZippedPage::read(zipped, (*first, *second), rows, file)?)),
        }
    }

    /// Bytes of memory, but for what the description of the page has as well.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Chunked(page) => page.bytes(),
                Self::Zipped(page) => page.bytes(),
            }
    }

    /// Appends rows of the page, which are counted from its first.
    pub(super) fn rows(&self, file: &DataFile, rows: Range<u32>, out: &mut RowsBuilder) -> lance::Result<()> {
        match self {
            _ if rows.is_empty() => Ok(()),
            Self::Chunked(page) => page.rows(file, rows, out),
            Self::Zipped(page) => page.rows(file, rows, out),
        }
    }
}

fn damaged(what: impl Into<String>) -> lance::Error {
    lance::Error::corrupt_file_named("a run", what.into())
}

#[cfg(test)]
mod tests;
