//! What a sector of `HEAD` holds: two numbers, known as what they are, and checked.
//!
//! `magic | two u64 | CRC-32C of all before u32`

use crate::codec::Reader;

const CHECKED: usize = 24;
pub(super) const LEN: u64 = CHECKED as u64 + 4;

pub(super) type Magic = [u8; 8];

pub(super) fn encode(magic: &Magic, numbers: [u64; 2]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

/// What [`encode`] made; `None` where it is not that.
pub(super) fn decode(magic: &Magic, bytes: &[u8]) -> Option<[u64; 2]> {
    let mut r = Reader::new(bytes);
    if r.bytes(magic.len())? != magic {
        return None;
    }
    let (numbers, checksum) = ([r.u64()?, r.u64()?], r.u32()?);
    (checksum == crc32c::crc32c(bytes.get(..CHECKED)?)).then_some(numbers)
}
