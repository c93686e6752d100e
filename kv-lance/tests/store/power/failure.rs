//! The ways in which one operation on the files fails.

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

pub(super) const EIO: i32 = 5;
pub(super) const EACCES: i32 = 13;
pub(super) const EMFILE: i32 = 24;
pub(super) const ENOSPC: i32 = 28;

/// Longer than the store waits for anything that it does not have to wait for.
const SLOW: Duration = Duration::from_millis(700);

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
    /// It takes long, and is done.
    Slow,
}

/// One operation that fails: the first from `at` on that can fail like this.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    pub(super) at: u64,
    pub(super) kind: Kind,
}

impl Failure {
    /// Whether the operation with this number, which is the first that could be met, is.
    pub(super) fn meets(self, number: u64, access: Access) -> bool {
        let can_fail = match self.kind {
            Kind::Refused(_) | Kind::Done(_) | Kind::Slow => return number == self.at,
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
