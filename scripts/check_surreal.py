#!/usr/bin/env python3
"""Opens the table of a store that SurrealDB wrote with pylance and compares it with what kv-lance finds there.

    pip install pylance==14.0.2
    cargo run --manifest-path kv-surrealdb/Cargo.toml --features cli,core,mem,server,surrealkv --example surreal -- demo-tour
    python3 scripts/check_surreal.py demo-tour

or `make surrealdb`, which does all of it. Expects beside the store the file that the tour leaves: a line for each
key with its value, in hexadecimal digits. Exit code 1 where something differs.
"""

import argparse
import collections
import os
import re
import sys

try:
    import lance
except ImportError:
    sys.exit("check_surreal: pylance is missing: pip install pylance==14.0.2, best in a virtual environment")

# A record, as SurrealDB 3 writes it: numbers of namespace and database, the table, the identity.
RECORD = re.compile(rb"/\*.{4}\*.{4}\*([a-z]+)\0\*", re.DOTALL)
# What the tour leaves: how many records, and what one of their values has in it.
TOUR = {b"person": (2, b"Ada"), b"note": (3, b"Snapshots read one version"), b"place": (36, None), b"counter": (1, None)}


def fail(what: str) -> None:
    sys.exit(f"check_surreal: {what}")


def verified(what: str) -> None:
    print(f"  ok  {what}")


def newest(dataset: "lance.LanceDataset") -> dict[bytes, bytes]:
    """Of each key the row with the greatest version, where that is no deletion."""
    rows = dataset.to_table(columns=["key", "version", "tombstone", "val"]).to_pydict()
    found: dict[bytes, tuple[int, bool, bytes]] = {}
    for key, *row in zip(rows["key"], rows["version"], rows["tombstone"], rows["val"]):
        if key not in found or found[key][0] < row[0]:
            found[key] = tuple(row)
    verified(f"{len(rows['key'])} rows for {len(found)} keys")
    return {key: val for key, (_, tombstone, val) in found.items() if not tombstone}


def check_rows(live: dict[bytes, bytes], path: str) -> None:
    with open(path, encoding="ascii") as file:
        pairs = (line.rstrip("\n").split("\t") for line in file)
        expected = {bytes.fromhex(key): bytes.fromhex(val) for key, val in pairs}
    missing, extra = expected.keys() - live.keys(), live.keys() - expected.keys()
    if missing or extra:
        fail(f"{len(missing)} keys are not in the table and {len(extra)} are too many: {min(missing or extra)!r}")
    different = [key for key in expected if expected[key] != live[key]]
    if different:
        fail(f"{len(different)} values differ, such as that of {min(different)!r}")
    verified(f"{len(live)} live keys, they and their values as kv-lance finds them")


def check_records(live: dict[bytes, bytes]) -> None:
    tables = collections.defaultdict(list)
    for key, val in live.items():
        if match := RECORD.match(key):
            tables[match[1]].append(val)
    for table, (count, part) in TOUR.items():
        if len(tables[table]) != count:
            fail(f"{len(tables[table])} records of {table.decode()}, not {count}")
        if part and not any(part in val for val in tables[table]):
            fail(f"no record of {table.decode()} has {part!r} in it")
    verified("records: " + ", ".join(f"{len(tables[table])} of {table.decode()}" for table in TOUR))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", help="the store's folder, as in demo-tour")
    args = parser.parse_args()
    path = os.path.join(args.store, "kv.lance")
    rows = args.store.rstrip("/") + ".rows"
    for needed in (path, rows):
        if not os.path.exists(needed):
            fail(f"{needed} is not there; the tour makes it")

    dataset = lance.dataset(path)
    print(f"{path}, with pylance {lance.__version__}:")
    live = newest(dataset)
    check_rows(live, rows)
    check_records(live)


if __name__ == "__main__":
    main()
