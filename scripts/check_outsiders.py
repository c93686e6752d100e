#!/usr/bin/env python3
"""Changes the tables of small stores with pylance and LanceDB and looks at what `kv` then says and holds.

    pip install pylance==14.0.2 lancedb==0.40.0
    python3 scripts/check_outsiders.py target/debug/kv

or `make outsiders`, which does both in a virtual environment of its own. The cases are the lines of the table "Other
tools that write to the table" in docs/guarantees.md. Exit code 1 where one fails.
"""

import argparse
import datetime
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

try:
    import lance
    import lancedb
    import pyarrow as pa
    from lancedb.index import BTree
except ImportError:
    sys.exit("check_outsiders: pip install pylance==14.0.2 lancedb==0.40.0, best in a virtual environment")

NOW = datetime.timedelta(0)


class Failed(Exception):
    pass


def expect(what: str, found, wanted) -> None:
    if found != wanted:
        raise Failed(f"{what}: {str(found)[:300]} instead of {str(wanted)[:300]}")


class Store:
    """A closed store with two runs, a tombstone and some history, and one key that is in the journal only."""

    def __init__(self, kv: pathlib.Path, folder: pathlib.Path):
        self.kv, self.folder, self.path = kv, folder, folder / "store"
        self.rows: dict[str, str] = {}
        self.load(range(0, 50), "old")
        self.old = json.loads(self.run("--json", "set", "key-20", "old"))["version"]
        self.run("flush")
        self.run("compact")
        self.load(range(25, 75), "new")
        self.run("set", "key-20", "new")
        self.run("del", "key-0", "key-30")
        self.run("flush")
        self.run("set", "journal", "only")
        self.rows |= {"key-20": "new", "journal": "only"}
        del self.rows["key-0"], self.rows["key-30"]
        self.runs = self.figure("runs")
        expect("runs to begin with", self.runs, 2)
        self.holds("to begin with")

    def load(self, numbers: range, state: str) -> None:
        lines = [json.dumps({"id": f"key-{n}", "state": state}) for n in numbers]
        file = self.folder / f"{state}.jsonl"
        file.write_text("".join(f"{line}\n" for line in lines))
        self.run("import", str(file), "--key", "id")
        self.rows |= {json.loads(line)["id"]: line for line in lines}

    def call(self, *args: str) -> tuple[int, str]:
        done = subprocess.run([self.kv, "--store", self.path, *args], capture_output=True, text=True)
        return done.returncode, (done.stdout if done.returncode == 0 else done.stderr).strip()

    def run(self, *args: str) -> str:
        code, said = self.call(*args)
        expect(f"kv {' '.join(args)} ({said}) exits with", code, 0)
        return said

    def figure(self, name: str) -> int:
        return json.loads(self.run("--json", "stat"))["statistics"][name]

    def holds(self, when: str) -> None:
        expect(f"count {when}", self.run("count"), str(len(self.rows)))
        expect(f"get {when}", self.run("get", "key-40"), self.rows["key-40"])
        expect(f"get of a deleted key {when}", self.call("get", "key-30")[0], 1)
        lines = [json.loads(line) for line in self.run("--json", "scan").splitlines()]
        expect(f"scan {when}", {line["key"]: line["value"] for line in lines}, self.rows)

    def holds_history(self, when: str) -> None:
        expect(f"history {when}", self.run("get", "key-20", "--at", str(self.old)), "old")

    def uri(self) -> str:
        return str(self.path / "kv.lance")

    def lance(self, version=None) -> lance.LanceDataset:
        return lance.dataset(self.uri(), version=version)

    def files(self) -> set[str]:
        return {file.path for part in self.lance().get_fragments() for file in part.data_files()}

    def table(self) -> pa.Table:
        """All rows; the order of the files says nothing."""
        return self.lance().to_table().sort_by([("key", "ascending"), ("version", "ascending")])

    def lancedb(self):
        return lancedb.connect(str(self.path)).open_table("kv")

    def ends_well(self) -> None:
        """Compactions take, and leave a table that holds the store's rows and no others."""
        self.run("flush")
        self.run("compact")
        self.holds("after a compaction")
        for _ in range(2):
            self.run("compact", "--no-history")
            self.holds("after a compaction without history")
        table = self.lance().to_table(columns=["key", "val"]).to_pylist()
        expect("rows that pylance finds", len(table), len(self.rows))
        expect("what pylance finds", {r["key"].decode(): r["val"].decode() for r in table}, self.rows)


def one_row(store: Store) -> pa.Table:
    columns = {"key": [b"foreign"], "version": [7], "tombstone": [False], "val": [b"row"]}
    return pa.table(columns, schema=store.lance().schema)


def clean_up(store: Store) -> None:
    """Removes all versions but the newest, and every file that it does not refer to."""
    store.lance().cleanup_old_versions(older_than=NOW, delete_unverified=True)


def compacted_and_cleaned(store: Store) -> None:
    store.lance().optimize.compact_files()
    clean_up(store)


def deleted_and_optimized(store: Store) -> None:
    store.lancedb().delete("tombstone")
    store.lancedb().optimize(cleanup_older_than=NOW, delete_unverified=True)


def taken_back(store: Store) -> None:
    version = store.lance().version
    store.lance(version - 1).restore()


CARRIED = {
    "pylance create_scalar_index": lambda s: s.lance().create_scalar_index("key", "BTREE"),
    "pylance tags.create": lambda s: s.lance().tags.create("theirs", s.lance().version),
    "pylance update_config": lambda s: s.lance().update_config({"theirs": "1"}),
    "lancedb create_index": lambda s: s.lancedb().create_index("version", config=BTree()),
    "lancedb tags.create": lambda s: s.lancedb().tags.create("theirs", s.lancedb().version),
}
CLEANED = {
    "pylance cleanup_old_versions": lambda s: s.lance().cleanup_old_versions(older_than=NOW),
    "pylance cleanup_old_versions, unverified too": clean_up,
}
REWRITTEN = {
    "pylance compact_files": lambda s: s.lance().optimize.compact_files(),
    "pylance compact_files, cleaned up": compacted_and_cleaned,
    "lancedb optimize": lambda s: s.lancedb().optimize(),
    "lancedb optimize, cleaned up": lambda s: s.lancedb().optimize(cleanup_older_than=NOW, delete_unverified=True),
}
REFUSED = {
    "pylance append": lambda s: lance.write_dataset(one_row(s), s.uri(), mode="append"),
    "pylance delete": lambda s: s.lance().delete("version > 0"),
    "pylance update": lambda s: s.lance().update({"version": "1"}),
    "pylance add_columns": lambda s: s.lance().add_columns({"more": "version"}),
    "pylance alter_columns": lambda s: s.lance().alter_columns({"path": "val", "name": "value"}),
    "pylance overwrite": lambda s: lance.write_dataset(one_row(s), s.uri(), mode="overwrite"),
    "pylance restore": taken_back,
    "lancedb add": lambda s: s.lancedb().add(one_row(s)),
    "lancedb delete": lambda s: s.lancedb().delete("tombstone"),
    "lancedb delete and optimize, cleaned up": deleted_and_optimized,
    "lancedb update": lambda s: s.lancedb().update(values={"version": 1}),
    "lancedb add_columns": lambda s: s.lancedb().add_columns({"more": "version"}),
    "lancedb alter_columns": lambda s: s.lancedb().alter_columns({"path": "val", "rename": "value"}),
    "lancedb overwrite": lambda s: lancedb.connect(str(s.path)).create_table("kv", one_row(s), mode="overwrite"),
}


def theirs(store: Store) -> dict:
    """What other tools have put beside the rows."""
    table = store.lance()
    config = {key: value for key, value in table.config().items() if key == "theirs"}
    return {"indices": [i.name for i in table.describe_indices()], "tags": list(table.tags.list()), "config": config}


def carried(store: Store, act) -> None:
    before = theirs(store)
    act(store)
    made = theirs(store)
    if made == before:
        raise Failed("the tool has changed nothing")
    store.holds("after it")
    store.holds_history("after it")
    store.ends_well()
    expect("what was carried along", theirs(store), made)
    for tag in made["tags"]:
        store.lance(tag).to_table()


def cleaned(store: Store, act) -> None:
    act(store)
    expect("versions that are left", len(store.lance().versions()), 1)
    store.holds("after it")
    store.holds_history("after it")
    expect("runs", store.figure("runs"), store.runs)
    store.ends_well()


def rewritten(store: Store, act) -> None:
    before, rows = store.files(), store.table()
    act(store)
    version = store.lance().version
    expect("fragments of the rewrite", len(store.lance().get_fragments()), 1)
    store.holds("after it")
    store.holds_history("after it")
    expect("files of the table", store.files(), before)
    expect("their rows are those from before", store.table().equals(rows), True)
    expect("a new version", store.lance().version > version, True)
    store.ends_well()


def refused(store: Store, act) -> None:
    act(store)
    foreign = store.lance()
    made = foreign.to_table()
    for command in ("count", "stat", "flush", "compact", "get key-1", "set key-1 x"):
        code, said = store.call(*command.split())
        expect(f"kv {command} ({said}) exits with", code, 3)
        for words in ("another program has changed the table", f"version {foreign.version} ", "restore"):
            expect(f"'{words}' in what kv {command} says, '{said}',", words in said, True)
    tag = re.search(r"foreign-\d+", store.run("restore"))
    expect("the tag", tag and tag[0], f"foreign-{foreign.version}")
    store.holds("after kv restore")
    store.holds_history("after kv restore")
    expect("another kv restore", store.run("restore").startswith("nothing to restore"), True)
    store.ends_well()
    expect("what the tag holds", store.lance(tag[0]).to_table().equals(made), True)
    store.lance().tags.delete(tag[0])
    clean_up(store)
    expect("versions once the tag is gone", len(store.lance().versions()), 1)
    store.holds("once the tag is gone")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("kv", type=pathlib.Path, help="the kv binary")
    kv = parser.parse_args().kv.resolve()
    warnings.filterwarnings("ignore", message="optimize")  # of readers that a clean-up may surprise
    failures = 0
    for check, cases in ((carried, CARRIED), (cleaned, CLEANED), (rewritten, REWRITTEN), (refused, REFUSED)):
        for name, act in cases.items():
            with tempfile.TemporaryDirectory() as folder:
                try:
                    check(Store(kv, pathlib.Path(folder)), act)
                    print(f"  ok    {check.__name__}: {name}")
                except Exception as error:  # also what pylance says of a table that it cannot read
                    failures += 1
                    print(f"  FAIL  {check.__name__}: {name}: {type(error).__name__}: {error}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
