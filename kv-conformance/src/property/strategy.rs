//! How sequences are drawn.

use super::op::{Act, At, Chk, Filler, How, Op, Scan};
use super::profile::Profile;
use kv_api::{Direction, Key, KeyRange, ScanLimit};
use proptest::prelude::*;
use proptest::sample::select;

/// Keys that share prefixes and end in the bytes that are easily got wrong.
const KEYS: [&[u8]; 18] = [
    b"a",
    b"a\0",
    b"b",
    b"",
    b"a\xff",
    b"aa",
    b"\xff",
    b"\0",
    b"\xff\xff",
    b"a\0\0",
    b"a\xff\xff",
    b"ab",
    b"\0\0",
    b"b\xff",
    b"\xfe\xff",
    b"\xff\0",
    b"a\xff\0",
    b"c",
];

/// Sequences of a profile.
pub(crate) fn sequence(profile: &'static Profile) -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(op(profile), 1..=profile.steps)
}

fn op(profile: &'static Profile) -> BoxedStrategy<Op> {
    let act = prop_oneof![
        profile.reads => read(profile),
        profile.writes => write(profile),
        profile.scans => scan(profile),
        profile.save_points => prop_oneof![Just(Act::SavePoint), Just(Act::Release), Just(Act::Rollback)],
        profile.ends => prop_oneof![8 => Just(Act::Commit), 1 => Just(Act::Cancel), 1 => Just(Act::Drop)],
    ];
    let how = prop_oneof![
        2 => Just(How::Read),
        10 - profile.serializable => Just(How::Write),
        profile.serializable => Just(How::Serializable),
    ];
    let inside = (0..profile.slots, how, prop::bool::weighted(0.05), act).prop_map(|(slot, how, insist, act)| Op::In {
        slot,
        how,
        insist,
        act,
    });
    let maintenance = prop_oneof![2 => Just(Op::Flush), 1 => Just(Op::Compact), 1 => Just(Op::Reopen)];
    prop_oneof![40 => inside, profile.maintenance => maintenance].boxed()
}

fn key(profile: &Profile) -> impl Strategy<Value = Key> + use<> {
    let few = KEYS.iter().take(profile.keys).map(|key| Key::from_static(key)).collect::<Vec<_>>();
    select(few)
}

fn at(profile: &Profile) -> impl Strategy<Value = At> + use<> {
    prop_oneof![
        10 - profile.past => Just(At::Now),
        profile.past => prop_oneof![3 => any::<u16>().prop_map(At::Commit), 1 => any::<u16>().prop_map(At::JustBefore)],
    ]
}

fn filler() -> impl Strategy<Value = Filler> {
    let len = prop_oneof![10 => 1..8usize, 1 => Just(0), 1 => 100..2000usize];
    (0..1000u16, len).prop_map(|(number, len)| Filler { number, len })
}

fn chk() -> impl Strategy<Value = Chk> {
    prop_oneof![4 => Just(Chk::Current), 1 => Just(Chk::Missing), 1 => filler().prop_map(Chk::Value)]
}

fn read(profile: &'static Profile) -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (key(profile), at(profile)).prop_map(|(key, at)| Act::Get(key, at)),
        2 => (key(profile), at(profile)).prop_map(|(key, at)| Act::Exists(key, at)),
        1 => (proptest::collection::vec(key(profile), 0..5), at(profile)).prop_map(|(keys, at)| Act::Getm(keys, at)),
        2 => key(profile).prop_map(Act::Getu),
    ]
}

fn write(profile: &'static Profile) -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (key(profile), filler()).prop_map(|(key, val)| Act::Set(key, val)),
        2 => (key(profile), filler()).prop_map(|(key, val)| Act::Put(key, val)),
        3 => (key(profile), filler(), chk()).prop_map(|(key, val, chk)| Act::Putc(key, val, chk)),
        3 => key(profile).prop_map(Act::Del),
        2 => (key(profile), chk()).prop_map(|(key, chk)| Act::Delc(key, chk)),
        1 => key(profile).prop_map(Act::Clr),
        1 => range(profile).prop_map(Act::Delr),
    ]
}

fn range(profile: &'static Profile) -> impl Strategy<Value = KeyRange> {
    let bounds = (key(profile), proptest::option::of(key(profile))).prop_map(|(start, end)| KeyRange { start, end });
    prop_oneof![
        4 => bounds,
        2 => key(profile).prop_map(KeyRange::prefix),
        1 => key(profile).prop_map(KeyRange::single),
        3 => Just(KeyRange::all()),
    ]
}

fn limit() -> impl Strategy<Value = ScanLimit> {
    let few = || prop_oneof![6 => 0..8u32, 1 => Just(u32::MAX)];
    let bytes = || prop_oneof![6 => 0..30u32, 1 => Just(u32::MAX)];
    prop_oneof![
        3 => Just(ScanLimit::Count(u32::MAX)),
        3 => few().prop_map(ScanLimit::Count),
        2 => bytes().prop_map(ScanLimit::Bytes),
        1 => (bytes(), few()).prop_map(|(bytes, count)| ScanLimit::BytesOrCount(bytes, count)),
    ]
}

fn scan(profile: &'static Profile) -> impl Strategy<Value = Act> {
    let skip = prop_oneof![4 => Just(0), 4 => 0..6u32, 1 => Just(u32::MAX)];
    let direction = prop_oneof![Just(Direction::Forward), Just(Direction::Backward)];
    let scan = (range(profile), direction, limit(), skip, any::<bool>(), at(profile)).prop_map(
        |(range, direction, limit, skip, keys_only, at)| {
            Act::Scan(Scan { range, direction, limit, skip, keys_only, at })
        },
    );
    prop_oneof![
        6 => scan,
        1 => (range(profile), at(profile)).prop_map(|(range, at)| Act::Count(range, at)),
        1 => (range(profile), 0..5u32, at(profile)).prop_map(|(range, batch, at)| Act::Batch(range, batch, at)),
    ]
}
