#!/usr/bin/env python3
"""Opens the dataset of a store with pylance and compares it with the folder that was imported into it.

    pip install pylance==14.0.2
    make run
    python3 scripts/check_pylance.py demo-store .

or `make pylance`, which does the first in a virtual environment of its own. Expects a store that was flushed and
compacted without history, as the tour leaves it. Exit code 1 where something differs.
"""

import argparse
import os
import pathlib
import random
import sys

try:
    import lance
except ImportError:
    sys.exit("check_pylance: pylance is missing: pip install pylance==14.0.2, best in a virtual environment")

COLUMNS = {"key": "binary", "version": "uint64", "tombstone": "bool", "val": "binary"}
CACHE_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"
SAMPLES = 20


def fail(what: str) -> None:
    sys.exit(f"check_pylance: {what}")


def verified(what: str) -> None:
    print(f"  ok  {what}")


def text(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")


def is_cache(folder: bytes) -> bool:
    try:
        with open(os.path.join(folder, b"CACHEDIR.TAG"), "rb") as tag:
            return tag.read(len(CACHE_TAG)) == CACHE_TAG
    except OSError:
        return False


def files(root: bytes, store: bytes) -> dict[bytes, bytes]:
    """What `kv import` takes from a folder: relative path → path."""
    found: dict[bytes, bytes] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if name != b".git"
            and not os.path.islink(path := os.path.join(folder, name))
            and not os.path.samefile(path, store)
            and not is_cache(path)
        ]
        for name in names:
            path = os.path.join(folder, name)
            if name != b".git" and os.path.isfile(path) and not os.path.islink(path):
                found[os.path.relpath(path, root)] = path
    return found


def check_shape(dataset: "lance.LanceDataset") -> None:
    shape = {field.name: str(field.type) for field in dataset.schema}
    if shape != COLUMNS:
        fail(f"the columns are {shape}, not {COLUMNS}")
    verified(f"columns: {', '.join(f'{name} {kind}' for name, kind in shape.items())}")


def check_rows(keys: list[bytes], tombstones: int) -> None:
    if tombstones:
        fail(f"{tombstones} rows are tombstones: run `kv flush` and `kv compact --no-history` first")
    if len(set(keys)) != len(keys):
        fail(f"{len(keys)} rows for {len(set(keys))} keys: run `kv flush` and `kv compact --no-history` first")
    verified(f"{len(keys)} rows, one for each live key, no tombstones")
    if keys != sorted(keys):
        fail("the rows are not in the order of their keys")
    verified("rows in the order of their keys")


def check_bytes(rows: dict[bytes, bytes], expected: dict[bytes, bytes]) -> None:
    missing, extra = expected.keys() - rows.keys(), rows.keys() - expected.keys()
    if missing or extra:
        example = text(min(missing or extra))
        fail(f"{len(missing)} files are not in the dataset and {len(extra)} keys have no file, such as {example!r}")
    different = [key for key, path in expected.items() if pathlib.Path(os.fsdecode(path)).read_bytes() != rows[key]]
    if different:
        fail(f"{len(different)} values differ from their files, such as {text(min(different))!r}")
    verified(f"{sum(map(len, rows.values()))} bytes of values, equal to the files")


def check_filters(dataset: "lance.LanceDataset", rows: dict[bytes, bytes]) -> None:
    for key in random.Random(0).sample(sorted(rows), min(SAMPLES, len(rows))):
        found = dataset.to_table(columns=["key", "val"], filter=f"key = X'{key.hex()}'").to_pylist()
        if found != [{"key": key, "val": rows[key]}]:
            fail(f"a filter by the key {text(key)!r} gives {len(found)} rows")
    if dataset.count_rows(filter="key = X'00ff00'") != (b"\x00\xff\x00" in rows):
        fail("a filter by a key that is not there gives rows")
    verified(f"{min(SAMPLES, len(rows))} filters by key, and one by a key that is not there")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", help="the store's folder, as in demo-store")
    parser.add_argument("source", help="the folder that was imported, as in .")
    args = parser.parse_args()
    path = os.path.join(args.store, "kv.lance")
    if not os.path.isdir(path):
        fail(f"{path} is not there; `make run` makes one")

    dataset = lance.dataset(path)
    print(f"{path}, with pylance {lance.__version__}:")
    check_shape(dataset)
    table = dataset.to_table()
    keys = table["key"].to_pylist()
    check_rows(keys, sum(table["tombstone"].to_pylist()))
    rows = dict(zip(keys, table["val"].to_pylist()))
    check_bytes(rows, files(os.fsencode(args.source), os.fsencode(args.store)))
    check_filters(dataset, rows)


if __name__ == "__main__":
    main()
