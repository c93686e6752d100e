//! The ways in which one operation on the files fails.

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

pub(crate) const EIO: i32 = 5;
pub(crate) const EACCES: i32 = 13;
pub(crate) const EMFILE: i32 = 24;
pub(crate) const ENOSPC: i32 = 28;

/// A disk that is slow is so for some operations, each of which takes this long.
const SLOW_OPERATIONS: usize = 30;
const SLOW: Duration = Duration::from_millis(60);

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
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
pub(crate) enum Share {
    All,
    Half,
}

impl Share {
    /// How many of so many bytes.
    pub(crate) fn of(self, bytes: usize) -> usize {
        match self {
            Self::All => bytes,
            Self::Half => bytes / 2,
        }
    }
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
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

impl Kind {
    /// How an operation can fail that needs this, those first that tell most.
    pub(crate) fn of(access: Access) -> &'static [Self] {
        use Kind::*;
        match access {
            Access::Open => &[Refused(EIO), NoHandle, NoPermission, Done(EIO), Refused(ENOSPC), Slow],
            Access::Path => &[Refused(EIO), Done(EIO), NoPermission, Refused(ENOSPC), Slow],
            Access::Read => &[Refused(EIO), Short, Slow],
            Access::Write => &[Short, Refused(ENOSPC), Done(EIO), Refused(EIO), Slow],
            Access::Handle => &[Refused(EIO), Done(EIO), Slow, Refused(ENOSPC)],
        }
    }
}

/// What fails.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// Operations of this kind, on files of this kind.
    pub(crate) of: String,
    /// Which of them, from 0.
    pub(crate) at: u64,
    pub(crate) kind: Kind,
}

impl Failure {
    /// How many operations are met: with a slow one also those after it.
    pub(crate) fn times(&self) -> usize {
        if self.kind == Kind::Slow { SLOW_OPERATIONS } else { 1 }
    }

    /// What becomes of the operation.
    pub(crate) fn happen<T>(&self, access: Access, operate: impl FnOnce(Share) -> Result<T>) -> Result<T> {
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
