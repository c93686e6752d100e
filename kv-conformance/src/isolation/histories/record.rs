//! The history: what each client asked for, what it was answered, and in which order.

use super::Kind;
use adya::history::{History, Interner, Mop, Op, OpType, ReadValue, Scalar};
use kv_api::Version;
use parking_lot::Mutex;
use std::collections::HashMap;

/// A micro-operation with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Micro {
    /// `None` where the answer is not known.
    Read(String, Option<Vec<i64>>),
    Write(String, i64),
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With the version of its commit, where there is one.
    Committed(Option<Version>),
    Aborted,
    Maybe,
}

/// Written by all clients at once.
pub(super) struct Recorder {
    kind: Kind,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    ops: Vec<Op>,
    interner: Interner,
    versions: HashMap<u64, i64>,
    /// Whether a transaction that wrote has no version: then versions order nothing.
    unversioned: bool,
}

/// What has been recorded.
pub(super) struct Recorded {
    pub(super) history: History,
    /// The order of the commits by version, where every one is known.
    pub(super) order: Option<HashMap<u64, i64>>,
    pub(super) committed: usize,
}

impl Recorder {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, log: Mutex::default() }
    }

    /// Notes that a transaction is about to begin.
    pub(super) fn invoke(&self, process: i64, micros: &[Micro]) {
        self.push(process, OpType::Invoke, micros);
    }

    /// Notes its end.
    pub(super) fn complete(&self, process: i64, micros: &[Micro], end: End) {
        let kind = match end {
            End::Committed(_) => OpType::Ok,
            End::Aborted => OpType::Fail,
            End::Maybe => OpType::Info,
        };
        let index = self.push(process, kind, micros);
        let wrote = micros.iter().any(|micro| matches!(micro, Micro::Write(..)));
        let mut log = self.log.lock();
        let version = match end {
            End::Committed(version) => version.and_then(|version| i64::try_from(version).ok()),
            End::Maybe => None,
            End::Aborted => return,
        };
        match version {
            Some(version) => drop(log.versions.insert(index, version)),
            None => log.unversioned |= wrote,
        }
    }

    fn push(&self, process: i64, kind: OpType, micros: &[Micro]) -> u64 {
        let mut log = self.log.lock();
        let index = log.ops.len() as u64;
        let value = micros.iter().map(|micro| self.mop(&mut log.interner, kind, micro)).collect();
        log.ops.push(Op { index, kind, process: Some(process), value, time: None });
        index
    }

    fn mop(&self, interner: &mut Interner, kind: OpType, micro: &Micro) -> Mop {
        let key = |interner: &mut Interner, key: &String| interner.intern(Scalar::Str(key.clone()));
        match (micro, self.kind) {
            (Micro::Write(k, value), Kind::ListAppend) => {
                Mop::Append { key: key(interner, k), value: interner.intern(Scalar::Int(*value)) }
            }
            (Micro::Write(k, value), Kind::Register) => {
                Mop::Write { key: key(interner, k), value: interner.intern(Scalar::Int(*value)) }
            }
            (Micro::Read(k, answer), of) => {
                let ids: Vec<_> = answer.iter().flatten().map(|value| interner.intern(Scalar::Int(*value))).collect();
                let value = match (of, kind) {
                    (_, OpType::Invoke | OpType::Fail | OpType::Info) => ReadValue::Nil,
                    (Kind::ListAppend, OpType::Ok) => ReadValue::List(ids),
                    (Kind::Register, OpType::Ok) => ids.last().map_or(ReadValue::Nil, |id| ReadValue::Scalar(*id)),
                };
                Mop::Read { key: key(interner, k), value }
            }
        }
    }

    /// Ends the recording.
    pub(super) fn finish(&self) -> Recorded {
        let log = std::mem::take(&mut *self.log.lock());
        let committed = log.ops.iter().filter(|op| op.kind == OpType::Ok).count();
        let order = (!log.unversioned).then_some(log.versions);
        Recorded { history: History::from_ops(log.ops, log.interner), order, committed }
    }
}
