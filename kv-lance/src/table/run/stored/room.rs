//! Decompresses byte strings in memory that a thread keeps: FSST wants room for eight times the bytes before it knows how many
//! there are.

use super::super::rows::RowsBuilder;
use super::damaged;
use std::cell::RefCell;

/// FSST decompresses a byte to so many at most.
const MOST_EXPANDED: usize = 8;

/// So many bytes are decompressed at a time, or a single row.
const PIECE: usize = 16 << 10;

/// A thread keeps room of this size.
const KEPT: usize = 2 * PIECE * MOST_EXPANDED;

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

#[derive(Default)]
struct Room {
    /// Rows that wait, where they do not lie one behind the other.
    packed: Vec<u8>,
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    ends: Vec<i32>,
}

/// Appends rows that lie between `offsets` in `bytes`, which begin with 0.
pub(super) fn decompress(
    symbols: &[u8],
    bytes: &[u8],
    offsets: impl Iterator<Item = i32>,
    out: &mut RowsBuilder,
) -> lance::Result<()> {
    ROOM.with_borrow_mut(|room| {
        room.offsets.clear();
        room.offsets.extend(offsets);
        room.decompress(symbols, bytes, out)
    })
}

/// Appends rows that lie apart.
pub(super) fn decompress_each<'a>(
    symbols: &[u8],
    rows: impl Iterator<Item = lance::Result<&'a [u8]>>,
    out: &mut RowsBuilder,
) -> lance::Result<()> {
    ROOM.with_borrow_mut(|room| {
        room.begin();
        for row in rows {
            let row = row?;
            if !room.packed.is_empty() && room.packed.len() + row.len() > PIECE {
                room.decompress_packed(symbols, out)?;
            }
            room.packed.extend_from_slice(row);
            let end = i32::try_from(room.packed.len()).map_err(|_| damaged("a row has more than 2 GiB"))?;
            room.offsets.push(end);
        }
        room.decompress_packed(symbols, out)
    })
}

impl Room {
    fn begin(&mut self) {
        self.packed.clear();
        self.offsets.clear();
        self.offsets.push(0);
    }

    fn decompress_packed(&mut self, symbols: &[u8], out: &mut RowsBuilder) -> lance::Result<()> {
        let packed = std::mem::take(&mut self.packed);
        self.decompress(symbols, &packed, out)?;
        if packed.capacity() <= KEPT {
            self.packed = packed;
        }
        self.begin();
        Ok(())
    }

    fn decompress(&mut self, symbols: &[u8], bytes: &[u8], out: &mut RowsBuilder) -> lance::Result<()> {
        self.bytes.resize(bytes.len() * MOST_EXPANDED, 0);
        self.ends.resize(self.offsets.len(), 0);
        fsst::fsst::decompress(symbols, bytes, &self.offsets, &mut self.bytes, &mut self.ends)
            .map_err(|e| damaged(format!("rows cannot be decompressed: {e}")))?;
        out.append(&self.bytes, self.ends.iter().skip(1).copied())?;
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
        Ok(())
    }
}
