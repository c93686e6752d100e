//! A column of byte strings in one block: what the cache holds and reads hand out slices of.

use bytes::Bytes;
use std::ops::Range;

/// Byte strings, one after the other. Most of a full cache is these, so nothing is kept that is not
/// needed: decoders hand out buffers of twice the size.
#[derive(Debug)]
pub(crate) struct Column {
    data: Bytes,
    ends: Ends,
}

/// Where each row ends in the bytes.
#[derive(Debug)]
enum Ends {
    /// All rows are of one length, as keys often are.
    Even {
        rows: usize,
        width: usize,
    },
    Short(Box<[u16]>),
    Long(Box<[u32]>),
}

impl Ends {
    /// `ends` ascend.
    fn new(ends: &[u32]) -> Self {
        let (first, last) = (ends.first().map_or(0, |end| *end), ends.last().map_or(0, |end| *end));
        if ends.iter().zip(1..).all(|(end, row)| u64::from(*end) == u64::from(first) * row) {
            return Self::Even { rows: ends.len(), width: first as usize };
        }
        match u16::try_from(last) {
            Ok(_) => Self::Short(ends.iter().map(|end| *end as u16).collect()),
            Err(_) => Self::Long(ends.into()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Even { rows, .. } => *rows,
            Self::Short(ends) => ends.len(),
            Self::Long(ends) => ends.len(),
        }
    }

    fn range(&self, row: usize) -> Option<Range<usize>> {
        fn range<T: Copy + Into<u32>>(ends: &[T], row: usize) -> Option<Range<usize>> {
            let end = |row: usize| ends.get(row).map(|end: &T| (*end).into() as usize);
            let start = row.checked_sub(1).map_or(Some(0), end)?;
            Some(start..end(row)?)
        }
        match self {
            Self::Even { rows, width } => (row < *rows).then(|| row * width..(row + 1) * width),
            Self::Short(ends) => range(ends, row),
            Self::Long(ends) => range(ends, row),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Even { .. } => 0,
            Self::Short(ends) => size_of_val::<[u16]>(ends),
            Self::Long(ends) => size_of_val::<[u32]>(ends),
        }
    }
}

impl Column {
    /// Copies the rows that lie between `offsets` in `data`, as in an Arrow array; `None` where the
    /// offsets are not in order, or not in `data`.
    pub(super) fn new(data: &[u8], offsets: &[i32]) -> Option<Self> {
        let (place, ends) = place(offsets)?;
        let data = data.get(place)?;
        // With an owner: slices of a plain copy take a tenth more instructions to make and drop.
        Some(Self { data: Bytes::from_owner(Box::<[u8]>::from(data)), ends })
    }

    /// The same without a copy: for what is read once, and not kept.
    pub(super) fn shared(data: &Bytes, offsets: &[i32]) -> Option<Self> {
        let (place, ends) = place(offsets)?;
        (place.end <= data.len()).then(|| Self { data: data.slice(place), ends })
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of a row; empty beyond the end.
    pub(crate) fn row(&self, row: usize) -> &[u8] {
        self.ends.range(row).and_then(|range| self.data.get(range)).unwrap_or_default()
    }

    /// The same, sharing the block's memory.
    pub(crate) fn slice(&self, row: usize) -> Bytes {
        self.ends
            .range(row)
            .filter(|range| range.end <= self.data.len())
            .map_or_else(Bytes::new, |r| self.data.slice(r))
    }

    /// The bytes of several rows, which lie one after the other, and where each of them ends in
    /// those.
    pub(crate) fn rows(&self, rows: Range<usize>) -> Option<(&[u8], impl Iterator<Item = i32>)> {
        let end = |row: usize| self.ends.range(row).map(|range| range.end);
        let first = rows.start.checked_sub(1).map_or(Some(0), end)?;
        let last = rows.end.checked_sub(1).map_or(Some(0), end)?;
        let bytes = self.data.get(first..last)?;
        Some((bytes, rows.filter_map(end).map(move |end| (end - first) as i32)))
    }

    pub(super) fn checksum(&self) -> u32 {
        checksum(&self.data, (0..self.len()).map(|row| self.row(row).len()))
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() + self.ends.bytes() + size_of::<Self>()
    }
}

/// Where the rows between `offsets` lie, and where each ends there; `None` where they are not in order.
fn place(offsets: &[i32]) -> Option<(Range<usize>, Ends)> {
    let (first, last) = (*offsets.first()?, *offsets.last()?);
    if first < 0 || !offsets.is_sorted() {
        return None;
    }
    let ends: Vec<u32> = offsets.iter().skip(1).map(|end| end.abs_diff(first)).collect();
    Some((first as usize..last as usize, Ends::new(&ends)))
}

/// The checksum of a column's rows in one block: CRC-32C over their bytes, and then their lengths
/// in four bytes each.
pub(super) fn checksum(data: &[u8], lengths: impl Iterator<Item = usize>) -> u32 {
    let mut bytes = Vec::with_capacity(4 * lengths.size_hint().0);
    lengths.for_each(|length| bytes.extend_from_slice(&(length as u32).to_le_bytes()));
    crc32c::crc32c_append(crc32c::crc32c(data), &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of one length, of several, and more bytes than two can count.
    fn columns() -> Vec<Vec<Vec<u8>>> {
        vec![
            vec![],
            vec![vec![]; 3],
            vec![b"ab".to_vec(), b"cd".to_vec(), b"ef".to_vec()],
            vec![b"ab".to_vec(), vec![], b"cdefg".to_vec(), vec![]],
            vec![vec![1; 40_000], vec![2; 40_000], vec![3]],
        ]
    }

    fn column(rows: &[Vec<u8>]) -> Option<Column> {
        let mut offsets = vec![0];
        for row in rows {
            offsets.push(offsets.last().map_or(0, |end| *end) + row.len() as i32);
        }
        Column::new(&rows.concat(), &offsets)
    }

    #[test]
    fn a_column_has_the_rows_of_its_array() {
        for rows in columns() {
            let column = column(&rows).filter(|column| column.len() == rows.len());
            let read =
                column.map(|c| (0..=rows.len()).map(|row| (c.row(row).to_vec(), c.slice(row))).collect::<Vec<_>>());
            let expected = rows.iter().chain(&[vec![]]).map(|row| (row.clone(), Bytes::copy_from_slice(row))).collect();
            assert_eq!(read, Some(expected));
        }
    }

    #[test]
    fn what_lies_outside_of_the_rows_is_left_out() {
        let (inner, alone) = (Column::new(b"abcdefgh", &[2, 3, 7]), Column::new(b"cdefg", &[0, 1, 5]));
        assert_eq!(inner.as_ref().map(|c| c.data.clone()), alone.as_ref().map(|c| c.data.clone()));
        assert_eq!(inner.map(|c| c.checksum()), alone.map(|c| c.checksum()));
    }

    #[test]
    fn several_rows_are_handed_out_with_their_ends() {
        for rows in columns() {
            let column = column(&rows);
            for (start, end) in (0..=rows.len()).flat_map(|end| (0..=end).map(move |start| (start, end))) {
                let expected = rows.get(start..end).unwrap_or_default();
                let ends: Vec<i32> = expected
                    .iter()
                    .scan(0, |at, row| {
                        *at += row.len() as i32;
                        Some(*at)
                    })
                    .collect();
                let found = column.as_ref().and_then(|column| column.rows(start..end));
                let found = found.map(|(bytes, ends)| (bytes.to_vec(), ends.collect::<Vec<_>>()));
                assert_eq!(found, Some((expected.concat(), ends)), "{start}..{end}");
            }
        }
    }

    #[test]
    fn the_checksum_tells_where_rows_end() {
        let checksums: Vec<_> = [["ab", "c"], ["a", "bc"], ["ac", "b"]]
            .map(|rows| column(&rows.map(|row| row.into())).map(|c| c.checksum()))
            .into();
        assert!(checksums.iter().zip(checksums.iter().skip(1)).all(|(a, b)| a != b), "{checksums:?}");
    }

    #[test]
    fn offsets_out_of_order_or_bounds_are_refused() {
        assert!(Column::new(&[0; 10], &[0, 4, 10]).is_some());
        for damaged in [[0, 4, 11], [0, 6, 4], [-1, 4, 10], [0, -4, 10]] {
            assert!(Column::new(&[0; 10], &damaged).is_none(), "{damaged:?}");
        }
    }
}
