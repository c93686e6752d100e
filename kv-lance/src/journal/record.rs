//! One transaction as one record under one checksum: all of it or nothing.
//!
//! Layout, integers little-endian, the whole padded with zeros to a multiple of 8 bytes:
//!
//! ```text
//! magic u32 | CRC-32C of the header after this field u32 |
//! payload length u32 | CRC-32C of the payload u32 | version u64 | segment u64 | synced u64 |
//! payload: count u32, then count × (kind u8, key length u32, value length u32, key, value)
//! ```
//!
//! `segment` is the number of the segment the record was written to. `synced` is how many bytes of
//! that segment were durable before the write: if a later record says so of a damaged one, the
//! damage is no torn write.

use crate::codec::Reader;
use crate::write::Write;
use bytes::{BufMut, Bytes, BytesMut};
use kv_api::Version;

const MAGIC: [u8; 4] = *b"kvlJ";
pub(super) const HEADER: usize = 40;
/// Where the part of the header begins that has the checksum.
const CHECKED: usize = 8;
pub(super) const ALIGNMENT: usize = 8;

/// The kind of a write: whether it has a value, and whether it erases what was before.
const HAS_VALUE: u8 = 1;
const ERASES: u8 = 2;

/// The greatest payload of one record, in bytes.
pub(crate) const MAX_PAYLOAD: usize = (4 << 30) - (64 << 10);

/// The writes of a transaction, encoded but for the header, which only the committer can fill in.
pub(crate) struct RecordBuilder {
    buf: BytesMut,
    payload_checksum: u32,
    payload_len: u32,
}

/// An encoded record.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) version: Version,
    /// How many bytes of the segment were durable before this record was written.
    pub(super) synced: u64,
    bytes: Bytes,
    payload_len: u32,
}

impl RecordBuilder {
    /// Bytes that the record of these writes takes in the journal.
    pub(crate) fn size_of<'a>(writes: impl Iterator<Item = (&'a Bytes, &'a Write)>) -> usize {
        HEADER + 4 + writes.map(|(key, write)| 9 + key.len() + write.val_bytes()).sum::<usize>() + ALIGNMENT
    }

    /// Encodes writes, in key order; `size` is what [`size_of`](Self::size_of) said.
    pub(crate) fn new<'a>(writes: impl ExactSizeIterator<Item = (&'a Bytes, &'a Write)>, size: usize) -> Self {
        let mut buf = BytesMut::with_capacity(size);
        buf.resize(HEADER, 0);
        buf.extend_from_slice(&(writes.len() as u32).to_le_bytes());
        for (key, write) in writes {
            let val = write.val.as_deref().unwrap_or_default();
            let has_value = if write.val.is_some() { HAS_VALUE } else { 0 };
            buf.extend_from_slice(&[has_value | if write.erases { ERASES } else { 0 }]);
            buf.extend_from_slice(&(key.len() as u32).to_le_bytes());
            buf.extend_from_slice(&(val.len() as u32).to_le_bytes());
            buf.extend_from_slice(key);
            buf.extend_from_slice(val);
        }
        let payload = buf.get(HEADER..).unwrap_or_default();
        let (payload_len, payload_checksum) = (payload.len() as u32, crc32c::crc32c(payload));
        buf.resize(buf.len().next_multiple_of(ALIGNMENT), 0);
        Self { buf, payload_checksum, payload_len }
    }

    /// Fills in the header.
    pub(crate) fn finish(mut self, version: Version, segment: u64, synced: u64) -> Record {
        let mut checked = [0; HEADER - CHECKED];
        let mut fields = checked.as_mut_slice();
        fields.put_u32_le(self.payload_len);
        fields.put_u32_le(self.payload_checksum);
        fields.put_u64_le(version);
        fields.put_u64_le(segment);
        fields.put_u64_le(synced);
        if let Some(mut header) = self.buf.get_mut(..HEADER) {
            header.put_slice(&MAGIC);
            header.put_u32_le(crc32c::crc32c(&checked));
            header.put_slice(&checked);
        }
        Record { version, synced, bytes: self.buf.freeze(), payload_len: self.payload_len }
    }
}

impl Record {
    /// What is written.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads the record at `offset` of a whole segment; `None` where there is none that is intact.
    pub(super) fn at(segment_bytes: &Bytes, offset: usize, segment: u64) -> Option<Self> {
        let header = Header::at(segment_bytes, offset, segment)?;
        let start = offset.checked_add(HEADER)?;
        let payload = segment_bytes.get(start..start.checked_add(header.payload_len as usize)?)?;
        if header.payload_checksum != crc32c::crc32c(payload) {
            return None;
        }
        let end = header.end(offset)?;
        (end <= segment_bytes.len()).then(|| Self {
            version: header.version,
            synced: header.synced,
            bytes: segment_bytes.slice(offset..end),
            payload_len: header.payload_len,
        })
    }

    /// The version of the record at `offset`, and where it ends, by its header alone; `None` where that is not intact, or the
    /// record not whole.
    pub(super) fn header_at(segment_bytes: &Bytes, offset: usize, segment: u64) -> Option<(Version, usize)> {
        let header = Header::at(segment_bytes, offset, segment)?;
        let end = header.end(offset)?;
        (end <= segment_bytes.len()).then_some((header.version, end))
    }

    /// The writes: slices of the record. `None` in the place of one that is malformed, after which
    /// nothing follows.
    pub(crate) fn writes(&self) -> impl Iterator<Item = Option<(Bytes, Write)>> + '_ {
        let payload = self.bytes.get(HEADER..HEADER + self.payload_len as usize).unwrap_or_default();
        let mut r = Reader::new(payload);
        let mut left = r.u32().unwrap_or(0);
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let write = self.write(&mut r);
            left = if write.is_some() { left - 1 } else { 0 };
            Some(write)
        })
    }

    fn write(&self, r: &mut Reader<'_>) -> Option<(Bytes, Write)> {
        let kind = r.u8()?;
        let (key_len, val_len) = (r.u32()? as usize, r.u32()? as usize);
        let (key, val) = (r.bytes(key_len)?, r.bytes(val_len)?);
        let has_value = kind & HAS_VALUE != 0;
        if kind & !(HAS_VALUE | ERASES) != 0 || !has_value && val_len > 0 {
            return None;
        }
        let val = has_value.then(|| self.bytes.slice_ref(val));
        Some((self.bytes.slice_ref(key), Write { val, erases: kind & ERASES != 0 }))
    }
}

/// What stands before the payload.
struct Header {
    payload_len: u32,
    payload_checksum: u32,
    version: Version,
    synced: u64,
}

impl Header {
    /// `None` where there is none that is intact.
    fn at(segment_bytes: &Bytes, offset: usize, segment: u64) -> Option<Self> {
        let mut r = Reader::new(segment_bytes.get(offset..)?);
        if r.bytes(4)? != MAGIC {
            return None;
        }
        let checksum = r.u32()?;
        let checked = segment_bytes.get(offset + CHECKED..offset.checked_add(HEADER)?)?;
        let (payload_len, payload_checksum) = (r.u32()?, r.u32()?);
        let (version, in_segment, synced) = (r.u64()?, r.u64()?, r.u64()?);
        let intact = checksum == crc32c::crc32c(checked) && in_segment == segment;
        intact.then_some(Self { payload_len, payload_checksum, version, synced })
    }

    /// Where the record ends that begins at `offset`.
    fn end(&self, offset: usize) -> Option<usize> {
        offset.checked_add((HEADER + self.payload_len as usize).next_multiple_of(ALIGNMENT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let erasing = Write { erases: true, ..Write::set("new".into()) };
        let writes: Vec<(Bytes, Write)> = vec![
            ("".into(), Write::set("".into())),
            ("a".into(), Write::delete()),
            ("b".into(), Write::erase()),
            ("c".into(), erasing),
            ("k".into(), Write::set("v".repeat(100).into())),
        ];
        let each = || writes.iter().map(|(k, v)| (k, v));
        RecordBuilder::new(each(), RecordBuilder::size_of(each())).finish(7, 3, 64)
    }

    #[test]
    fn round_trip() {
        let record = record();
        assert_eq!(record.as_bytes().len() % ALIGNMENT, 0);
        let back = Record::at(&record.bytes, 0, 3);
        assert!(back.as_ref().is_some_and(|r| r.version == 7 && r.synced == 64));
        let writes: Vec<_> = back.iter().flat_map(|r| r.writes().flatten().collect::<Vec<_>>()).collect();
        assert_eq!(writes.len(), 5);
        let read = |key: &str| writes.iter().find(|(k, _)| k == key).map(|(_, write)| write.clone());
        assert_eq!((read(""), read("a")), (Some(Write::set("".into())), Some(Write::delete())));
        assert_eq!(read("b"), Some(Write::erase()));
        assert_eq!(read("c"), Some(Write { val: Some("new".into()), erases: true }));
        assert!(Record::at(&record.bytes, 0, 4).is_none(), "of another segment");
    }

    #[test]
    fn any_flipped_bit_is_seen() {
        let record = record();
        let padding = HEADER + record.payload_len as usize;
        for bit in 0..padding * 8 {
            let mut bytes = record.bytes.to_vec();
            if let Some(byte) = bytes.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
            assert!(Record::at(&bytes.into(), 0, 3).is_none(), "bit {bit}");
        }
        for cut in 0..record.bytes.len() {
            assert!(Record::at(&record.bytes.slice(..cut), 0, 3).is_none(), "cut at {cut}");
        }
    }
}
