//! Rows of a column as they were read, before they are cut into blocks.

use arrow_array::BinaryArray;
use arrow_buffer::Buffer;
use bytes::Bytes;

/// Byte strings, one after the other.
#[derive(Debug)]
pub(super) struct Rows {
    data: Bytes,
    /// Where each begins, and the last one ends.
    offsets: Vec<i32>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    pub(super) fn data(&self) -> &Bytes {
        &self.data
    }

    pub(super) fn offsets(&self) -> &[i32] {
        &self.offsets
    }
}

#[cfg(test)]
impl Rows {
    pub(super) fn into_array(self) -> BinaryArray {
        let offsets = arrow_buffer::OffsetBuffer::new(self.offsets.into());
        BinaryArray::new(offsets, Buffer::from(self.data), None)
    }
}

impl From<&BinaryArray> for Rows {
    fn from(array: &BinaryArray) -> Self {
        Self { data: Bytes::from_owner(Owner(array.values().clone())), offsets: array.offsets().to_vec() }
    }
}

struct Owner(Buffer);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Collects rows of several chunks and pages.
#[derive(Debug)]
pub(super) struct RowsBuilder {
    data: Vec<u8>,
    offsets: Vec<i32>,
}

impl RowsBuilder {
    pub(super) fn with_capacity(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { data: Vec::new(), offsets }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.offsets.len() == 1
    }

    /// Adds rows that lie in `bytes` up to `ends`.
    ///
    /// # Errors
    /// Where all rows are more than an Arrow array can hold.
    pub(super) fn append(&mut self, bytes: &[u8], ends: impl Iterator<Item = i32>) -> lance::Result<()> {
        let before = self.data.len();
        if i32::try_from(before + bytes.len()).is_err() {
            return Err(lance::Error::corrupt_file_named("a run", "a block has more than 2 GiB of rows"));
        }
        self.data.extend_from_slice(bytes);
        self.offsets.extend(ends.map(|end| end + before as i32));
        Ok(())
    }

    /// Adds the rows of an array.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub(super) fn append_array(&mut self, array: &BinaryArray) -> lance::Result<()> {
        let offsets = array.offsets();
        let (first, last) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
        let bytes = array.values().get(first as usize..last as usize).unwrap_or_default();
        self.append(bytes, offsets.iter().skip(1).map(|end| end - first))
    }

    pub(super) fn finish(self) -> Rows {
        Rows { data: self.data.into(), offsets: self.offsets }
    }
}
