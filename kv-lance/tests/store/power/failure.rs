//! The ways in which one operation on the files fails.

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

pub(super) const EIO: i32 = 5;
pub(super) const EACCES: i32 = 13;
pub(super) const EMFILE: i32 = 24;
pub(super) const ENOSPC: i32 = 28;

/// A disk that is slow is so for some operations, each of which takes this long.
const SLOW_OPERATIONS: u64 = 30;
const SLOW: Duration = Duration::from_millis(60);

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// A path, and a handle of its own.
    Open,
    /// A path.
    Path,
    /// To read bytes of an open file.
    Read,
    /// To write them.
    Write,
    /// An open file.
    Handle,
}

/// How much of an operation is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    All,
    Half,
}

impl Share {
    /// How many of so many bytes.
    pub(super) fn of(self, bytes: usize) -> usize {
        match self {
            Self::All => bytes,
            Self::Half => bytes / 2,
        }
    }
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// With this error, without having been done.
    Refused(i32),
    /// With this error, and is done all the same.
    Done(i32),
    /// Half of the bytes are written or read, and then there is no space, or no more to read.
    Short,
    /// There is no handle left, where it needs one.
    NoHandle,
    /// The path may not be used any more.
    NoPermission,
    /// This one and those after it take long, and are done.
    Slow,
}

/// What fails: the first operation from `at` on that can fail like this.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    pub(super) at: u64,
    pub(super) kind: Kind,
}

impl Failure {
    /// How many operations are met.
    pub(super) fn times(self) -> u64 {
        if self.kind == Kind::Slow { SLOW_OPERATIONS } else { 1 }
    }

    /// Whether the operation with this number can fail like this.
    pub(super) fn meets(self, number: u64, access: Access) -> bool {
        let can_fail = match self.kind {
            Kind::Refused(_) | Kind::Done(_) | Kind::Slow => true,
            Kind::Short => matches!(access, Access::Read | Access::Write),
            Kind::NoHandle => access == Access::Open,
            Kind::NoPermission => matches!(access, Access::Open | Access::Path),
        };
        can_fail && number >= self.at
    }

    /// What becomes of the operation.
    pub(super) fn happen<T>(self, access: Access, operate: impl FnOnce(Share) -> Result<T>) -> Result<T> {
        let error = match self.kind {
            Kind::Slow => {
                std::thread::sleep(SLOW);
                return operate(Share::All);
            }
            Kind::Done(errno) => {
                operate(Share::All)?;
                errno
            }
            Kind::Short => {
                operate(Share::Half)?;
                match access {
                    Access::Read => return Err(ErrorKind::UnexpectedEof.into()),
                    _ => ENOSPC,
                }
            }
            Kind::Refused(errno) => errno,
            Kind::NoHandle => EMFILE,
            Kind::NoPermission => EACCES,
        };
        Err(Error::from_raw_os_error(error))
    }
}
