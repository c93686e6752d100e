//! Reads stored bytes one after the other, and Lance's data files as far as to the engine's index.

/// What is left of some bytes.
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

impl<'a> Rest<'a> {
    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        head
    }

    pub(super) fn number(&mut self) -> usize {
        u32::from_le_bytes(self.take(4).try_into().unwrap()) as usize
    }

    /// A length in four bytes, and then so many bytes.
    pub(super) fn string(&mut self) -> &'a [u8] {
        let len = self.number();
        self.take(len)
    }

    /// Fences, whole.
    pub(super) fn fences(&mut self) -> Vec<Vec<u8>> {
        let prefix = self.string();
        let mut fences: Vec<Vec<u8>> = Vec::new();
        for _ in 0..self.number() {
            fences.push(match self.take(1) {
                [0] => fences.last().unwrap().clone(),
                _ => [prefix, self.string()].concat(),
            });
        }
        fences
    }
}

/// Where the index of a run lies in its file: from its magic up to what is the checksum of all before.
pub(super) fn index_of(file: &[u8]) -> std::ops::Range<usize> {
    let start = file.windows(8).position(|window| window == b"kvlanceR").unwrap();
    let mut sum = crc32c::crc32c(&file[start..start + 100]);
    for end in start + 100.. {
        if file[end..end + 4] == sum.to_le_bytes() {
            return start..end + 4;
        }
        sum = crc32c::crc32c_append(sum, &file[end..end + 1]);
    }
    unreachable!("the index has no end")
}
