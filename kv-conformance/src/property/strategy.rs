//! How sequences are drawn.

use super::op::{Act, At, Chk, Filler, How, Op, Scan, Visit};
use super::profile::Profile;
use crate::fixture::edges;
use kv_api::{Direction, Key, KeyRange, MAX_KEY_BYTES, ScanLimit};
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

/// Of save points.
const MAX_DEPTH: usize = 64;

/// Of the writes of a transaction.
const MAX_WRITES: usize = 300;

/// Of a value.
const MAX_VALUE: usize = 100_000;

/// A profile, and the keys of a sequence.
#[derive(Debug, Clone)]
struct Draw {
    profile: &'static Profile,
    keys: Vec<Key>,
}

/// Sequences of a profile.
pub(crate) fn sequence(profile: &'static Profile) -> BoxedStrategy<Vec<Op>> {
    let of = move |keys: Vec<Key>| proptest::collection::vec(op(&Draw { profile, keys }), 1..=profile.steps);
    if profile.sized {
        return proptest::collection::vec(sized_key(), profile.keys).prop_flat_map(of).boxed();
    }
    of(KEYS.iter().take(profile.keys).map(|key| Key::from_static(key)).collect()).boxed()
}

fn op(draw: &Draw) -> BoxedStrategy<Op> {
    let profile = draw.profile;
    let act = prop_oneof![
        profile.reads => read(draw),
        profile.writes => write(draw),
        profile.scans => scan(draw),
        profile.save_points => save_point(draw),
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

/// Most small, some at each power of two and beside it, few anywhere.
fn size(most: usize) -> BoxedStrategy<usize> {
    prop_oneof![5 => 0..=most.min(48), 4 => select(edges(most)), 1 => 0..=most].boxed()
}

fn sized_key() -> BoxedStrategy<Key> {
    // A long key costs time, whatever the store.
    (prop_oneof![19 => size(64 << 10), 1 => size(MAX_KEY_BYTES)], 0..4u8)
        .prop_map(|(len, byte)| vec![b'a' + byte; len].into())
        .boxed()
}

fn key(draw: &Draw) -> BoxedStrategy<Key> {
    select(draw.keys.clone()).boxed()
}

fn save_point(draw: &Draw) -> BoxedStrategy<Act> {
    let one = prop_oneof![Just(Act::SavePoint), Just(Act::Release), Just(Act::Rollback)];
    if !draw.profile.sized {
        return one.boxed();
    }
    let nest = (size(MAX_DEPTH), filler(false)).prop_map(|(depth, val)| Act::Nest(depth, val));
    prop_oneof![2 => one, 1 => nest, 1 => size(MAX_DEPTH).prop_map(Act::Unwind)].boxed()
}

fn at(draw: &Draw) -> impl Strategy<Value = At> + use<> {
    let profile = draw.profile;
    prop_oneof![
        10 - profile.past => Just(At::Now),
        profile.past => prop_oneof![3 => any::<u16>().prop_map(At::Commit), 1 => any::<u16>().prop_map(At::JustBefore)],
    ]
}

fn filler(sized: bool) -> impl Strategy<Value = Filler> + use<> {
    let len = match sized {
        true => size(MAX_VALUE),
        false => prop_oneof![10 => 1..8usize, 1 => Just(0), 1 => 100..2000usize].boxed(),
    };
    (0..1000u16, len).prop_map(|(number, len)| Filler { number, len })
}

fn chk(draw: &Draw) -> impl Strategy<Value = Chk> + use<> {
    prop_oneof![4 => Just(Chk::Current), 1 => Just(Chk::Missing), 1 => filler(draw.profile.sized).prop_map(Chk::Value)]
}

fn read(draw: &Draw) -> BoxedStrategy<Act> {
    prop_oneof![
        6 => (key(draw), at(draw)).prop_map(|(key, at)| Act::Get(key, at)),
        2 => (key(draw), at(draw)).prop_map(|(key, at)| Act::Exists(key, at)),
        1 => (proptest::collection::vec(key(draw), 0..5), at(draw)).prop_map(|(keys, at)| Act::Getm(keys, at)),
        2 => key(draw).prop_map(Act::Getu),
    ]
    .boxed()
}

fn write(draw: &Draw) -> BoxedStrategy<Act> {
    let sized = draw.profile.sized;
    let one = prop_oneof![
        8 => (key(draw), filler(sized)).prop_map(|(key, val)| Act::Set(key, val)),
        2 => (key(draw), filler(sized)).prop_map(|(key, val)| Act::Put(key, val)),
        3 => (key(draw), filler(sized), chk(draw)).prop_map(|(key, val, chk)| Act::Putc(key, val, chk)),
        3 => key(draw).prop_map(Act::Del),
        2 => (key(draw), chk(draw)).prop_map(|(key, chk)| Act::Delc(key, chk)),
        1 => key(draw).prop_map(Act::Clr),
        1 => range(draw).prop_map(Act::Delr),
        1 => range(draw).prop_map(Act::Clrr),
        1 => proptest::collection::vec((key(draw), filler(sized)), 0..5).prop_map(Act::Setm),
        1 => proptest::collection::vec(key(draw), 0..5).prop_map(Act::Delm),
    ];
    if !sized {
        return one.boxed();
    }
    let fill = (size(MAX_WRITES), filler(false)).prop_map(|(count, val)| Act::Fill(count, val));
    prop_oneof![9 => one, 1 => fill].boxed()
}

fn range(draw: &Draw) -> BoxedStrategy<KeyRange> {
    let bounds = (key(draw), proptest::option::of(key(draw))).prop_map(|(start, end)| KeyRange { start, end });
    prop_oneof![
        4 => bounds,
        2 => key(draw).prop_map(KeyRange::prefix),
        1 => key(draw).prop_map(KeyRange::single),
        3 => Just(KeyRange::all()),
    ]
    .boxed()
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

fn scan(draw: &Draw) -> BoxedStrategy<Act> {
    let skip = prop_oneof![4 => Just(0), 4 => 0..6u32, 1 => Just(u32::MAX)];
    let direction = prop_oneof![Just(Direction::Forward), Just(Direction::Backward)];
    let scan = (range(draw), direction, limit(), skip, any::<bool>(), at(draw)).prop_map(
        |(range, direction, limit, skip, keys_only, at)| {
            Act::Scan(Scan { range, direction, limit, skip, keys_only, at })
        },
    );
    let direction = prop_oneof![Just(Direction::Forward), Just(Direction::Backward)];
    let most = prop_oneof![1 => Just(0), 2 => 0..8usize];
    let visit = (range(draw), direction, any::<bool>(), most, at(draw))
        .prop_map(|(range, direction, vals, most, at)| Act::Visit(Visit { range, direction, vals, most, at }));
    prop_oneof![
        6 => scan,
        2 => visit,
        1 => (range(draw), at(draw)).prop_map(|(range, at)| Act::Count(range, at)),
        1 => (range(draw), 0..5u32, at(draw)).prop_map(|(range, batch, at)| Act::Batch(range, batch, at)),
    ]
    .boxed()
}
