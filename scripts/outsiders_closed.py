"""Closed stores: another tool changes the table, then `kv` opens it."""

import json
import re

import pyarrow as pa
from outsiders_acts import clean_up
from outsiders_store import Failed, Store, expect, text


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
    carried_to_the_end(store, made)


def carried_to_the_end(store: Store, made: dict) -> None:
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


def gone(store: Store, act) -> None:
    before, rows = store.files(), store.table()
    act(store)
    store.holds("after it")
    store.holds_history("after it")
    expect("files of the table", store.files(), before)
    expect("their rows are those from before", store.table().equals(rows), True)
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
    before = store.table()
    act(store)
    made = store.lance().to_table()
    says_so(store)
    restored(store, before, made)


def names_it(said: str, version: int, who: str) -> None:
    for words in ("another program has changed the table", f"version {version} ", "restore"):
        expect(f"'{words}' in what {who} says, '{said}',", words in said, True)


def says_so(store: Store) -> None:
    for command in ("count", "stat", "flush", "compact", "get key-1", "set key-1 x"):
        code, said = store.call(*command.split())
        expect(f"kv {command} ({said}) exits with", code, 3)
        names_it(said, store.lance().version, f"kv {command}")


def restored(store: Store, before: pa.Table, made: pa.Table) -> None:
    """`kv restore` exports the other tool's rows, puts the store's back, and leaves the former under a tag."""
    foreign, file = store.lance(), store.folder / "theirs.jsonl"
    said = store.run("restore", "--export", str(file))
    tag = re.search(r"foreign-\d+", said)
    expect("the tag", tag and tag[0], f"foreign-{foreign.version}")
    store.holds("after kv restore")
    store.holds_history("after kv restore")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    expect("what was exported", in_order(lines), in_order(foreign_rows(before, made)))
    imported(store, lines)
    expect("another kv restore", store.run("restore").startswith("nothing to restore"), True)
    store.ends_well()
    expect("what the tag holds", store.lance(tag[0]).to_table().equals(made), True)
    store.lance().tags.delete(tag[0])
    clean_up(store)
    expect("versions once the tag is gone", len(store.lance().versions()), 1)
    store.holds("once the tag is gone")


def foreign_rows(before: pa.Table, made: pa.Table) -> list[dict]:
    """What a tool has made, without what it has left as it was; as lines of an export."""
    own = before.to_pylist() if made.schema.names == before.schema.names else []
    return [{name: as_json(value) for name, value in row.items()} for row in made.to_pylist() if row not in own]


def as_json(value):
    try:
        return text(value)
    except UnicodeDecodeError:
        return {"hex": value.hex()}


def in_order(lines: list[dict]) -> list[str]:
    return sorted(json.dumps(line) for line in lines)


def imported(store: Store, lines: list[dict]) -> None:
    """`kv import` reads an export; in a new store it leaves the last row of each key."""
    if not lines:
        return
    again, val = store.folder / "again", "val" if "val" in lines[0] else "value"
    said = json.loads(
        store.run("--json", "import", str(store.folder / "theirs.jsonl"), "--key", "key", "--value", val, store=again)
    )
    expect("rows that kv import reads", said["imported"], len(lines))
    versions = [line["version"] for line in lines]
    expect("versions of the export", versions, sorted(versions))
    last = {line["key"]: line[val] for line in lines}
    expect("what kv import makes of it", store.scan(again), {k: v for k, v in last.items() if v is not None})
