"""What pylance and LanceDB do to the table of a store, by what the store makes of it."""

import datetime
import shutil

import lance
import lancedb
import pyarrow as pa
from lancedb.index import BTree
from outsiders_store import Store

NOW = datetime.timedelta(0)


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


def taken_back_and_cleaned(store: Store) -> None:
    taken_back(store)
    clean_up(store)


def taken_back_by_lancedb(store: Store) -> None:
    table = store.lancedb()
    table.restore(table.version - 1)


def two_rows(store: Store) -> pa.Table:
    """A key that the store has, and one that it has not."""
    columns = {"key": [b"foreign", b"key-40"], "version": [7, 8], "tombstone": [False, False], "val": [b"row", b"\xff"]}
    return pa.table(columns, schema=store.lance().schema)


def merged(store: Store) -> None:
    merge = store.lance().merge_insert("key").when_matched_update_all().when_not_matched_insert_all()
    merge.execute(two_rows(store))


def merged_by_lancedb(store: Store) -> None:
    merge = store.lancedb().merge_insert("key").when_matched_update_all().when_not_matched_insert_all()
    merge.execute(two_rows(store))


def overwritten_without_a_trace(store: Store) -> None:
    lance.write_dataset(one_row(store), store.uri(), mode="overwrite")
    store.lance().update_config({}, replace=True)
    clean_up(store)


def dropped(store: Store) -> None:
    lancedb.connect(str(store.path)).drop_table("kv")


def dropped_and_made(store: Store) -> None:
    rows = one_row(store)
    dropped(store)
    lancedb.connect(str(store.path)).create_table("kv", rows)


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
    "pylance merge_insert": merged,
    "pylance overwrite": lambda s: lance.write_dataset(one_row(s), s.uri(), mode="overwrite"),
    "pylance overwrite, configuration removed, cleaned up": overwritten_without_a_trace,
    "pylance restore": taken_back,
    "pylance restore, cleaned up": taken_back_and_cleaned,
    "lancedb add": lambda s: s.lancedb().add(one_row(s)),
    "lancedb delete": lambda s: s.lancedb().delete("tombstone"),
    "lancedb delete and optimize, cleaned up": deleted_and_optimized,
    "lancedb merge_insert": merged_by_lancedb,
    "lancedb restore": taken_back_by_lancedb,
    "lancedb update": lambda s: s.lancedb().update(values={"version": 1}),
    "lancedb add_columns": lambda s: s.lancedb().add_columns({"more": "version"}),
    "lancedb alter_columns": lambda s: s.lancedb().alter_columns({"path": "val", "rename": "value"}),
    "lancedb drop_table and create_table": dropped_and_made,
    "lancedb overwrite": lambda s: lancedb.connect(str(s.path)).create_table("kv", one_row(s), mode="overwrite"),
}
UNTIL_NO_ROOM = {name: REFUSED[name] for name in ("pylance append", "lancedb delete")}
# Not those that remove what is unverified: Lance forbids that beside whoever writes.
ALL_THE_TIME = {
    name: (REWRITTEN | CLEANED)[name]
    for name in ("pylance compact_files", "lancedb optimize", "pylance cleanup_old_versions")
} | {"lancedb optimize, old versions removed": lambda s: s.lancedb().optimize(cleanup_older_than=NOW)}
GONE = {
    "data files removed": lambda s: shutil.rmtree(s.path / "kv.lance/data"),
    "manifests removed": lambda s: shutil.rmtree(s.path / "kv.lance/_versions"),
    "lancedb drop_table": dropped,
}
