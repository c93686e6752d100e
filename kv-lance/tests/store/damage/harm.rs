//! What is done to a file.

use super::image::Image;
use super::sample::Sample;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What is done to one file of a store.
#[derive(Debug, Clone)]
pub(super) enum Harm {
    Flip {
        at: usize,
        mask: u8,
    },
    Cut(usize),
    Zero(Range<usize>),
    /// It has the bytes of another file.
    Swap(PathBuf),
    /// It is as it was in one of the older images.
    Older(usize),
    /// All its names are gone, or one of several.
    Remove,
    RemoveName(usize),
}

impl Harm {
    /// What each kind is called in a table.
    pub(super) const KINDS: [&str; 7] = ["flip", "cut", "zero", "swap", "older", "remove", "one name"];

    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Flip { .. } => 0,
            Self::Cut(_) => 1,
            Self::Zero(_) => 2,
            Self::Swap(_) => 3,
            Self::Older(_) => 4,
            Self::Remove => 5,
            Self::RemoveName(_) => 6,
        }
    }

    /// Something to do to a file, by chance. Half of the places are near an end, where headers and footers are.
    pub(super) fn choose(random: &mut Random, sample: &Sample, file: usize) -> Option<Self> {
        let member = &sample.image.files[file];
        let len = member.bytes.len();
        let mut place = |limit: usize| match (limit, random.below(4)) {
            (0, _) => 0,
            (_, 0) => random.below(limit.min(64)),
            (_, 1) => limit - 1 - random.below(limit.min(64)),
            _ => random.below(limit),
        };
        let (at, to) = (place(len), place(len + 1));
        Some(match random.below(10) {
            0..4 if len > 0 => Self::Flip { at, mask: 1 << random.below(8) },
            4 if len > 0 => Self::Cut(at),
            5 if len > 0 => match random.below(4) {
                0 => Self::Zero(0..len),
                1 => Self::Zero(at / 512 * 512..(at / 512 * 512 + 512).min(len)),
                _ => Self::Zero(at.min(to)..at.max(to)),
            },
            6 | 7 => Self::Swap(other(random, sample, file)),
            8 if !sample.older.is_empty() => Self::Older(random.below(sample.older.len())),
            _ if member.names.len() > 1 && random.below(2) == 0 => Self::RemoveName(random.below(member.names.len())),
            _ => Self::Remove,
        })
    }

    /// The folder with this done to a file; `None` where nothing would change.
    pub(super) fn done(&self, sample: &Sample, file: usize) -> Option<Image> {
        let mut image = sample.image.clone();
        let member = &mut image.files[file];
        match self {
            Self::Flip { at, mask } => member.bytes[*at] ^= mask,
            Self::Cut(len) => member.bytes.truncate(*len),
            Self::Zero(range) => member.bytes[range.clone()].fill(0),
            Self::Swap(other) => member.bytes = sample.image.bytes(other)?.to_vec(),
            Self::Older(image) => member.bytes = sample.older[*image].bytes(&member.names[0])?.to_vec(),
            Self::Remove => drop(image.files.remove(file)),
            Self::RemoveName(name) => drop(member.names.remove(*name)),
        }
        image.files.sort_by(|a, b| a.names.cmp(&b.names));
        (image != sample.image).then_some(image)
    }
}

/// Another file, mostly of the same folder.
fn other(random: &mut Random, sample: &Sample, file: usize) -> PathBuf {
    let of = |i: usize| sample.image.files[i].names[0].as_path();
    let mut others: Vec<&Path> = (0..sample.image.files.len()).filter(|i| *i != file).map(of).collect();
    let beside: Vec<&Path> = others.iter().copied().filter(|other| other.parent() == of(file).parent()).collect();
    if !beside.is_empty() && random.below(4) > 0 {
        others = beside;
    }
    others[random.below(others.len())].to_path_buf()
}

/// Numbers that follow from a seed.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}
